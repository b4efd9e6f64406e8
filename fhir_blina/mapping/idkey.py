"""Ids as keyed hashes; the key is made once and kept in a file that only its owner can read."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
import stat
import tempfile
from pathlib import Path

from fhir_blina.errors import CohortError, problem
from fhir_blina.files import Resource, open_regular
from fhir_blina.mapping.guessable import why_guessable
from fhir_blina.r4 import with_names

MIN_BYTES = 32
MOST_BYTES = 4096


def id_key_path() -> Path:
    """``FHIR_BLINA_ID_KEY_FILE``, or ``fhir-blina/id-key`` in the user's configuration folder."""
    given = os.environ.get("FHIR_BLINA_ID_KEY_FILE")
    if given:
        return Path(given)
    config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(config) / "fhir-blina" / "id-key"


def _make(path: Path) -> None:
    """Write a new key whole; one that another process made meanwhile stays."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_hex(MIN_BYTES).encode())
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()


def id_key() -> bytes:
    """The key, of 32 bytes or more; made on first use.

    Whoever has the key can tell which id belongs to which subject, and move shifted dates back; whoever loses
    it gets other ids and other shifts.

    Raises:
        CohortError: the file is too short, can be guessed, is open to others, or cannot be read or made.
    """
    path = id_key_path()
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make(path)
        with open_regular(path) as file:
            mode = os.fstat(file.fileno()).st_mode
            key = file.read(MOST_BYTES + 1).strip()
    except OSError as error:
        raise CohortError([problem(str(path), f"the key for ids cannot be used: {error.strerror}")]) from None
    if mode & (stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH):
        text = "the key for ids is open to others"
        raise CohortError([problem(str(path), text, f"Say chmod 600 {path}")])
    if len(key) > MOST_BYTES:
        raise CohortError([problem(str(path), "the key for ids is too long", "Is it the right file?")])
    if len(key) < MIN_BYTES:
        remedy = f"Put at least {MIN_BYTES} random bytes into it"
        raise CohortError([problem(str(path), "the key for ids is too short", remedy)])
    if why := why_guessable(key):
        remedy = (
            f"Delete the file, and one of {MIN_BYTES} random bytes is made, if no id was made with it yet"
        )
        raise CohortError([problem(str(path), f"the key for ids {why} and can be guessed", remedy)])
    return key


def hashed_id(key: bytes, name: str) -> str:
    """A letter and 52 characters of base32: HMAC-SHA256 of the readable id."""
    digest = hmac.new(key, name.encode(), hashlib.sha256).digest()
    return "h" + base64.b32encode(digest).decode().rstrip("=").lower()


def hash_ids(resource: Resource, key: bytes) -> Resource:
    """The resource with its id, and the ids in its references, as keyed hashes."""

    def name(key_of: str) -> str:
        kind, _, readable = key_of.partition("/")
        return f"{kind}/{hashed_id(key, readable)}" if readable and "/" not in readable else key_of

    return with_names(resource, name)
