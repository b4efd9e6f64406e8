"""Our ids and a server's own: servers that assign ids know our resources by their identifier."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from typing import Any

from fhir_blina.errors import StoreRefused, problem
from fhir_blina.files import RESOURCE_KEY_SYSTEM, Resource
from fhir_blina.r4 import identifier_value, references_at, target_of, with_names


def our_key(resource: Resource) -> str | None:
    """``Type/id`` under which we sent a resource, None where it does not carry our identifier."""
    value = identifier_value(resource, RESOURCE_KEY_SYSTEM)
    return None if value is None else f"{resource['resourceType']}/{value}"


def our_names(resources: Mapping[str, Resource]) -> dict[str, str]:
    """The server's ``Type/id`` to ours, for each resource that carries our identifier.

    Raises:
        StoreRefused: two resources of a type carry the same one.
    """
    names: dict[str, str] = {}
    seen: dict[str, str] = {}
    for key, resource in resources.items():
        ours = our_key(resource)
        if ours is None:
            continue
        if ours in seen:
            raise held_twice(ours, seen[ours], key)
        seen[ours] = key
        names[key] = ours
    return names


_HASHED = re.compile(r"h[a-z2-7]{52}")
FIRST_FEW = 20


def gave_ids(resources: Iterable[Resource]) -> bool:
    """Whether a server holds resources of ours under ids of its own; told by the first few that it sent."""
    for resource in islice(resources, FIRST_FEW):
        value = identifier_value(resource, RESOURCE_KEY_SYSTEM)
        if value is not None and value != resource["id"]:
            return _HASHED.fullmatch(resource["id"]) is None
    return False


def looked_through(sent: Mapping[str, Resource]) -> tuple[list[str], bool]:
    """Keys of what could not be found again, and whether a transaction's own references cannot be relied on.

    HAPI 8.8 leaves a ``urn:uuid`` in an extension of a primitive element as it was sent.
    """
    nameless, hidden = [], False
    for key, resource in sent.items():
        if our_key(resource) != key:
            nameless.append(key)
        hidden = hidden or any("._" in path for path, _ in references_at(resource))
    return nameless, hidden


def held_twice(ours: str, one: str, other: str) -> StoreRefused:
    """The error for a server that holds one of our resources under two ids."""
    return StoreRefused(
        [problem(ours, f"the server holds it twice, as {one} and {other}", "Delete one of them")]
    )


def renamed(resource: Resource, names: Mapping[str, str]) -> Resource:
    """A copy whose id and references are replaced by what ``names`` says of them."""
    return with_names(resource, _by(names))


def _by(names: Mapping[str, str]) -> Callable[[str], str]:
    return lambda reference: names.get(target_of(reference), reference)


def by_identifier(node: Any, keys: Collection[str]) -> Any:
    """A copy in which references to some ``Type/id`` are logical ones (R4, references.html#logical).

    Args:
        node: A resource or a part of one.
        keys: What is referred to by its identifier.
    """
    if not keys:
        return node
    if isinstance(node, dict):
        copy = {name: by_identifier(value, keys) for name, value in node.items()}
        target = target_of(node["reference"]) if isinstance(node.get("reference"), str) else ""
        if target in keys:
            kind, _, value = target.partition("/")
            del copy["reference"]
            copy |= {"type": kind, "identifier": {"system": RESOURCE_KEY_SYSTEM, "value": value}}
        return copy
    return [by_identifier(value, keys) for value in node] if isinstance(node, list) else node
