"""Resources against the definitions of FHIR R4 (4.0.1), one compiled walker a type.

A walker goes over the
keys that a node has, never over those that the definition allows, and builds a path only where
something is wrong.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from fhir_blina.errors import did_you_mean
from fhir_blina.r4 import QUANTITIES, FhirRelease, text_fault
from fhir_blina.validation.beside import ADDED
from fhir_blina.validation.constraints import Invariant, invariant
from fhir_blina.validation.judges import (
    Check,
    Node,
    Problem,
    Walk,
    bound_code,
    bound_concept,
    coding,
    error,
    extension,
    primitive,
    reference,
    with_invariants,
)


class Rule(NamedTuple):
    """How one JSON key of a type is judged."""

    check: Check
    many: bool
    choice: str
    stem: str


class TypeWalker:
    """The walker of one resource type, datatype or backbone element."""

    def __init__(self, name: str, release: FhirRelease) -> None:
        self.name = name
        self.release = release
        self.rules: dict[str, Rule] = {}
        self.required: list[tuple[str, tuple[str, ...]]] = []
        self.invariants: list[tuple[str, str, str, Invariant]] = []

    def build(self) -> None:
        """Compile the rules of the type and of those that it inherits from."""
        definition: dict[str, Any] | None = self.release.types[self.name]
        is_resource = definition is not None and definition["kind"] == "resource"
        if is_resource:
            self.rules["resourceType"] = Rule(_nothing, False, "", "")
        while definition is not None:
            for name, element in definition["elements"].items():
                self._add(name, element)
            for key, stated in definition["invariants"].items():
                holds = invariant(key, stated["expression"], self.release)
                if holds is not None:
                    self.invariants.append((key, stated["severity"], stated["human"], holds))
            definition = self.release.types.get(definition["base"])
        for severity, key, human, rule in ADDED.get(self.name, ()):
            self.invariants.append((key, severity, human, functools.partial(_alone, rule)))

    def _add(self, name: str, element: dict[str, Any]) -> None:
        many = element.get("max") == "*"
        types = element["type"] if isinstance(element["type"], list) else [element["type"]]
        stem = name.removesuffix("[x]")
        choice = stem if name.endswith("[x]") else ""
        keys = []
        for type_name in types:
            spoken = "Quantity" if type_name in QUANTITIES else type_name
            key = stem + spoken[0].upper() + spoken[1:] if choice else stem
            keys.append(key)
            self.rules[key] = Rule(_element_check(name, type_name, element, self.release), many, choice, key)
            if type_name in self.release.primitives:
                self.rules[f"_{key}"] = Rule(walker("Element", self.release), many, choice, key)
                keys.append(f"_{key}")
        if element.get("min"):
            self.required.append((name, tuple(keys)))

    def __call__(self, node: Any, walk: Walk) -> list[Problem] | None:
        """The problems of a node and of all under it, ``None`` where there is none."""
        if type(node) is not dict:
            return [error("", "structure", f"{self.name} is a JSON object")]
        if not self.rules:
            self.build()
        found: list[Problem] = []
        chosen: dict[str, str] | None = None
        for key, value in node.items():
            rule = self.rules.get(key)
            if rule is None:
                found.append(self._unknown(key))
                continue
            check, many, choice, stem = rule
            if choice:
                chosen = {} if chosen is None else chosen
                if chosen.setdefault(choice, stem) != stem:
                    found.append(error(key, "structure", f"more than one {choice}[x]", "Keep one of them"))
            if not many:
                if below := check(value, walk):
                    found += _under(stem, below)
            elif type(value) is not list or not value:
                found.append(error(stem, "structure", "a JSON array with at least one item belongs here"))
            else:
                for index, item in enumerate(value):
                    if item is None and _beside(node, key, index):
                        continue
                    if below := check(item, walk):
                        found += _under(f"{stem}[{index}]", below)
        for name, keys in self.required:
            for key in keys:
                if key in node:
                    break
            else:
                found.append(error(name.removesuffix("[x]"), "required", f"{self.name} needs {name}"))
        if len(node) < 2 and (not node or "id" in node):
            found.append(error("", "invariant", "an element with neither value nor children (ele-1)"))
        for key, severity, human, holds in self.invariants:
            try:
                if holds(node, walk.resource):
                    continue
            except (TypeError, AttributeError, KeyError, ValueError):
                continue  # a part of the wrong type, which is a problem of its own
            found.append(("", severity, "invariant", f"{key}: {human}", ""))
        return found or None

    def _unknown(self, key: str) -> Problem:
        shown = f' "{key}"' if key.replace("_", "").isalnum() and len(key) <= 40 and key.isascii() else ""
        if text_fault(key):
            shown = ""
        names = [name for name in self.rules if not name.startswith("_")]
        return error("", "structure", f"{self.name} has no element{shown}", did_you_mean(key, names))


def _under(step: str, below: list[Problem]) -> list[Problem]:
    return [(f"{step}.{path}" if path else step, *rest) for path, *rest in below]  # type: ignore[misc]


def _beside(node: Node, key: str, index: int) -> bool:
    """Whether an empty place in a list of primitives has its other half."""
    other = node.get(key[1:] if key.startswith("_") else f"_{key}")
    return isinstance(other, list) and index < len(other) and other[index] is not None


def _nothing(_: Any, __: Walk) -> None:
    return None


def _alone(holds: Callable[[Any], bool], node: Any, _: Node) -> bool:
    return holds(node)


def _element_check(name: str, type_name: str, element: dict[str, Any], release: FhirRelease) -> Check:
    if type_name == "Resource":
        return contained if name == "contained" else nested
    if type_name in release.primitives:
        bound = type_name == "code" and "values" in element
        check = bound_code(element["values"], release) if bound else primitive(type_name, release)
    elif type_name == "Reference":
        check = reference(
            walker("Reference", release), frozenset(element["targets"]) if "targets" in element else None
        )
    elif "values" in element:
        check = bound_concept(walker(type_name, release), element["values"], release)
    else:
        check = walker(type_name, release)
    stated = [
        (key, rule["severity"], rule["human"], holds)
        for key, rule in element.get("invariants", {}).items()
        if (holds := invariant(key, rule["expression"], release)) is not None
    ]
    return with_invariants(check, stated) if stated else check


@functools.cache
def walker(name: str, release: FhirRelease) -> Check:
    """The walker of a type of a release; the same one for the same name."""
    plain: Check = TypeWalker(name, release)
    if name in {"Coding", "Quantity", "SimpleQuantity"}:
        return coding(plain)
    return extension(plain) if name == "Extension" else plain


def resource(node: Any, walk: Walk) -> list[Problem]:
    """The problems of a resource, paths relative to it."""
    if type(node) is not dict:
        return [error("", "structure", "a resource is a JSON object")]
    name = node.get("resourceType")
    if type(name) is not str or name not in walk.release.resource_types:
        shown = f' "{name}"' if type(name) is str and name.isascii() and name.isalnum() else ""
        remedy = did_you_mean(str(name), walk.release.resource_types)
        return [error("", "not-supported", f"FHIR {walk.release.name} has no resource type{shown}", remedy)]
    outer, walk.resource = walk.resource, node
    try:
        return walker(name, walk.release)(node, walk) or []
    finally:
        walk.resource = outer


def contained(node: Any, walk: Walk) -> list[Problem]:
    """The problems of a contained resource; it shares the container's ``#`` references."""
    found = resource(node, walk)
    if type(node) is dict and "id" not in node:
        found.append(error("", "required", "a contained resource needs an id"))
    return found


def nested(node: Any, walk: Walk) -> list[Problem]:
    """The problems of a resource that stands on its own inside another (Bundle, Parameters)."""
    outer = walk.known.contained
    walk.known.enter(node)
    try:
        return resource(node, walk)
    finally:
        walk.known.contained = outer
