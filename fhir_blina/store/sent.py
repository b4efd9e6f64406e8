"""What a push sends, resource by resource, and what it cannot send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fhir_blina.errors import Finding, StoreIncomplete, StoreRefused, problem
from fhir_blina.files import COHORT_SYSTEM, Resource, dumps, resource_of, write_whole
from fhir_blina.r4 import FhirRelease, is_labelled, is_legal, key_of, targets_of
from fhir_blina.store.contract import as_stored, belongs_to, tags_of
from fhir_blina.store.kept import KeptLines
from fhir_blina.store.replacing import line_of
from fhir_blina.store.sources import Listed, NdjsonFolder, Place, source_of

NOT_REMOVED = "nothing orphaned was removed, because some resources were rejected"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A resource that is not stored: where it stands, and why."""

    place: Place
    finding: Finding


class Sent(Mapping[str, Resource]):
    """The resources of a push by ``Type/id``, as stored; each is read when it is asked for.

    What no store takes is set aside at once, with whatever refers to it: what is not JSON, larger than
    16 MiB or nested deeper than 64; a NUL or lone surrogate in a string; an illegal type or id; an id twice
    (each of them); a resource without the cohort's tag.

    Args:
        resources: A list, an iterator, or a :class:`~fhir_blina.store.sources.Source`.
        cohort: The cohort's name.
        release: The release of FHIR that they must be of.
        origins: Where a resource comes from, by ``Type/id``, for the file of rejects.
        keep: Keep the line of each, so that none is read or written again.

    Attributes:
        targets: What each refers to, by ``Type/id``.
        lines: As a folder holds them, by ``Type/id``; empty without ``keep``.
        lost: How messages name what was set aside, by ``Type/id`` where that is known.
    """

    def __init__(
        self,
        resources: Iterable[Resource],
        cohort: str,
        release: FhirRelease,
        origins: Mapping[str, str] | None = None,
        *,
        keep: bool = False,
    ) -> None:
        self._source = source_of(resources)
        self._release = release
        self._origins = origins or {}
        self._places: dict[str, Place] = {}
        self._rejected: list[Rejected] = []
        self.lines = KeptLines()
        self.targets: dict[str, tuple[str, ...]] = {}
        self.lost: dict[str, str] = {}
        twice: set[str] = set()
        shared: dict[tuple[str, ...], tuple[str, ...]] = {}
        for place, line in self._source.scan():
            try:
                if isinstance(line, ValueError):
                    raise line
                resource = resource_of(line)
                key = key_of(resource, release)
            except (ValueError, StoreRefused) as error:
                self._set_aside(place, str(error))
                continue
            if not belongs_to(resource, cohort):
                remedy = f"Add meta.tag {COHORT_SYSTEM}|{cohort}"
                self._set_aside(place, f"lacks the tag of cohort {cohort}", remedy, key=key)
            elif key in self._places:
                self._set_aside(place, "two resources have this id", "Give each its own", key=key)
                twice.add(key)
            else:
                targets = targets_of(resource)
                self._places[key] = place
                if keep:
                    listed = isinstance(self._source, Listed)
                    whole = line + b"\n" if listed else line_of(key, as_stored(resource)).encode()
                    self.lines.keep(key, whole)
                self.targets[key] = shared.setdefault(targets, targets)
        for key in self._places.keys() & self.lost.keys() - twice:  # the other one is whole
            del self.lost[key]
        self.refuse(twice, "two resources have this id", "Give each its own")

    def refuse(self, keys: Iterable[str], reason: str, remedy: str = "") -> None:
        """Set aside these too, and whatever refers to them."""
        for key in keys:
            del self.targets[key]
            self._set_aside(self._places.pop(key), reason, remedy, key=key)
            self.lines.drop(key)
        while self.lost:
            more = {
                key: self.lost[lost[0]]
                for key, targets in self.targets.items()
                if (lost := [target for target in targets if target in self.lost])
            }
            if not more:
                return
            for key, named in more.items():
                del self.targets[key]
                self._set_aside(self._places.pop(key), f"refers to {named}, which was refused", key=key)
                self.lines.drop(key)

    def _set_aside(self, place: Place, reason: str, remedy: str = "", *, key: str = "") -> None:
        key = key or self._source.key(place)
        kind, _, name = key.partition("/")
        finding = problem(
            self._named(place, key if is_legal(kind, name, self._release) else ""), reason, remedy
        )
        self._rejected.append(Rejected(place, finding))
        if key:
            self.lost[key] = finding.location

    def _named(self, place: Place, key: str = "") -> str:
        """How findings name a resource: ``file:line Type/id``, of a list ``Type/id`` or ``resource 17``."""
        return f"{place} {key}".rstrip() if place.path else key or str(place)

    def __getitem__(self, key: str) -> Resource:
        """The resource as stored, read anew where none is kept.

        Raises:
            StoreIncomplete: its file was changed meanwhile.
        """
        place = self._places[key]
        try:
            resource = resource_of(self._source.read(place))
        except ValueError:
            resource = {}
        if f"{resource.get('resourceType')}/{resource.get('id')}" != key:
            raise StoreIncomplete([problem(str(place), "was changed while it was pushed", "Push again")])
        return as_stored(resource)

    def size_of(self, key: str) -> int:
        """Bytes of its line; 0 in a list."""
        return self._places[key].length

    def __iter__(self) -> Iterator[str]:
        """Each ``Type/id``, in the order of the source."""
        return iter(self._places)

    def __contains__(self, key: object) -> bool:
        """Whether it can be sent; nothing is read for that."""
        return key in self._places

    def __len__(self) -> int:
        """How many can be sent."""
        return len(self._places)

    def rejected(self, refused: Mapping[str, Finding]) -> list[Rejected]:
        """What was set aside and what the server refused, by ``Type/id``, in the order of the source."""
        said = [
            Rejected(self._places[key], replace(finding, location=self._named(self._places[key], key)))
            for key, finding in refused.items()
            if key in self._places
        ]
        return sorted([*self._rejected, *said], key=lambda one: one.place)

    def keep_rejected(self, path: Path, refused: Mapping[str, Finding]) -> None:
        """Write what was set aside or refused to a file, one JSON object a line.

        ``source`` says where it comes from (file and line, or template and row), ``reason`` what is wrong
        with it, ``resource`` is all of it; where it is no resource, ``text`` is the line, bytes that are
        not UTF-8 as lone surrogates.
        """

        def lines() -> Iterator[str]:
            for one in self.rejected(refused):
                key = one.finding.location.rpartition(" ")[2]
                expression = f" ({one.finding.expression})" if one.finding.expression else ""
                head = {
                    "source": self._origins.get(key, str(one.place)),
                    "reason": one.finding.diagnostics + expression,
                }
                yield dumps(head)[:-1] + ","
                yield from self._source.content(one.place)
                yield "}\n"

        write_whole(path, lines())


def cohort_of(folder: NdjsonFolder) -> str:
    """The cohort whose tag the first tagged resource of a folder carries.

    Raises:
        StoreRefused: none is tagged.
    """
    for resource in folder:
        for system, code in tags_of(resource) if is_labelled(resource) else []:
            if system == COHORT_SYSTEM and code:
                return code
    raise StoreRefused(f"no resource in {folder.folder} has the tag of a cohort, {COHORT_SYSTEM}|NAME")


def refuse_to_write(path: Path | None) -> None:
    """Look before a push whether its file of rejects could be written.

    Raises:
        StoreRefused: it is a symbolic link or a folder.
    """
    if path is not None and (path.is_symlink() or path.is_dir()):
        raise StoreRefused(f"{path} is a symbolic link or a folder; rejected resources need a file")
