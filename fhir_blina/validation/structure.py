"""Resources against the definitions of FHIR R4 (4.0.1), one compiled walker a type.

A walker goes over the
keys that a node has, never over those that the definition allows, and builds a path only where
something is wrong.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from fhir_blina.errors import did_you_mean
from fhir_blina.r4 import QUANTITIES, FhirRelease, check_of, text_fault
from fhir_blina.validation.beside import ADDED
from fhir_blina.validation.constraints import Invariant, invariant
from fhir_blina.validation.references import Known, reference_fault

Node = dict[str, Any]
Problem = tuple[str, str, str, str, str]  # path, severity, code, diagnostics, remedy
Check = Callable[[Any, "Walk"], list[Problem] | None]


class Walk:
    """What the walkers know beside the node at hand.

    Attributes:
        known: Resources that references may lead to.
        systems: Code system -> its codes, where all of them are known.
        extensions: Defined extension URLs; ``None`` where any is taken.
        release: The release of FHIR that resources are judged by.
        resource: The resource being walked.
    """

    __slots__ = ("extensions", "known", "release", "resource", "systems")

    def __init__(
        self,
        known: Known,
        systems: dict[str, frozenset[str]],
        extensions: frozenset[str] | None,
        release: FhirRelease,
    ) -> None:
        self.release = release
        self.known = known
        self.systems = systems
        self.extensions = extensions
        self.resource: Node = {}


class Rule(NamedTuple):
    """How one JSON key of a type is judged."""

    check: Check
    many: bool
    choice: str
    stem: str


def _error(path: str, code: str, diagnostics: str, remedy: str = "") -> Problem:
    return (path, "error", code, diagnostics, remedy)


def _words(codes: Iterable[str]) -> str:
    shown = sorted(codes)
    return f"Allowed: {', '.join(shown)}" if len(shown) <= 14 else ""


def _primitive(name: str, release: FhirRelease) -> Check:
    fault_of = check_of(name, release)

    def check(value: Any, _: Walk) -> list[Problem] | None:
        fault = fault_of(value)
        if fault is None:
            return None
        return [("", fault.severity, fault.code, fault.diagnostics, fault.remedy)]

    return check


def _bound_code(name: str, release: FhirRelease) -> Check:
    systems = release.value_sets[name]
    codes = frozenset(code for listed in systems.values() for code in listed)
    plain = _primitive("code", release)

    def check(value: Any, walk: Walk) -> list[Problem] | None:
        if type(value) is str and value in codes:
            return None
        found = plain(value, walk)
        return found or [_error("", "code-invalid", f"not a code of the value set {name}", _words(codes))]

    return check


def _bound_concept(plain: Check, name: str, release: FhirRelease) -> Check:
    systems = release.value_sets[name]
    pairs = frozenset((system, code) for system, listed in systems.items() for code in listed)
    remedy = _words(f"{system}#{code}" for system, code in pairs)

    def check(value: Any, walk: Walk) -> list[Problem] | None:
        found = plain(value, walk)
        if found and any(problem[1] == "error" for problem in found):
            return found
        for coding in value.get("coding", ()) if "system" not in value else (value,):
            if (coding.get("system"), coding.get("code")) in pairs:
                return found
        return [
            *(found or ()),
            _error("", "code-invalid", f"no coding is of the required value set {name}", remedy),
        ]

    return check


def _reference(plain: Check, targets: frozenset[str] | None) -> Check:
    def check(value: Any, walk: Walk) -> list[Problem] | None:
        found = plain(value, walk)
        if type(value) is not dict or type(value.get("reference")) is not str:
            return found
        fault = reference_fault(value, targets, walk.known)
        if fault is None:
            return found
        return [*(found or ()), ("reference", "error", fault.code, fault.diagnostics, fault.remedy)]

    return check


def _coding(plain: Check) -> Check:
    def check(value: Any, walk: Walk) -> list[Problem] | None:
        found = plain(value, walk)
        if found:
            return found
        codes = walk.systems.get(value.get("system", ""))
        if codes is None or "code" not in value or value["code"] in codes:
            return None
        return [_error("code", "code-invalid", "not a code of its code system", _words(codes))]

    return check


def _extension(plain: Check) -> Check:
    def check(value: Any, walk: Walk) -> list[Problem] | None:
        found = plain(value, walk)
        if found or walk.extensions is None:
            return found
        url = value["url"]
        if url in walk.extensions or url.startswith("http://hl7.org/fhir/") or "/" not in url:
            return None
        remedy = did_you_mean(url, walk.extensions)
        return [_error("url", "extension", "an extension that no StructureDefinition given defines", remedy)]

    return check


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
            return [_error("", "structure", f"{self.name} is a JSON object")]
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
                    found.append(_error(key, "structure", f"more than one {choice}[x]", "Keep one of them"))
            if not many:
                if below := check(value, walk):
                    found += _under(stem, below)
            elif type(value) is not list or not value:
                found.append(_error(stem, "structure", "a JSON array with at least one item belongs here"))
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
                found.append(_error(name.removesuffix("[x]"), "required", f"{self.name} needs {name}"))
        if len(node) < 2 and (not node or "id" in node):
            found.append(_error("", "invariant", "an element with neither value nor children (ele-1)"))
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
        return _error("", "structure", f"{self.name} has no element{shown}", did_you_mean(key, names))


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
        check = _bound_code(element["values"], release) if bound else _primitive(type_name, release)
    elif type_name == "Reference":
        check = _reference(
            walker("Reference", release), frozenset(element["targets"]) if "targets" in element else None
        )
    elif "values" in element:
        check = _bound_concept(walker(type_name, release), element["values"], release)
    else:
        check = walker(type_name, release)
    stated = [
        (key, rule["severity"], rule["human"], holds)
        for key, rule in element.get("invariants", {}).items()
        if (holds := invariant(key, rule["expression"], release)) is not None
    ]
    return _with_invariants(check, stated) if stated else check


def _with_invariants(plain: Check, stated: list[tuple[str, str, str, Invariant]]) -> Check:
    def check(value: Any, walk: Walk) -> list[Problem] | None:
        found = plain(value, walk) or []
        for key, severity, human, holds in stated:
            if not holds(value, walk.resource):
                found.append(("", severity, "invariant", f"{key}: {human}", ""))
        return found or None

    return check


@functools.cache
def walker(name: str, release: FhirRelease) -> Check:
    """The walker of a type of a release; the same one for the same name."""
    plain: Check = TypeWalker(name, release)
    if name in {"Coding", "Quantity", "SimpleQuantity"}:
        return _coding(plain)
    return _extension(plain) if name == "Extension" else plain


def resource(node: Any, walk: Walk) -> list[Problem]:
    """The problems of a resource, paths relative to it."""
    if type(node) is not dict:
        return [_error("", "structure", "a resource is a JSON object")]
    name = node.get("resourceType")
    if type(name) is not str or name not in walk.release.resource_types:
        shown = f' "{name}"' if type(name) is str and name.isascii() and name.isalnum() else ""
        remedy = did_you_mean(str(name), walk.release.resource_types)
        return [_error("", "not-supported", f"FHIR {walk.release.name} has no resource type{shown}", remedy)]
    outer, walk.resource = walk.resource, node
    try:
        return walker(name, walk.release)(node, walk) or []
    finally:
        walk.resource = outer


def contained(node: Any, walk: Walk) -> list[Problem]:
    """The problems of a contained resource; it shares the container's ``#`` references."""
    found = resource(node, walk)
    if type(node) is dict and "id" not in node:
        found.append(_error("", "required", "a contained resource needs an id"))
    return found


def nested(node: Any, walk: Walk) -> list[Problem]:
    """The problems of a resource that stands on its own inside another (Bundle, Parameters)."""
    outer = walk.known.contained
    walk.known.enter(node)
    try:
        return resource(node, walk)
    finally:
        walk.known.contained = outer
