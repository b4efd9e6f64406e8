"""Files as people have them, read like a store: NDJSON by any name, Bundles, single resources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from fhir_blina.errors import StoreIncomplete, StoreRefused
from fhir_blina.files import Resource, read_ndjson, scratch
from fhir_blina.gathering import Gathered, gather, keep_rejected
from fhir_blina.r4 import R4, FhirRelease, checked_types
from fhir_blina.store.contract import (
    Progress,
    PullResult,
    as_stored,
    belongs_to,
    no_progress,
    not_here,
)
from fhir_blina.store.manifest import (
    CERTIFICATE,
    MANIFEST,
    now,
    read_manifest,
)
from fhir_blina.store.replacing import line_of, save_pull


def is_foreign(location: Path) -> bool:
    """Whether it is a file, or a folder with files in it that no store of ours wrote.

    A manifest is foreign where it names an output otherwise than ``<Type>.ndjson``, by an address or by
    another name, or where no output has the digest that a store of ours writes beside it.
    """
    if not location.is_dir() or location.is_symlink():
        return location.is_file() and not location.is_symlink()
    if not any(not path.name.startswith(".") for path in location.iterdir()):
        return False
    if (location / CERTIFICATE).exists():
        return False
    if not (location / MANIFEST).exists():
        return True
    try:
        outputs = read_manifest(location)["output"]
    except StoreIncomplete:
        return False
    named = [(one.get("type"), one.get("url")) for one in outputs]
    sound = all(isinstance(kind, str) and _is_sound(url) for kind, url in named)
    plain = all(url == f"{kind}.ndjson" for kind, url in named)
    return sound and bool(named) and not (plain and any(_is_ours(one) for one in outputs))


def _is_ours(output: Mapping[str, Any]) -> bool:
    extension = output.get("extension")
    return isinstance(extension, dict) and "sha256" in extension


def _is_sound(url: Any) -> bool:
    if not isinstance(url, str):
        return False
    return url.startswith(("https://", "http://")) or ("/" not in url and "\\" not in url)


class FilesStore:
    """A file, or the files below a folder; can be read as a :class:`Store` and not be written.

    Args:
        location: See :func:`fhir_blina.gathering.gather`.
        release: The release of FHIR that the resources are of.

    Attributes:
        reads_files: Tells it from a store of ours.
    """

    reads_files = True

    def __init__(self, location: Path, *, release: FhirRelease = R4) -> None:
        self._location = location
        self._release = release

    @property
    def location(self) -> str:
        """The file or folder."""
        return str(self._location)

    def counts(self, cohort: str | None = None) -> dict[str, int]:
        """Resources by type: one cohort's, or all."""
        with scratch() as folder:
            gather(self._location, folder, self._release)
            found = Counter(one["resourceType"] for one in _resources(folder, cohort))
        return dict(sorted(found.items()))

    def held(self, cohort: str) -> dict[str, Resource]:
        """The resources of a cohort, by ``Type/id``."""
        with scratch() as folder:
            gather(self._location, folder, self._release)
            return {f"{one['resourceType']}/{one['id']}": one for one in _resources(folder, cohort)}

    def pull(
        self,
        folder: Path,
        *,
        cohort: str | None = None,
        types: Sequence[str] | None = None,
        since: str | None = None,
        progress: Progress = no_progress,
        rejects: Path | None = None,
    ) -> PullResult:
        """Gather what is there into a store folder; see :class:`Store`.

        Args:
            folder: As there.
            cohort: As there.
            types: As there.
            since: Files do not know.
            progress: As there.
            rejects: Where lines and entries are written that hold no resource; without it they are an error.
        """
        if since is not None:
            raise StoreRefused("files do not know when a resource was stored; leave out since")
        checked_types(types or (), self._release)
        with scratch() as gathered:
            found = gather(self._location, gathered, self._release)
            _set_aside(found, rejects)
            chosen = sorted(
                path for path in gathered.glob("*.ndjson") if types is None or path.stem in set(types)
            )
            counts = {path.stem: found.counts[path.stem] for path in chosen}
            if cohort is not None:
                counts = {path.stem: sum(1 for _ in _of(path, cohort)) for path in chosen}
            counts = {kind: count for kind, count in counts.items() if count}
            if cohort is not None and not counts:
                raise not_here(self.location, cohort)
            certificate = {
                "server": self.location,
                "query": f"cohort={cohort or '*'}&types={','.join(types) if types else '*'}",
                "way": "files",
                "time": now(),
                "counts": counts,
                "total": sum(counts.values()),
            }
            lines = {path.stem: _lines(path, cohort) for path in chosen if path.stem in counts}
            save_pull(folder, lines, certificate, self._release)
        progress("pull", sum(counts.values()), sum(counts.values()))
        return PullResult(
            counts, folder, certificate, notes=tuple(found.sentences()), rejected=tuple(found.findings())
        )

    def plan(self, *_: Any, **__: Any) -> NoReturn:
        """Not possible; see :meth:`push`."""
        self.push()

    def push(self, *_: Any, **__: Any) -> NoReturn:
        """Not possible: what others wrote is left as it is.

        Raises:
            StoreRefused: always.
        """
        what = "was not written by a store" if self._location.is_dir() else "is not a folder"
        raise StoreRefused(f"{self.location} {what}. Give an empty folder, or move it away")

    def unload(self, *_: Any, **__: Any) -> NoReturn:
        """Not possible; see :meth:`push`."""
        self.push()


def _set_aside(found: Gathered, rejects: Path | None) -> None:
    if found.rejected and rejects is None:
        raise StoreIncomplete(found.findings())
    if found.rejected and rejects is not None:
        keep_rejected(found, rejects)


def _of(path: Path, cohort: str | None) -> Iterator[Resource]:
    for _, resource in read_ndjson(path):
        if cohort is None or belongs_to(resource, cohort):
            yield resource


def _resources(folder: Path, cohort: str | None) -> Iterator[Resource]:
    for path in sorted(folder.glob("*.ndjson")):
        yield from _of(path, cohort)


def _lines(path: Path, cohort: str | None) -> Iterator[str]:
    for one in _of(path, cohort):
        yield line_of(f"{one['resourceType']}/{one['id']}", as_stored(one))
