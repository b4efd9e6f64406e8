"""What a push remembers of what the server holds, and what it did with each resource."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from fhir_blina.files import Resource, dumps
from fhir_blina.r4 import targets_of
from fhir_blina.store.rest.writes import Written
from fhir_blina.store.words import meaning_of

LABELS = ("tag", "security", "profile")


@dataclass(frozen=True, slots=True)
class Held:
    """A resource that the server holds.

    Attributes:
        place: The server's ``Type/id``.
        digest: Of what its content means, see :func:`fhir_blina.store.words.meaning_of`.
        version: ``versionId``.
        labels: Tags, security labels and profiles as JSON; one string for all that have the same.
        targets: What it refers to at the server; only of what is orphaned.
    """

    place: str
    digest: bytes
    version: str
    labels: str
    targets: tuple[str, ...]


def remembered(place: str, resource: Resource, *, orphaned: bool) -> Held:
    """What is kept of a resource at a place of the server; its references only where it may be removed."""
    meta = resource.get("meta") or {}
    labels = {part: meta[part] for part in LABELS if meta.get(part)}
    return Held(
        place,
        meaning_of(resource),
        sys.intern(str(meta.get("versionId", ""))),
        sys.intern(dumps(labels)),
        targets_of(resource) if orphaned else (),
    )


@dataclass(frozen=True)
class Done:
    """Keys of what was created, updated, or was there as it is."""

    created: list[str]
    updated: list[str]
    unchanged: list[str]


def sorted_out(
    sent: Iterable[str], rejected: Collection[str], written: Mapping[str, Written], held: Mapping[str, Held]
) -> Done:
    """Sort what was sent by what the server made of it; a version that stays is no update."""
    done = Done([], [], [])
    for key in sent:
        if key in rejected:
            continue
        one = written.get(key)
        if one is None:
            done.unchanged.append(key)
        elif key not in held:
            (done.created if one.status == 201 else done.unchanged).append(key)
        else:
            same = one.version and one.version == held[key].version
            (done.unchanged if same else done.updated).append(key)
    return done
