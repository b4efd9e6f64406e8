"""The folder of a journal: whose it is, of which pull, and whether that can still go on from it."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import shutil
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fhir_blina.errors import StoreRefused
from fhir_blina.files import dumps, loads, sync_folder, write_whole

STALE_SECONDS = 86_400.0
ABOUT = "about.json"
ROUNDS = 10_000


def journal_of(target: Path) -> Path:
    """The journal of a pull to ``target``: beside it, hidden."""
    return target.parent / f".{target.name}.journal"


def begin_folder(place: Path, question: Mapping[str, Any], *, moment: str, counts: Mapping[str, int]) -> None:
    """Make the folder of a new journal in place of one that may be there.

    Args:
        place: The folder.
        question: What is pulled from where; see :meth:`fhir_blina.store.rest.journal.Journal.begin`.
        moment: An instant of the server's clock, not after the pull began.
        counts: What the server counted.
    """
    discard(place)
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    place.mkdir(mode=0o700)
    salt = secrets.token_hex(16)
    about = {
        "salt": salt,
        "digest": _digest(question, salt),
        "began": time.time(),
        "moment": moment,
        "counts": dict(counts),
    }
    write_whole(place / ABOUT, dumps(about) + "\n")
    sync_folder(place.parent)


def left_by(place: Path, question: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
    """``about.json`` of the journal that an earlier pull left: ``moment``, ``counts`` and what else is known.

    Args:
        place: The journal's folder.
        question: What is to be pulled, as for :func:`begin_folder`.

    Returns:
        None where the journal is of no use, and why; "" where there is none.

    Raises:
        StoreRefused: the folder is a symbolic link, or others may read or own it.
    """
    if not os.path.lexists(place):
        return None, ""
    _refuse_strangers(place)
    try:
        about = loads((place / ABOUT).read_text("utf-8"))
        age = time.time() - float(about["began"])
        same = hmac.compare_digest(_digest(question, about["salt"]), about["digest"])
        known = isinstance(about["moment"], str) and isinstance(about["counts"], dict)
    except (OSError, ValueError, TypeError, KeyError):
        return None, ""  # never begun, or on its way out
    if not same or not known:
        return None, "it was another pull"
    if not 0 <= age <= STALE_SECONDS:
        return None, f"it is older than {STALE_SECONDS / 3600:g} hours"
    return about, ""


def discard(place: Path) -> None:
    """Remove a journal; one that is removed in part is none.

    Raises:
        StoreRefused: the folder is a symbolic link, or others may read or own it.
    """
    if not os.path.lexists(place):
        return
    _refuse_strangers(place)
    (place / ABOUT).unlink(missing_ok=True)
    shutil.rmtree(place)


def _refuse_strangers(place: Path) -> None:
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise StoreRefused(f"{place} is not a folder of ours alone. Look at it, and remove it")


def _digest(question: Mapping[str, Any], salt: str) -> str:
    text = dumps(question, sort_keys=True).encode()
    return hashlib.pbkdf2_hmac("sha256", text, bytes.fromhex(salt), ROUNDS).hex()
