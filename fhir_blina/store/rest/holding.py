"""What a push remembers of a resource that the server holds: as little as it needs."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from fhir_blina.files import Resource, dumps
from fhir_blina.r4 import targets_of
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
