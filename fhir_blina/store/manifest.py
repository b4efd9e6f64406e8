"""A folder of NDJSON with a Bulk Data manifest: which files are its own, read only if whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from fhir_blina.errors import StoreIncomplete, StoreRefused, problem
from fhir_blina.files import (
    COHORT_SYSTEM,
    MAX_LINE_BYTES,
    Resource,
    loads,
    open_regular,
    read_lines,
    read_regular,
    resource_of,
)
from fhir_blina.r4 import FhirRelease, key_of
from fhir_blina.store.contract import tags_of
from fhir_blina.store.kept import KeptLines

MANIFEST = "manifest.json"
CERTIFICATE = "certificate.json"
T = TypeVar("T")


def now() -> str:
    """This instant as a FHIR instant in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def locks_of(folder: Path) -> Path:
    """The lock file of a store folder: beside it, hidden."""
    return folder.parent / f".{folder.name}.lock"


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


def _resource(_key: str, _line: bytes, resource: Resource) -> Any:
    return resource


def read_folder(
    folder: Path, release: FhirRelease, take: Callable[[str, bytes, Resource], T] = _resource
) -> dict[str, T]:
    """Every resource of a store folder by ``Type/id``, compared with its manifest.

    Args:
        folder: The folder.
        release: The release of FHIR of its resources.
        take: What is kept of each, from its ``Type/id``, its line and the resource; else the resource.

    Raises:
        StoreIncomplete: with a finding for each file that is missing or extra, cut off, changed since
            it was written, or holds another number of lines, another type, or an id twice.
    """
    manifest = read_manifest(folder)
    resources: dict[str, T] = {}
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
            resources.update(_read_file(folder / name, entry, release, take))
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


class FolderContent(NamedTuple):
    """What lies in a store folder, by ``Type/id``: the lines, and the cohorts whose tags each carries."""

    lines: KeptLines
    cohorts: Mapping[str, frozenset[str]]


def read_held(folder: Path, release: FhirRelease) -> FolderContent:
    """Every line of a store folder; nothing of a folder that is not there or empty.

    Raises:
        StoreRefused: the folder holds other things.
        StoreIncomplete: as for :func:`read_folder`.
    """
    refuse_foreign(folder, release)
    lines = KeptLines()
    if not folder.exists() or not any(folder.iterdir()):
        return FolderContent(lines, {})
    known: dict[frozenset[str], frozenset[str]] = {}

    def kept(key: str, line: bytes, resource: Resource) -> frozenset[str]:
        lines.keep(key, line)
        cohorts = frozenset(code for system, code in tags_of(resource) if system == COHORT_SYSTEM)
        return known.setdefault(cohorts, cohorts)

    return FolderContent(lines, read_folder(folder, release, kept))


def holds(folder: Path, lines: Mapping[str, Iterable[str]]) -> bool:
    """Whether a store folder holds these lines of each type and nothing else, byte for byte."""
    there = {path.name for path in folder.glob("*.ndjson")}
    stated = read_manifest(folder)["output"] if (folder / MANIFEST).is_file() else []
    listed = {str(one.get("url")) for one in stated}
    if not there == listed == {f"{kind}.ndjson" for kind in lines}:
        return False
    for kind, rows in lines.items():
        with open_regular(folder / f"{kind}.ndjson") as file:
            if any(file.read(len(row)) != row for row in map(str.encode, rows)) or file.read(1):
                return False
    return True


def _read_file(
    path: Path, entry: Mapping[str, Any], release: FhirRelease, take: Callable[[str, bytes, Resource], T]
) -> dict[str, T]:
    found: dict[str, T] = {}
    for number, key, line, resource in lines_listed(path, entry, release):
        if key in found:
            raise StoreIncomplete([problem(f"{path}:{number}", f"{key} is there twice")])
        found[key] = take(key, line, resource)
    return found


def lines_listed(
    path: Path, entry: Mapping[str, Any], release: FhirRelease
) -> Iterator[tuple[int, str, bytes, Resource]]:
    """Each line of a file with its number and ``Type/id``; compared with the manifest once all have passed.

    Raises:
        StoreIncomplete: as for :func:`read_folder`; that an id is there twice is not looked for.
    """
    if not path.is_file() or path.is_symlink():
        raise StoreIncomplete([problem(str(path), "is in the manifest, but missing", "Pull again")])
    lines, digest = 0, hashlib.sha256()
    for number, line in read_lines(path):
        where = f"{path}:{number}"
        lines = number
        digest.update(line)
        try:
            resource = resource_of(line)
            key = key_of(resource, release)
        except ValueError as error:
            raise StoreIncomplete(f"{where}: {error}") from None
        except StoreRefused as error:
            raise StoreIncomplete([problem(where, str(error))]) from None
        if resource["resourceType"] != entry["type"]:
            raise StoreIncomplete([problem(where, f"is not a {entry['type']}")])
        yield number, key, line, resource
    count = entry.get("count")
    if count is not None and not isinstance(count, int):
        raise StoreIncomplete([problem(str(path), "its count in the manifest is no number", "Pull again")])
    if count is not None and count != lines:
        raise StoreIncomplete(
            [problem(str(path), f"has {lines} lines, the manifest says {count}", "Pull the folder again")]
        )
    extension = entry.get("extension")
    stated = extension.get("sha256") if isinstance(extension, dict) else None
    if stated is not None and digest.hexdigest() != stated:
        raise StoreIncomplete(
            [problem(str(path), "differs from its checksum in the manifest", "Pull the folder again")]
        )
