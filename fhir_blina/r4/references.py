"""References inside resources: found, named and replaced in one way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fhir_blina.files import Resource


def references_in(node: Any) -> Iterator[dict[str, Any]]:
    """Each Reference inside a resource, or a part of one, that has a ``reference``."""
    return (reference for _, reference in references_at(node))


def references_at(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The same with the FHIRPath of each, without the type: ``.performer[0]``; in the order of the JSON."""
    stack: list[tuple[str, Any]] = [(path, node)]
    while stack:
        place, part = stack.pop()
        if isinstance(part, dict):
            if isinstance(part.get("reference"), str):
                yield place, part
            stack.extend((f"{place}.{name}", value) for name, value in reversed(part.items()))
        elif isinstance(part, list):
            stack.extend((f"{place}[{index}]", part[index]) for index in range(len(part) - 1, -1, -1))


def target_of(reference: str) -> str:
    """``Type/id`` without a version."""
    return reference.split("/_history/", 1)[0]


def targets_of(node: Any) -> tuple[str, ...]:
    """What a resource, or a part of one, refers to, sorted: ``Type/id`` mostly."""
    return tuple(sorted({target_of(found["reference"]) for found in references_in(node)}))


def with_references(node: Any, name: Callable[[str], str]) -> Any:
    """A copy in which each ``reference`` is what ``name`` says of it."""
    if isinstance(node, dict):
        return {
            key: name(value)
            if key == "reference" and isinstance(value, str)
            else with_references(value, name)
            for key, value in node.items()
        }
    return [with_references(value, name) for value in node] if isinstance(node, list) else node


def with_names(resource: Resource, names: Callable[[str], str]) -> Resource:
    """A copy whose own id and references are what ``names`` says of each ``Type/id``."""
    copy: Resource = with_references(resource, names)
    return {**copy, "id": names(f"{resource['resourceType']}/{resource['id']}").split("/", 1)[1]}
