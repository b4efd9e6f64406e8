"""What a pull takes from a store folder: small ones are held, large ones go through line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fhir_blina.errors import StoreIncomplete
from fhir_blina.files import Resource
from fhir_blina.r4 import FhirRelease
from fhir_blina.store.contract import as_stored, by_type, counted
from fhir_blina.store.manifest import lines_listed, read_folder, read_manifest
from fhir_blina.store.replacing import by_file, line_of

#: Bytes of a folder up to which its resources are held, so that nobody has to read them again.
HELD_BYTES = 32 * 2**20


class Taken:
    """The resources of a store folder that are wanted, compared with its manifest. The caller holds its lock.

    A folder that is larger than ``HELD_BYTES`` is read line by line; memory does not grow with it as long as
    the lines of each file stand in the order of their ids, as every store of ours writes them.

    Args:
        folder: A store folder.
        release: The release of FHIR that its resources are of.
        wanted: Which of them.

    Attributes:
        counts: The wanted ones by type, types without any left out.
        left_out: Whether there are others.
        held: The wanted ones, where they are held.

    Raises:
        StoreIncomplete: as for :func:`read_folder`.
    """

    def __init__(self, folder: Path, release: FhirRelease, wanted: Callable[[Resource], bool]) -> None:
        self._folder, self._release, self._wanted = folder, release, wanted
        self._by_key: dict[str, Resource] = {}
        self.held: tuple[Resource, ...] | None = None
        self.left_out = False
        size = sum(path.stat().st_size for path in folder.glob("*.ndjson"))
        counts = self._counted_by_line() if size > HELD_BYTES else None
        self.counts = self._counted_at_once() if counts is None else counts

    @property
    def total(self) -> int:
        """How many are wanted."""
        return sum(self.counts.values())

    def lines(self) -> dict[str, Iterator[str]]:
        """The lines of each type as a store writes them, sorted by id."""
        if self.held is not None:
            found = by_file({key: line_of(key, one) for key, one in self._by_key.items()})
            return {kind: iter(lines) for kind, lines in found.items()}
        entries = {str(entry["type"]): entry for entry in read_manifest(self._folder)["output"]}
        return {kind: self._lines(entries[kind]) for kind in self.counts}

    def _lines(self, entry: dict[str, Any]) -> Iterator[str]:
        for _, key, _, resource in lines_listed(self._folder / str(entry["url"]), entry, self._release):
            if self._wanted(resource):
                yield line_of(key, as_stored(resource))

    def _counted_at_once(self) -> dict[str, int]:
        every: dict[str, Resource] = read_folder(self._folder, self._release)
        self._by_key = {key: as_stored(one) for key, one in every.items() if self._wanted(one)}
        self.held = tuple(self._by_key.values())
        self.left_out = len(self._by_key) < len(every)
        return counted(by_type(self._by_key))

    def _counted_by_line(self) -> dict[str, int] | None:
        """The same without holding them; ``None`` where that cannot be: a fault, or lines out of order."""
        counts: dict[str, int] = {}
        named = set()
        try:
            for entry in read_manifest(self._folder)["output"]:
                kind, name, last = str(entry.get("type")), str(entry.get("url")), ""
                if kind not in self._release.resource_types or name != f"{kind}.ndjson" or name in named:
                    return None
                named.add(name)
                for _, key, _, resource in lines_listed(self._folder / name, entry, self._release):
                    if key <= last:
                        return None
                    last = key
                    if self._wanted(resource):
                        counts[kind] = counts.get(kind, 0) + 1
                    else:
                        self.left_out = True
        except StoreIncomplete:  # all faults are named by who reads the whole
            return None
        if named != {path.name for path in self._folder.glob("*.ndjson")}:
            return None
        return dict(sorted(counts.items()))
