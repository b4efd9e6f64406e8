"""Whether a folder can be read as it is, and a gathered copy of one that cannot."""

from __future__ import annotations

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

_MARKS = (b'"contained"', b'"#', b'"urn:', b"?identifier=", b'"identifier":{', b'"identifier": {')
_BEFORE = re.compile(rb'"reference"\s*:\s*"\Z')
_FOLDER = frozenset({"manifest.json", "certificate.json"})


def is_plain(folder: Path, release: FhirRelease) -> bool:
    """Whether it is a folder of ``<Type>.ndjson`` of types of the release and nothing else but a manifest."""
    return folder.is_dir() and all(
        path.name.startswith(".")
        or path.name in _FOLDER
        or (path.suffix == ".ndjson" and path.stem in release.resource_types and path.is_file())
        for path in folder.iterdir()
    )


def _is_marked(path: Path) -> bool:
    """Whether a file may hold references that need a key, by its bytes."""
    with open_regular(path) as file:
        if not path.stat().st_size:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
            for mark in _MARKS:
                place = held.find(mark)
                while place >= 0:
                    reference = mark[1:] in {b"#", b"urn:"}
                    if not reference or _BEFORE.search(held[max(0, place - 30) : place + 1]):
                        return True
                    place = held.find(mark, place + 1)
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
    if is_plain(source, release) and not any(map(_is_marked, sorted(source.glob("*.ndjson")))):
        yield source, None
        return
    with scratch() as folder:
        found = gather(source, folder, release, keyed=True)
        if found.rejected:
            raise StoreIncomplete(found.findings())
        yield folder, found
