"""Parts of a node that rules ask for: what it has, which codes, what comes first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]


def has(node: Node, *names: str) -> bool:
    """Whether a node has one of these elements, or what stands beside a primitive of that name."""
    return any(name in node or f"_{name}" in node for name in names)


def has_choice(node: Node, name: str) -> bool:
    """Whether a node has a choice of this name, of any type."""
    return any(key.startswith((name, f"_{name}")) for key in node)


def nodes_in(value: Any) -> Iterator[Node]:
    """Every object in a value, itself among them."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def items_of(node: Any, name: str) -> list[Any]:
    """The items of an element that is a list; none of anything else."""
    value = node.get(name) if isinstance(node, dict) else None
    return value if isinstance(value, list) else []


def coded(concept: Any, system: str, *codes: str) -> bool:
    """Whether a CodeableConcept has one of these codes of a system."""
    return any(
        isinstance(coding, dict) and coding.get("system") == system and coding.get("code") in codes
        for coding in items_of(concept, "coding")
    )


def _moment(text: str) -> dt.datetime | None:
    if "T" not in text:
        return None
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def in_order(earlier: Any, later: Any) -> bool:
    """Whether a date or dateTime is at or before another, as far as both are precise."""
    if not isinstance(earlier, str) or not isinstance(later, str):
        return True
    first, second = _moment(earlier), _moment(later)
    if first is not None and second is not None:
        return (first.tzinfo is None) != (second.tzinfo is None) or first <= second
    shared = min(len(earlier), len(later), 10)
    return earlier[:shared] <= later[:shared]
