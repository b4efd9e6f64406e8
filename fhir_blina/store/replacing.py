"""A store folder replaced whole: a new one is filled beside it and takes its place."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fhir_blina.errors import StoreRefused, problem
from fhir_blina.files import MAX_LINE_BYTES, Resource, dumps, locked, sync_folder, write_whole
from fhir_blina.r4 import FhirRelease
from fhir_blina.store.kept import SortedLines
from fhir_blina.store.manifest import CERTIFICATE, MANIFEST, locks_of, now, refuse_foreign


def _spare(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.old"


def write_folder(folder: Path, lines: Mapping[str, str], release: FhirRelease, *, request: str) -> None:
    """Make ``folder`` hold these lines and nothing else. The caller holds its lock.

    Args:
        folder: The target; absent, empty, or a store folder.
        lines: By ``Type/id``, as :func:`line_of` gives them.
        release: The release of FHIR that they are of.
        request: For the manifest: what was asked.

    Raises:
        StoreRefused: the folder holds other things, or is a symbolic link.
    """
    _write(folder, by_file(lines), release, request=request)


def by_file(lines: Mapping[str, str]) -> dict[str, SortedLines]:
    """Lines by ``Type/id`` as the lines of each type, sorted by id."""
    found: dict[str, list[str]] = {}
    for key in sorted(lines):
        found.setdefault(key.split("/", 1)[0], []).append(key)
    return {kind: SortedLines(keys, lines) for kind, keys in found.items()}


def _write(
    folder: Path,
    lines: Mapping[str, Iterable[str]],
    release: FhirRelease,
    *,
    request: str,
    certificate: Mapping[str, Any] | None = None,
) -> None:
    """Fill a new folder beside ``folder``, sync it, let it take the place; until then the old one stays."""
    refuse_foreign(folder, release)
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".tmp"))
    try:
        output = [_write_file(fresh, kind, rows) for kind, rows in lines.items()]
        manifest = {
            "transactionTime": (certificate or {}).get("transactionTime") or now(),
            "request": request,
            "requiresAccessToken": False,
            "output": output,
            "error": [],
        }
        write_whole(fresh / MANIFEST, dumps(manifest, indent=2) + "\n")
        if certificate is not None:
            write_whole(fresh / CERTIFICATE, dumps(certificate, indent=2) + "\n")
        sync_folder(fresh)
        _take_place(fresh, folder)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _write_file(folder: Path, kind: str, rows: Iterable[str]) -> dict[str, Any]:
    """Write the lines of a type; returns its entry in the manifest."""
    digest, count = hashlib.sha256(), 0

    def passed() -> Iterator[str]:
        nonlocal count
        for row in rows:
            digest.update(row.encode())
            count += 1
            yield row

    write_whole(folder / f"{kind}.ndjson", passed())
    extension = {"sha256": digest.hexdigest()}
    return {"type": kind, "url": f"{kind}.ndjson", "count": count, "extension": extension}


def line_of(key: str, resource: Resource) -> str:
    """The line of a resource in a file of a store.

    Raises:
        StoreRefused: it is longer than 16 MiB.
    """
    line = dumps(resource) + "\n"
    if len(line) > MAX_LINE_BYTES // 4 and len(line.encode()) > MAX_LINE_BYTES:
        raise StoreRefused([problem(key, f"is larger than {MAX_LINE_BYTES // 2**20} MiB")])
    return line


def _take_place(fresh: Path, folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(_spare(folder), ignore_errors=True)
        folder.rename(_spare(folder))
    fresh.rename(folder)
    sync_folder(folder.parent)
    shutil.rmtree(_spare(folder), ignore_errors=True)


def recover(folder: Path) -> None:
    """Finish or undo a replacement that a crash interrupted. The caller holds the lock."""
    if _spare(folder).exists():
        if folder.exists():
            shutil.rmtree(_spare(folder))
        else:
            _spare(folder).rename(folder)
    for left in folder.parent.glob(f".{folder.name}.*.tmp"):
        shutil.rmtree(left, ignore_errors=True)


def save_pull(
    folder: Path,
    lines: Mapping[str, Iterable[str]],
    certificate: Mapping[str, Any],
    release: FhirRelease,
) -> None:
    """Make ``folder`` hold what was pulled and nothing else, under its lock.

    Args:
        folder: As for :func:`write_folder`.
        lines: Of each type in order, sorted by id.
        certificate: Content of ``certificate.json``; its ``query`` goes into the manifest, too.
        release: The release of FHIR that they are of.

    Raises:
        StoreRefused: as for :func:`write_folder`.
    """
    with locked(locks_of(folder)):
        recover(folder)
        _write(folder, lines, release, request=str(certificate["query"]), certificate=certificate)
