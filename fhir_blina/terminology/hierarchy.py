"""Codes that a filter of a ValueSet chooses in a CodeSystem that stands beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

PARENTS = ("parent", "subsumedBy")
CODES = ("concept", "code")
WHOLE = (None, "complete")


def chosen_codes(system: Mapping[str, Any], filters: Iterable[Mapping[str, Any]]) -> set[str] | None:
    """The codes that keep all filters; ``None`` where the CodeSystem does not hold all of its codes.

    Raises:
        ValueError: a filter of another kind, or one that names a code that is not there.
    """
    if system.get("content") not in WHOLE:
        return None
    parents: dict[str, set[str]] = {}
    _walk(system.get("concept", ()), None, parents)
    found = set(parents)
    for one in filters:
        found &= _kept(one, parents)
    return found


def _walk(concepts: Iterable[Mapping[str, Any]], above: str | None, parents: dict[str, set[str]]) -> None:
    for concept in concepts:
        code = concept["code"]
        mine = parents.setdefault(code, set())
        if above is not None:
            mine.add(above)
        mine |= {
            one["valueCode"]
            for one in concept.get("property", ())
            if one.get("code") in PARENTS and "valueCode" in one
        }
        for one in concept.get("property", ()):
            if one.get("code") == "child" and "valueCode" in one:
                parents.setdefault(one["valueCode"], set()).add(code)
        _walk(concept.get("concept", ()), code, parents)


def _kept(one: Mapping[str, Any], parents: Mapping[str, set[str]]) -> set[str]:
    name, op, value = one.get("property", ""), one.get("op", ""), str(one.get("value", ""))
    if name not in CODES:
        raise ValueError(f'by "{name}", which only a terminology server knows')
    if op in ("is-a", "descendent-of", "is-not-a", "generalizes"):
        if value not in parents:
            raise ValueError(f'its CodeSystem has no code "{value}"')
        if op == "generalizes":
            return _reached(value, parents) | {value}
        below = _reached(value, _turned(parents))
        if op == "descendent-of":
            return below
        return set(parents) - below - {value} if op == "is-not-a" else below | {value}
    if op in ("in", "not-in", "="):
        listed = {word.strip() for word in value.split(",")}
        return set(parents) - listed if op == "not-in" else set(parents) & listed
    raise ValueError(f'by "{op}", which only a terminology server knows')


def _turned(parents: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The codes directly below each."""
    children: dict[str, set[str]] = {}
    for code, above in parents.items():
        for one in above:
            children.setdefault(one, set()).add(code)
    return children


def _reached(code: str, links: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    left = [code]
    while left:
        new = links.get(left.pop(), set()) - found
        found |= new
        left += new
    return found
