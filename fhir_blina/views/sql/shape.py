"""What a query reads of a resource type: the elements and their FHIR types."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field

from fhir_blina.r4 import QUANTITIES, FhirRelease
from fhir_blina.views.definition import INTEGERS

CHOICE = "choice"  # the type of a value of several, until one is asked for


@dataclass(frozen=True)
class Defined:
    """An element as a release defines it: its type or types, and whether it repeats."""

    types: tuple[str, ...]
    many: bool
    choice: bool


def _plain(type_name: str) -> str:
    return "Quantity" if type_name in QUANTITIES else type_name


def is_primitive(type_name: str) -> bool:
    """Whether a type is a primitive of FHIR: those alone have names in lower case."""
    return type_name[:1].islower() and type_name != CHOICE


@functools.cache
def element(release: FhirRelease, type_name: str, name: str) -> Defined | None:
    """The element ``name`` of a type or of what it is derived from; ``None`` where the release has none."""
    elements = release.elements(type_name)
    if name in elements:
        return Defined((_plain(elements[name]["type"]),), elements[name].get("max") == "*", choice=False)
    if f"{name}[x]" in elements:
        types = elements[f"{name}[x]"]["type"]
        listed = [types] if isinstance(types, str) else types
        return Defined(tuple(_plain(one) for one in listed), many=False, choice=True)
    return None


def is_known(release: FhirRelease, type_name: str) -> bool:
    """Whether the release has the type."""
    return type_name in release.types or type_name in release.primitives


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

    def decimals(self) -> set[str]:
        """JSON keys of the decimals that are read."""
        keys = {key for key, part in self.parts.items() if part.type == "decimal"}
        return keys.union(*(part.decimals() for part in self.parts.values()))

    def nested(self, path: str = "$") -> Iterator[tuple[str, str]]:
        """JSON path and JSON type of each object and list that is read, down to the first lists."""
        for key, part in sorted(self.parts.items()):
            if part.parts or part.many:
                yield f"{path}.{key}", "ARRAY" if part.many else "OBJECT"
            if not part.many:
                yield from part.nested(f"{path}.{key}")


def leaf_type(type_name: str) -> str:
    """SQL type of a FHIR primitive in a table; decimals stay text, with every digit."""
    return "BIGINT" if type_name in INTEGERS else read_type(type_name)


def read_type(type_name: str) -> str:
    """SQL type of a FHIR primitive as it is read; numbers stay text, so that 1.5 does not become 2."""
    if type_name == "boolean":
        return "BOOLEAN"
    return "VARCHAR" if is_primitive(type_name) else "JSON"
