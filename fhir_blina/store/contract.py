"""What every store does: the protocol, and what its operations return."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fhir_blina.errors import Finding, StoreRefused
from fhir_blina.files import COHORT_SYSTEM, Resource, read_ndjson

Resources = Iterable[Resource]
"""What a push takes: a list, an iterator, or a :class:`~fhir_blina.store.sources.Source`."""

Keys = Mapping[str, Sequence[str]]
"""Ids by resource type."""

Progress = Callable[[str, int, int], None]
"""Called as ``progress(step, done, total)``; ``total`` is 0 where it is not known."""


def no_progress(step: str, done: int, total: int) -> None:
    """A progress that nobody watches."""


def counted(keys: Keys) -> dict[str, int]:
    """How many ids of each type, types without any left out."""
    return {kind: len(names) for kind, names in sorted(keys.items()) if names}


def by_type(keys: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """``Type/id`` strings as sorted ids by type."""
    result: dict[str, list[str]] = {}
    for key in sorted(keys):
        kind, name = key.split("/", 1)
        result.setdefault(kind, []).append(name)
    return {kind: tuple(names) for kind, names in result.items()}


def each_key(ids: Keys) -> set[str]:
    """``Type/id`` of ids by type: the way back from :func:`by_type`."""
    return {f"{kind}/{name}" for kind, names in ids.items() for name in names}


@dataclass(frozen=True)
class Plan:
    """What a push would do, as ids by resource type.

    Attributes:
        create: Not in the store yet.
        update: In the store with other content.
        unchanged: In the store as they are.
        orphaned: In the store under this cohort's tag, but not among the resources.
        remove_orphans: Whether the push would remove the orphaned ones.
        rejected: One finding per resource that would not be sent.
        notes: What else is to be known of it, a sentence each.
    """

    create: Keys
    update: Keys
    unchanged: Keys
    orphaned: Keys
    remove_orphans: bool
    rejected: Sequence[Finding] = ()
    notes: Sequence[str] = ()

    @property
    def writes(self) -> int:
        """How many resources would be created, updated or removed."""
        parts = [self.create, self.update, *([self.orphaned] if self.remove_orphans else [])]
        return sum(len(ids) for part in parts for ids in part.values())


@dataclass(frozen=True)
class PushResult:
    """What a push did, as counts by resource type.

    Attributes:
        created: Stored for the first time.
        updated: Stored with new content.
        unchanged: Were already stored so.
        orphaned: Under this cohort's tag, but not among the resources.
        removed: Of the orphaned, those that were removed.
        verified: What was compared with the store afterwards, in a sentence.
        rejected: One finding per resource that is not stored, at ``Type/id``, ``file:line Type/id`` or
            ``resource 17``.
        seconds: Time by step, for example ``{"plan": 0.1, "send": 4.2, "verify": 0.3}``.
        notes: What the store had to do otherwise than usual, a sentence each.
    """

    created: Mapping[str, int]
    updated: Mapping[str, int]
    unchanged: Mapping[str, int]
    orphaned: Mapping[str, int]
    removed: Mapping[str, int] = field(default_factory=dict)
    verified: str = ""
    rejected: Sequence[Finding] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class PullResult:
    """A complete pull.

    Attributes:
        counts: Resources by type.
        folder: Where ``<Type>.ndjson``, ``manifest.json`` and ``certificate.json`` lie.
        certificate: The content of ``certificate.json``: counts, time, server, query, way.
        notes: What was chosen and why, a sentence each.
        held: The resources, where the store had read them anyway.
        rejected: One finding for each line or entry of files that holds no resource; a server has none.
    """

    counts: Mapping[str, int]
    folder: Path
    certificate: Mapping[str, Any]
    notes: Sequence[str] = ()
    held: Sequence[Resource] | None = field(default=None, repr=False, compare=False)
    rejected: Sequence[Finding] = ()

    def resources(self) -> Iterator[Resource]:
        """Each resource, in the order of the files; they are read if the store has not read them."""
        if self.held is not None:
            yield from self.held
            return
        for path in sorted(self.folder.glob("*.ndjson")):
            yield from (resource for _, resource in read_ndjson(path))


class Store(Protocol):
    """A place that holds FHIR resources: a folder or a server.

    Several cohorts can share a store. Each operation that names a cohort touches only the resources
    whose ``meta.tag`` carries that cohort.
    """

    @property
    def location(self) -> str:
        """The folder or base URL, without secrets."""

    def counts(self, cohort: str | None = None) -> dict[str, int]:
        """Resources by type: one cohort's, or all."""

    def held(self, cohort: str) -> dict[str, Resource]:
        """What the store holds of a cohort, by the ``Type/id`` that it has there."""

    def plan(self, resources: Resources, *, cohort: str, remove_orphans: bool | None = None) -> Plan:
        """What :meth:`push` would do. Nothing is written."""

    def push(
        self,
        resources: Resources,
        *,
        cohort: str,
        remove_orphans: bool | None = None,
        verify: str = "sample",
        rejects: Path | None = None,
        origins: Mapping[str, str] | None = None,
        progress: Progress = no_progress,
    ) -> PushResult:
        """Store the resources so that the store holds exactly their content.

        A second push of the same resources changes nothing. A resource that no store takes, or that this
        one refuses, is rejected with whatever refers to it, and all others are stored.

        Args:
            resources: Each tagged with the cohort; a :class:`~fhir_blina.store.sources.Source` is
                read as it is sent, a list may be long.
            cohort: The cohort's name.
            remove_orphans: Remove what the store holds for the cohort and ``resources`` does not.
                None leaves it to the store: a folder removes, a server keeps. Where something was
                rejected, nothing is removed.
            verify: ``counts``, ``sample`` or ``full``: how much is read back and compared.
            rejects: Where what was rejected is written, one JSON object a line: ``source``, ``reason``,
                and ``resource`` or ``text``. Without it a rejected resource is an error, after the rest was
                stored.
            origins: Where resources come from, by ``Type/id``; for ``source``. Else it is file and line, or
                the number in the list.
            progress: Told how far it is.

        Raises:
            StoreRefused: an id belongs to another cohort, and nothing was stored; the server refuses the
                first twenty; or something was rejected and there is no file for it.
            StoreUnavailable: the store does not answer.
            StoreIncomplete: what is stored afterwards is not what was sent.
        """

    def pull(
        self,
        folder: Path,
        *,
        cohort: str | None = None,
        types: Sequence[str] | None = None,
        since: str | None = None,
        progress: Progress = no_progress,
    ) -> PullResult:
        """Write the stored resources to ``folder``, complete or not at all.

        Args:
            folder: Becomes a store folder, whole or untouched. One that holds other things is refused.
            cohort: Only resources with this cohort's tag; None for all.
            types: Only these resource types; None for all.
            since: Only resources stored after this instant (``2026-01-31T12:00:00Z``).
            progress: Told how far it is.

        Raises:
            StoreRefused: an unknown type, or a target that is not a store folder.
            StoreUnavailable: the store does not answer.
            StoreIncomplete: counts, ids or checksums do not agree.
        """

    def unload(self, cohort: str, *, progress: Progress = no_progress) -> dict[str, int]:
        """Remove the cohort's resources and nothing else; see :meth:`counts` before.

        Returns:
            How many were removed, by type.
        """


