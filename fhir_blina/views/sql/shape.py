"""What a query reads of a resource type: the elements, their FHIR types, and DuckDB's schema."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fhir_blina.fhirpath import PRIMITIVES
from fhir_blina.r4 import R4
from fhir_blina.views.definition import INTEGERS

KEYWORDS = frozenset(
    """all analyse analyze and any array as asc asymmetric both case cast check collate column constraint
    create default deferrable desc describe distinct do else end except false fetch for foreign from group
    having in initially intersect into lambda lateral leading limit not null offset on only or order pivot
    pivot_longer pivot_wider placing primary qualify references returning select show some summarize
    symmetric table then to trailing true union unique unpivot using variadic when where window
    with""".split()  # noqa: SIM905
)


def quoted(name: str) -> str:
    """A column's name as SQL, quoted where it must be."""
    plain = name.replace("_", "a").isalnum() and name.isascii() and not name[0].isdigit()
    return name if plain and name.lower() not in KEYWORDS else '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A string as SQL."""
    return "'" + value.replace("'", "''") + "'"


@dataclass(frozen=True)
class Defined:
    """An element as R4 defines it: its type or types, and whether it repeats."""

    types: tuple[str, ...]
    many: bool
    choice: bool


def _plain(type_name: str) -> str:
    return "Quantity" if type_name == "SimpleQuantity" else type_name


@functools.cache
def element(type_name: str, name: str) -> Defined | None:
    """The element ``name`` of a type or of what it is derived from; ``None`` where R4 has none."""
    stated = R4.types.get(type_name)
    while stated is not None:
        elements = stated["elements"]
        if name in elements:
            return Defined((_plain(elements[name]["type"]),), elements[name].get("max") == "*", choice=False)
        if f"{name}[x]" in elements:
            types = elements[f"{name}[x]"]["type"]
            listed = [types] if isinstance(types, str) else types
            return Defined(tuple(_plain(one) for one in listed), many=False, choice=True)
        stated = R4.types.get(stated.get("base", ""))
    return None


def is_known(type_name: str) -> bool:
    """Whether R4 has the type."""
    return type_name in R4.types or type_name in PRIMITIVES


@dataclass
class Shape:
    """The part of an element that a query reads.

    Attributes:
        type: FHIR type.
        many: Whether JSON has a list.
        parts: What is read below, by JSON key.
    """

    type: str
    many: bool = False
    parts: dict[str, Shape] = field(default_factory=dict)

    def part(self, key: str, type_name: str, *, many: bool = False) -> Shape:
        """The part under a JSON key, added where it is new."""
        return self.parts.setdefault(key, Shape(type_name, many))

    def merge(self, other: Shape) -> None:
        """Read what another query reads, too."""
        for key, part in other.parts.items():
            self.part(key, part.type, many=part.many).merge(part)

    def has_decimals(self) -> set[str]:
        """JSON keys of the decimals that are read."""
        keys = {key for key, part in self.parts.items() if part.type == "decimal"}
        return keys.union(*(part.has_decimals() for part in self.parts.values()))

    def nested(self, path: str = "$") -> Iterator[tuple[str, str]]:
        """JSON path and JSON type of each object and list that is read, down to the first lists."""
        for key, part in sorted(self.parts.items()):
            if part.parts or part.many:
                yield f"{path}.{key}", "ARRAY" if part.many else "OBJECT"
            if not part.many:
                yield from part.nested(f"{path}.{key}")

    def structure(self) -> Any:
        """The structure that DuckDB's ``from_json`` takes."""
        one: Any = leaf_type(self.type)
        if self.parts:
            one = {key: part.structure() for key, part in sorted(self.parts.items())}
        return [one] if self.many else one

    def structure_text(self) -> str:
        """The structure as JSON text."""
        return json.dumps(self.structure(), separators=(", ", ": "))

    def sql_type(self) -> str:
        """The SQL type: what ``read_json`` takes in ``columns``."""
        one = leaf_type(self.type)
        if self.parts:
            inside = ", ".join(f"{quoted(key)} {part.sql_type()}" for key, part in sorted(self.parts.items()))
            one = f"STRUCT({inside})"
        return one + "[]" * self.many


def leaf_type(type_name: str) -> str:
    """SQL type of a FHIR primitive as it is read; decimals stay text, with every digit."""
    if type_name == "boolean":
        return "BOOLEAN"
    if type_name in INTEGERS:
        return "BIGINT"
    return "VARCHAR" if type_name in PRIMITIVES else "JSON"
