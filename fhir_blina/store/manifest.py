"""A folder of NDJSON with a Bulk Data manifest: written whole, read only if whole."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fhir_blina.errors import StoreIncomplete, StoreRefused, problem
from fhir_blina.files import (
    MAX_LINE_BYTES,
    Resource,
    dumps,
    loads,
    locked,
    read_ndjson,
    read_regular,
    sync_folder,
    write_whole,
)
from fhir_blina.r4 import FhirRelease, key_of

MANIFEST = "manifest.json"
CERTIFICATE = "certificate.json"


def now() -> str:
    """This instant as a FHIR instant in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def locks_of(folder: Path) -> Path:
    """The lock file of a store folder: beside it, hidden."""
    return folder.parent / f".{folder.name}.lock"


def _spare(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.old"


def write_folder(
    folder: Path, resources: Mapping[str, Resource], release: FhirRelease, *, request: str
) -> None:
    """Make ``folder`` hold these resources and nothing else. The caller holds its lock.

    Args:
        folder: The target; absent, empty, or a store folder.
        resources: By ``Type/id``.
        release: The release of FHIR that they are of.
        request: For the manifest: what was asked.

    Raises:
        StoreRefused: the folder holds other things, or is a symbolic link; a resource is larger than a
            line may be.
    """
    _write(folder, lines_of(resources), release, request=request)


def lines_of(resources: Mapping[str, Resource]) -> dict[str, Iterator[str]]:
    """The lines of each type, sorted by id, each made when it is asked for."""
    keys: dict[str, list[str]] = {}
    for key in sorted(resources):
        keys.setdefault(key.split("/", 1)[0], []).append(key)
    return {kind: (line_of(key, resources[key]) for key in some) for kind, some in keys.items()}


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


def refuse_foreign(folder: Path, release: FhirRelease) -> None:
    """Refuse a folder with files that no store wrote.

    Raises:
        StoreRefused: naming the first such file.
    """
    if folder.is_symlink():
        raise StoreRefused(f"{folder} is a symbolic link; give the folder itself")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise StoreRefused(f"{folder} is not a folder")
    for path in sorted(folder.iterdir()):
        ours = path.name in {MANIFEST, CERTIFICATE} or (
            path.suffix == ".ndjson" and path.stem in release.resource_types
        )
        if not ours and not path.name.startswith("."):
            raise StoreRefused(f"{path} was not written by a store. Give an empty folder, or move it away")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a store folder, its shape checked.

    Raises:
        StoreIncomplete: there is none, or it is not a manifest.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise StoreIncomplete(f"{folder} has no {MANIFEST}: not a store folder, or one never finished")
    try:
        manifest: dict[str, Any] = loads(read_regular(path, MAX_LINE_BYTES).decode("utf-8"))
    except OSError as error:
        raise StoreIncomplete(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise StoreIncomplete(f"{path}: not readable as JSON: {error}") from None
    entries = manifest.get("output") if isinstance(manifest, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise StoreIncomplete(f"{path}: not a Bulk Data manifest: output is not a list of objects")
    if manifest.get("error"):
        raise StoreIncomplete(f"{path}: the export reported errors. Pull again")
    return manifest


def read_folder(folder: Path, release: FhirRelease) -> dict[str, Resource]:
    """Every resource of a store folder by ``Type/id``, compared with its manifest.

    Raises:
        StoreIncomplete: with a finding for each file that is missing or extra, cut off, changed since
            it was written, or holds another number of lines, another type, or an id twice.
    """
    manifest = read_manifest(folder)
    resources: dict[str, Resource] = {}
    findings = []
    listed = set()
    for entry in manifest["output"]:
        kind = entry.get("type")
        name = entry.get("url")
        if (
            not isinstance(kind, str)
            or kind not in release.resource_types
            or name != f"{kind}.ndjson"
            or name in listed
        ):
            findings.append(
                problem(
                    str(folder / MANIFEST),
                    f"an output is not <Type>.ndjson of a type of FHIR {release.name}, or is there twice",
                )
            )
            continue
        listed.add(name)
        try:
            resources.update(_read_file(folder / name, entry, release))
        except StoreIncomplete as error:
            findings += error.findings
    findings += [
        problem(str(path), "is not in the manifest", "Write or pull the folder again")
        for path in sorted(folder.glob("*.ndjson"))
        if path.name not in listed
    ]
    if findings:
        raise StoreIncomplete(findings)
    return resources


def _read_file(path: Path, entry: Mapping[str, Any], release: FhirRelease) -> dict[str, Resource]:
    if not path.is_file() or path.is_symlink():
        raise StoreIncomplete([problem(str(path), "is in the manifest, but missing", "Pull again")])
    found: dict[str, Resource] = {}
    lines = 0
    for number, resource in read_ndjson(path):
        where = f"{path}:{number}"
        lines = number
        try:
            key = key_of(resource, release)
        except StoreRefused as error:
            raise StoreIncomplete([problem(where, str(error))]) from None
        if resource["resourceType"] != entry["type"]:
            raise StoreIncomplete([problem(where, f"is not a {entry['type']}")])
        if key in found:
            raise StoreIncomplete([problem(where, f"{key} is there twice")])
        found[key] = resource
    count = entry.get("count")
    if count is not None and not isinstance(count, int):
        raise StoreIncomplete([problem(str(path), "its count in the manifest is no number", "Pull again")])
    if count is not None and count != lines:
        raise StoreIncomplete(
            [problem(str(path), f"has {lines} lines, the manifest says {count}", "Pull the folder again")]
        )
    extension = entry.get("extension")
    digest = extension.get("sha256") if isinstance(extension, dict) else None
    if digest is not None and hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise StoreIncomplete(
            [problem(str(path), "differs from its checksum in the manifest", "Pull the folder again")]
        )
    return found


def save_pull(
    folder: Path,
    lines: Mapping[str, Iterable[str]],
    certificate: Mapping[str, Any],
    release: FhirRelease,
) -> None:
    """Make ``folder`` hold what was pulled and nothing else, under its lock.

    Args:
        folder: As for :func:`write_folder`.
        lines: As :func:`lines_of` gives them: by type in order, sorted by id.
        certificate: Content of ``certificate.json``; its ``query`` goes into the manifest, too.
        release: The release of FHIR that they are of.

    Raises:
        StoreRefused: as for :func:`write_folder`.
    """
    with locked(locks_of(folder)):
        recover(folder)
        _write(folder, lines, release, request=str(certificate["query"]), certificate=certificate)
