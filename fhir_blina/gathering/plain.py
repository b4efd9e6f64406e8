"""Whether a folder can be read as it is, and a gathered copy of one that cannot."""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fhir_blina.errors import StoreIncomplete
from fhir_blina.files import open_regular, scratch
from fhir_blina.gathering.gathered import Gathered
from fhir_blina.gathering.gathering import gather
from fhir_blina.r4 import FhirRelease

_IDENTIFIER = re.compile(rb'"identifier"\s*:\s*\{')
_MARK = re.compile(rb'"contained"\s*:|"reference"\s*:\s*"(?:#|(?i:urn):|[A-Za-z]+\?)|' + _IDENTIFIER.pattern)
# A name written with escapes: engines that look for names in the text would not find it.
_ESCAPED = re.compile(rb'\\u[0-9a-fA-F]{4}(?:[^"\\]|\\.){0,40}"\s{0,20}:')
_FOLDER = frozenset({"manifest.json", "certificate.json"})


def is_plain(folder: Path, release: FhirRelease) -> bool:
    """Whether it is a folder of ``<Type>.ndjson`` of types of the release and nothing else but a manifest."""
    return folder.is_dir() and all(
        path.name.startswith(".")
        or path.name in _FOLDER
        or (path.suffix == ".ndjson" and path.stem in release.resource_types and path.is_file())
        for path in folder.iterdir()
    )


def _is_marked(path: Path, release: FhirRelease) -> bool:
    """Whether a file may hold references that need a key, or names to be written plainly, by its bytes."""
    own = release.identifier(path.stem) == "one"
    with open_regular(path) as file:
        if not path.stat().st_size:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
            if _ESCAPED.search(held):
                return True
            for mark in _MARK.finditer(held):
                if not own or not _IDENTIFIER.fullmatch(mark[0]):
                    return True
                begin, end = held.rfind(b"\n", 0, mark.start()) + 1, held.find(b"\n", mark.end())
                if not _is_its_own(held[begin : end if end >= 0 else len(held)]):
                    return True
    return False


def _is_its_own(line: bytes) -> bool:
    """Whether the one identifier of a line is that of the resource and of no reference."""
    if len(_IDENTIFIER.findall(line)) > 1:
        return False
    try:
        return isinstance(json.loads(line).get("identifier"), dict)
    except (ValueError, AttributeError, RecursionError):
        return False


@contextmanager
def plainly(source: Path | str, release: FhirRelease) -> Iterator[tuple[Path, Gathered | None]]:
    """A folder of ``<Type>.ndjson`` whose references all have the key that they can have.

    Args:
        source: A folder or file, see :func:`fhir_blina.gathering.gathering.gather`.
        release: The release of FHIR that the resources are of.

    Yields:
        The folder itself where it is so already, with no account; else a gathered copy, gone afterwards.

    Raises:
        StoreIncomplete: as of ``gather``; or something in it cannot be read.
    """
    source = Path(source)
    if is_plain(source, release) and not any(
        _is_marked(path, release) for path in sorted(source.glob("*.ndjson"))
    ):
        yield source, None
        return
    with scratch() as folder:
        found = gather(source, folder, release, keyed=True)
        if found.rejected:
            raise StoreIncomplete(found.findings())
        yield folder, found
