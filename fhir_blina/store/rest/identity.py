"""Our ids and a server's own: servers that assign ids know our resources by their identifier."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from typing import Any

from fhir_blina.errors import StoreRefused, problem
from fhir_blina.files import RESOURCE_KEY_SYSTEM, Resource
from fhir_blina.r4 import identifier_value, target_of, targets_of, with_names, with_references
from fhir_blina.store.rest.capability import Capability
from fhir_blina.store.rest.sending import Write, condition


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


def writer(
    sent: Mapping[str, Resource],
    known: Mapping[str, str],
    capability: Capability,
    stored_at: Callable[[str], str],
    circle_of: Mapping[str, Collection[str]],
) -> Callable[[str], Write]:
    """How a resource is written where the server assigns the id.

    One that the server holds is replaced under the server's id; a new one by a conditional create, which
    takes nothing that another cohort has under the same identifier, else a conditional
    update; where the server can search for neither, by a plain create.

    Args:
        sent: Our resources by our ``Type/id``.
        known: Ours to the server's ``Type/id``, of what it held before.
        capability: What the server can do.
        stored_at: The server's ``Type/id`` of one of ours, empty where it is not stored yet.
        circle_of: For those that refer to each other, or to themselves, who does: what of it is not stored
            yet is referred to by its identifier until it is.
    """

    def named(reference: str) -> str:
        return stored_at(target_of(reference)) or reference

    def write(key: str) -> Write:
        kind = key.split("/", 1)[0]
        resource = sent[key]
        body = with_references(by_identifier(resource, circle_of.get(key, ()), stored_at), named)
        if key in known:
            body["id"] = known[key].split("/", 1)[1]
            return Write(key, "PUT", known[key], body)
        body.pop("id")
        value = identifier_value(resource, RESOURCE_KEY_SYSTEM)
        if value is None:
            raise StoreRefused(
                [
                    problem(
                        key,
                        "has no identifier; the server assigns ids",
                        f"Give it one in {RESOURCE_KEY_SYSTEM}",
                    )
                ]
            )
        can = capability.of(kind)
        found_by = condition(RESOURCE_KEY_SYSTEM, value)
        if "identifier" in can.search and can.conditional_create:
            return Write(key, "POST", kind, body, if_none_exist=found_by)
        if "identifier" in can.search and can.conditional_update:
            return Write(key, "PUT", f"{kind}?{found_by}", body)
        return Write(key, "POST", kind, body)

    return write


def waits(resource: Resource, circle: Collection[str], stored_at: Callable[[str], str]) -> bool:
    """Whether something that a resource refers to in its circle is not stored yet."""
    return any(target in circle and not stored_at(target) for target in targets_of(resource))


def by_identifier(
    node: Any, circle: Collection[str], stored_at: Callable[[str], str | None] = lambda _: None
) -> Any:
    """A copy in which references to some resources are logical ones (R4, references.html#logical).

    Args:
        node: A resource or a part of one.
        circle: ``Type/id`` of those that are referred to by their identifier.
        stored_at: Where one of them is stored; then it is referred to as before.
    """
    if not circle:
        return node
    if isinstance(node, dict):
        copy = {name: by_identifier(value, circle, stored_at) for name, value in node.items()}
        target = target_of(node["reference"]) if isinstance(node.get("reference"), str) else ""
        if target in circle and not stored_at(target):
            kind, _, value = target.partition("/")
            del copy["reference"]
            copy |= {"type": kind, "identifier": {"system": RESOURCE_KEY_SYSTEM, "value": value}}
        return copy
    return [by_identifier(value, circle, stored_at) for value in node] if isinstance(node, list) else node