def tags_of(resource: Resource) -> list[tuple[str, str]]:
    """``(system, code)`` of each ``meta.tag``."""
    meta = resource.get("meta") or {}
    return [(tag.get("system", ""), tag.get("code", "")) for tag in meta.get("tag") or []]


def not_here(location: str, cohort: str) -> StoreRefused:
    """The error for a pull of a cohort of which a store holds nothing."""
    return StoreRefused(
        f'{location} holds nothing of "{cohort}" among what is asked for. Push it first, or correct the name'
    )


def belongs_to(resource: Resource, cohort: str) -> bool:
    """Whether the resource carries the cohort's tag."""
    return (COHORT_SYSTEM, cohort) in tags_of(resource)


def as_stored(resource: Resource) -> Resource:
    """The resource as it leaves any store: the same bytes whichever store it was in.

    ``meta.versionId``, ``lastUpdated`` and ``source`` are dropped, tags and security labels sorted by
    system and code, keys ordered: ``resourceType``, ``id``, ``meta``, then by name.
    """
    meta = {
        name: value
        for name, value in (resource.get("meta") or {}).items()
        if name not in {"versionId", "lastUpdated", "source"}
    }
    for name in ("tag", "security"):
        if name in meta:
            meta[name] = sorted(
                meta[name], key=lambda coding: (coding.get("system", ""), coding.get("code", ""))
            )
    rest = {name: value for name, value in resource.items() if name not in {"resourceType", "id", "meta"}}
    head: Resource = {"resourceType": resource["resourceType"], "id": resource["id"]}
    if meta:
        head["meta"] = _ordered(meta)
    for name in sorted(rest):
        head[name] = _ordered(rest[name])
    return head


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    return value
