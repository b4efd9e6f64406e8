"""``Type/id`` of a resource, and whether it may be one."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from fhir_blina.errors import StoreRefused
from fhir_blina.files import Resource
from fhir_blina.r4.release import FhirRelease

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def key_of(resource: Resource, release: FhirRelease, where: str = "") -> str:
    """``Type/id`` of a resource.

    Args:
        resource: The resource.
        release: The release of FHIR that it must be of.
        where: ``file:line`` for the message.

    Raises:
        StoreRefused: not a type of the release, not a legal id, or labels that are none.
    """
    kind, name = resource.get("resourceType"), resource.get("id")
    start = f"{where}: " if where else ""
    if not isinstance(kind, str) or kind not in release.resource_types:
        raise StoreRefused(f"{start}not a resource type of FHIR {release.name}")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise StoreRefused(
            f"{start}a {kind} has no legal id: 1 to 64 letters, digits, hyphens and full stops"
        )
    if not is_labelled(resource):
        raise StoreRefused(
            f"{start}meta of {kind}/{name} is no object whose tag and security are lists of codings"
        )
    return f"{kind}/{name}"


def is_legal(kind: str, name: str, release: FhirRelease) -> bool:
    """Whether it is a type of the release and a legal id."""
    return kind in release.resource_types and _ID.fullmatch(name) is not None


def checked_types(types: Collection[str], release: FhirRelease) -> Collection[str]:
    """The same types.

    Raises:
        StoreRefused: naming those that the release does not have.
    """
    if unknown := sorted(set(types) - release.resource_types):
        raise StoreRefused(f"not a resource type of FHIR {release.name}: {', '.join(unknown)}")
    return types


def is_labelled(resource: Resource) -> bool:
    """Whether ``meta`` is missing, or an object whose tag and security are lists of codings."""
    meta: Any = resource.get("meta", {})
    if not isinstance(meta, dict):
        return False
    lists = [meta.get(name, []) for name in ("tag", "security")]
    return all(isinstance(labels, list) for labels in lists) and all(
        isinstance(label, dict) and all(isinstance(label.get(name, ""), str) for name in ("system", "code"))
        for labels in lists
        for label in labels
    )
