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
    return ((place, part) for place, part in objects_at(node, path) if isinstance(part.get("reference"), str))


def objects_at(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object of a resource, or of a part of one, with its FHIRPath as :func:`references_at` has it."""
    stack: list[tuple[str, Any]] = [(path, node)]
    while stack:
        place, part = stack.pop()
        if isinstance(part, dict):
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

    def renamed(_: str, one: dict[str, Any]) -> dict[str, Any]:
        text = one.get("reference")
        return {**one, "reference": name(text)} if isinstance(text, str) else one

    return with_objects(node, renamed)


def with_objects(
    node: Any, change: Callable[[str, dict[str, Any]], dict[str, Any]], element: str = ""
) -> Any:
    """A copy in which each object, the inner ones first, is what ``change`` says of its element and of it."""
    if isinstance(node, dict):
        return change(element, {key: with_objects(value, change, key) for key, value in node.items()})
    return [with_objects(value, change, element) for value in node] if isinstance(node, list) else node


def with_names(resource: Resource, names: Callable[[str], str]) -> Resource:
    """A copy whose own id and references are what ``names`` says of each ``Type/id``."""
    copy: Resource = with_references(resource, names)
    return {**copy, "id": names(f"{resource['resourceType']}/{resource['id']}").split("/", 1)[1]}
