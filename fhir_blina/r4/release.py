"""A release of FHIR as data: its types, elements, primitives, value sets and code systems.

``rules.json`` holds R4 (4.0.1) and is made by ``scripts/r4_rules.py``; another release is another file.
Whoever reads a cohort, opens a store, validates or makes tables chooses the release; what is below gets it.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

QUANTITIES = frozenset({"SimpleQuantity", "MoneyQuantity"})  # written as Quantity


class FhirRelease:
    """What a release of FHIR defines; its file is read when it is first asked for something.

    Args:
        name: For example ``R4``.
        version: For example ``4.0.1``.
        file: The file that ``scripts/r4_rules.py`` makes.
    """

    def __init__(self, name: str, version: str, file: Path) -> None:
        self.name = name
        self.version = version
        self._file = file

    def __repr__(self) -> str:
        return f"FhirRelease({self.name}, {self.version})"

    @functools.cached_property
    def _stated(self) -> dict[str, dict[str, Any]]:
        loaded: dict[str, dict[str, Any]] = json.loads(self._file.read_text(encoding="utf-8"))
        return loaded

    @property
    def types(self) -> dict[str, Any]:
        """Each type by name: ``kind``, ``base``, ``elements`` and ``invariants``."""
        return self._stated["types"]

    @property
    def primitives(self) -> dict[str, str]:
        """The regular expression of each primitive type."""
        return self._stated["primitives"]

    @property
    def value_sets(self) -> dict[str, dict[str, list[str]]]:
        """Value sets of required bindings: name -> system -> codes."""
        return self._stated["valueSets"]

    @functools.cached_property
    def code_systems(self) -> dict[str, frozenset[str]]:
        """Code systems whose codes are all known: url -> codes."""
        return {url: frozenset(codes) for url, codes in self._stated["codeSystems"].items()}

    @functools.cached_property
    def resource_types(self) -> frozenset[str]:
        """The resource types that can be stored. Only these become file names and paths of URLs."""
        return self._of_kind("resource")

    @functools.cached_property
    def datatypes(self) -> frozenset[str]:
        """The types of elements that have elements of their own and a name: ``Quantity``."""
        return self._of_kind("complex-type")

    def _of_kind(self, kind: str) -> frozenset[str]:
        return frozenset(
            name
            for name, stated in self.types.items()
            if stated["kind"] == kind and not stated.get("abstract")
        )

    @functools.cached_property
    def choices(self) -> Mapping[str, Mapping[str, str]]:
        """By the name of a choice the type that each of its JSON keys tells: value -> valueCode -> code."""
        found: dict[str, dict[str, str]] = {}
        for stated in self.types.values():
            for name, element in stated["elements"].items():
                if name.endswith("[x]"):
                    found.setdefault(name[:-3], {}).update(_keys(name, element))
        return found

    def elements(self, kind: str) -> dict[str, dict[str, Any]]:
        """The elements of a type, those of what it is derived from last; empty for no type of the release."""
        found: dict[str, dict[str, Any]] = {}
        while kind in self.types:
            for name, element in self.types[kind]["elements"].items():
                found.setdefault(name, element)
            kind = self.types[kind]["base"]
        return found

    def keys(self, kind: str) -> dict[str, str]:
        """The FHIR type of each JSON key of a type: ``valueQuantity`` -> ``Quantity``."""
        found: dict[str, str] = {}
        for name, element in self.elements(kind).items():
            found |= _keys(name, element)
        return found

    def identifier(self, kind: str) -> Literal["none", "one", "many"]:
        """Whether a resource type has no ``identifier``, at most one, or a list of them."""
        element = self.types[kind]["elements"].get("identifier")
        return "none" if element is None else "many" if element.get("max") == "*" else "one"


def _keys(name: str, element: Mapping[str, Any]) -> dict[str, str]:
    """The JSON keys of an element with the type of each."""
    types = element["type"] if isinstance(element["type"], list) else [element["type"]]
    plain = ["Quantity" if one in QUANTITIES else one for one in types]
    if not name.endswith("[x]"):
        return {name: plain[0]}
    return {f"{name[:-3]}{one[0].upper()}{one[1:]}": one for one in plain}


R4 = FhirRelease("R4", "4.0.1", Path(__file__).with_name("rules.json"))
"""The default of the outer doors; nothing else names it."""


@functools.cache
def names_of_fhir() -> frozenset[str]:
    """Names of types, elements and value sets of every release that is known here, and those sets' words."""
    names = set(R4.primitives)
    for name, stated in R4.types.items():
        names |= set(name.split(".")) | set(stated["elements"])
    return frozenset(names.union(word for name in R4.value_sets for word in re.findall(r"[a-z]+", name)))
