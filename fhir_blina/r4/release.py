"""A release of FHIR as data: its types, elements, primitives, value sets and code systems.

``rules.json`` holds R4 (4.0.1) and is made by ``scripts/r4_rules.py``; another release is another file.
"""

from __future__ import annotations

import functools
import json
from importlib.resources import files
from typing import Any, Literal


class FhirRelease:
    """What a release of FHIR defines; its file is read when it is first asked for something.

    Args:
        version: For example ``4.0.1``.
        file: Name of its file in this package.
    """

    def __init__(self, version: str, file: str) -> None:
        self.version = version
        self._file = file

    def __repr__(self) -> str:
        return f"FhirRelease({self.version})"

    @functools.cached_property
    def _stated(self) -> dict[str, dict[str, Any]]:
        text = (files("fhir_blina.r4") / self._file).read_text(encoding="utf-8")
        loaded: dict[str, dict[str, Any]] = json.loads(text)
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
        return frozenset(
            name
            for name, stated in self.types.items()
            if stated["kind"] == "resource" and not stated.get("abstract")
        )

    def identifier(self, kind: str) -> Literal["none", "one", "many"]:
        """Whether a resource type has no ``identifier``, at most one, or a list of them."""
        element = self.types[kind]["elements"].get("identifier")
        return "none" if element is None else "many" if element.get("max") == "*" else "one"


R4 = FhirRelease("4.0.1", "rules.json")
