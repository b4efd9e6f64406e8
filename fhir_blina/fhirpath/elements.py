"""Steps from one FHIR element to the next, over plain JSON.

An item of a collection is a plain value (str, bool, int, Decimal, dict), or an ``Element``
where JSON spreads what FHIR has in one place: a choice type (``valueQuantity``) or a
primitive with extensions (``birthDate`` and ``_birthDate``).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from fhir_blina.fhirpath.temporal import Temporal, as_temporal
from fhir_blina.r4 import FhirRelease

MOMENTS = {"date": "date", "dateTime": "dateTime", "instant": "dateTime", "time": "time"}
NUMBERS = frozenset({"boolean", "decimal", "integer", "integer64", "positiveInt", "unsignedInt"})
_SYSTEM = {"String": "string", "Boolean": "boolean", "Integer": "integer", "Decimal": "decimal"} | {
    "Date": "date",
    "DateTime": "dateTime",
    "Time": "time",
}


class Element(NamedTuple):
    """A value whose FHIR type is known from its name, or that has extensions beside it.

    Attributes:
        value: The plain value; ``None`` where there are only extensions.
        type: FHIR type, empty where the JSON does not tell.
        sibling: The ``_name`` object beside a primitive.
    """

    value: Any
    type: str
    sibling: dict[str, Any] | None = None


def bare(item: Any) -> Any:
    """The plain value of an item."""
    return item.value if type(item) is Element else item


def step(items: Iterable[Any], name: str, choices: Mapping[str, str] | None = None) -> list[Any]:
    """All children called ``name`` of all items, lists flattened, in order.

    Args:
        items: A collection.
        name: The name of an element.
        choices: Where the name is that of a choice, the type that each of its JSON keys tells.
    """
    found: list[Any] = []
    for item in items:
        if type(item) is Element:
            value = item.value if isinstance(item.value, dict) else item.sibling
        else:
            value = item
        if not isinstance(value, dict):
            continue
        child, sibling = value.get(name), value.get(f"_{name}")
        if child is not None or sibling is not None:
            _flatten(child, sibling, "", found)
        elif choices:
            _choice(value, choices, found)
    return found


def _choice(value: dict[str, Any], types: Mapping[str, str], found: list[Any]) -> None:
    for key in value:
        plain = key.removeprefix("_")
        if plain in types and (key == plain or plain not in value):
            _flatten(value.get(plain), value.get(f"_{plain}"), types[plain], found)


@functools.cache
def moments_by_name(release: FhirRelease) -> dict[str, str]:
    """Date type of the elements of a release that have only one: a ``start`` that is a date is a dateTime."""
    types: dict[str, set[str]] = {}
    for stated in release.types.values():
        for name, element in stated["elements"].items():
            kind = str(element["type"])
            if kind in MOMENTS:
                types.setdefault(name, set()).add(MOMENTS[kind])
    return {name: min(kinds) for name, kinds in types.items() if len(kinds) == 1}


def _flatten(child: Any, sibling: Any, type_name: str, found: list[Any]) -> None:
    if isinstance(child, list) or isinstance(sibling, list):
        children = child if isinstance(child, list) else []
        siblings = sibling if isinstance(sibling, list) else []
        for place in range(max(len(children), len(siblings))):
            one = children[place] if place < len(children) else None
            _flatten(one, siblings[place] if place < len(siblings) else None, type_name, found)
    elif sibling is not None:
        found.append(Element(child, type_name, sibling))
    elif child is not None:
        found.append(Element(child, type_name) if type_name else child)


def plain_type(type_name: str) -> str:
    """``FHIR.Patient`` as ``Patient``, ``System.String`` as ``string``."""
    namespace, _, name = type_name.rpartition(".")
    return _SYSTEM.get(name, name) if namespace == "System" or name in _SYSTEM else name


def is_type(item: Any, type_name: str, release: FhirRelease) -> bool:
    """Whether an item is of a FHIR type.

    A choice type's JSON name tells it exactly: ``valueCode`` is a code and no string.
    The JSON of an element that is no choice does not carry its type; there a string counts as
    any type written as a string, a date type only where it reads as one.
    """
    wanted = plain_type(type_name)
    if type(item) is Element and item.type:
        return item.type == wanted
    value = bare(item)
    if value is None:
        return wanted in release.primitives  # extensions only
    if isinstance(value, dict):
        resource_type = value.get("resourceType")
        if resource_type is not None:
            return wanted in {resource_type, "Resource", "DomainResource"}
        return wanted in release.datatypes
    if isinstance(value, Temporal):
        return wanted == value.kind
    if isinstance(value, bool):
        return wanted == "boolean"
    if isinstance(value, int):
        return wanted in {"integer", "integer64", "decimal"} or (
            wanted in {"positiveInt", "unsignedInt"} and value >= (wanted == "positiveInt")
        )
    if isinstance(value, Decimal):
        return wanted == "decimal"
    if not isinstance(value, str) or wanted in NUMBERS:
        return False
    if wanted in MOMENTS:
        moment = as_temporal(value)
        return moment is not None and (moment.kind == "time") == (wanted == "time")
    return wanted in release.primitives


def moment(item: Any, *, guess: bool = False) -> Temporal | None:
    """The item as a date, dateTime or time, or ``None``.

    Args:
        item: An item of a collection.
        guess: Whether a string whose type the JSON does not tell may be read as one.
    """
    if isinstance(item, Temporal):
        return item
    value = bare(item)
    if not isinstance(value, str):
        return None
    kind = item.type if type(item) is Element else ""
    if kind in MOMENTS:
        return as_temporal(value, MOMENTS[kind])
    return as_temporal(value) if guess and not kind else None
