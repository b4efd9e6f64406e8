"""Judges of elements: primitives, required codes, references, extensions; each gives problems or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from fhir_blina.errors import did_you_mean
from fhir_blina.r4 import FhirRelease, check_of
from fhir_blina.validation.constraints import Invariant
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


def error(path: str, code: str, diagnostics: str, remedy: str = "") -> Problem:
    """A problem that is an error."""
    return (path, "error", code, diagnostics, remedy)


def _words(codes: Iterable[str]) -> str:
    shown = sorted(codes)
    return f"Allowed: {', '.join(shown)}" if len(shown) <= 14 else ""


def primitive(name: str, release: FhirRelease) -> Check:
    """The judge of values of a primitive."""
    fault_of = check_of(name, release)

    def check(value: Any, _: Walk) -> list[Problem] | None:
        fault = fault_of(value)
        if fault is None:
            return None
        return [("", fault.severity, fault.code, fault.diagnostics, fault.remedy)]

    return check


def bound_code(name: str, release: FhirRelease) -> Check:
    """The judge of a code with a required value set."""
    systems = release.value_sets[name]
    codes = frozenset(code for listed in systems.values() for code in listed)
    plain = primitive("code", release)

    def check(value: Any, walk: Walk) -> list[Problem] | None:
        if type(value) is str and value in codes:
            return None
        found = plain(value, walk)
        return found or [error("", "code-invalid", f"not a code of the value set {name}", _words(codes))]

    return check


def bound_concept(plain: Check, name: str, release: FhirRelease) -> Check:
    """The judge of a concept, or coding, with a required value set, after the one of its type."""
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
            error("", "code-invalid", f"no coding is of the required value set {name}", remedy),
        ]

    return check


def reference(plain: Check, targets: frozenset[str] | None) -> Check:
    """The judge of a reference: its form, the types that it may lead to, whether it leads anywhere."""

    def check(value: Any, walk: Walk) -> list[Problem] | None:
        found = plain(value, walk)
        if type(value) is not dict or type(value.get("reference")) is not str:
            return found
        fault = reference_fault(value, targets, walk.known)
        if fault is None:
            return found
        return [*(found or ()), ("reference", "error", fault.code, fault.diagnostics, fault.remedy)]

    return check


def coding(plain: Check) -> Check:
    """The judge of a coding: its code is one of its system, where all of them are known."""

    def check(value: Any, walk: Walk) -> list[Problem] | None:
        found = plain(value, walk)
        if found:
            return found
        codes = walk.systems.get(value.get("system", ""))
        if codes is None or "code" not in value or value["code"] in codes:
            return None
        return [error("code", "code-invalid", "not a code of its code system", _words(codes))]

    return check


def extension(plain: Check) -> Check:
    """The judge of an extension: defined somewhere, where definitions are given."""

    def check(value: Any, walk: Walk) -> list[Problem] | None:
        found = plain(value, walk)
        if found or walk.extensions is None:
            return found
        url = value["url"]
        if url in walk.extensions or url.startswith("http://hl7.org/fhir/") or "/" not in url:
            return None
        remedy = did_you_mean(url, walk.extensions)
        return [error("url", "extension", "an extension that no StructureDefinition given defines", remedy)]

    return check


def with_invariants(plain: Check, stated: list[tuple[str, str, str, Invariant]]) -> Check:
    """The judge of an element that has invariants of its own."""

    def check(value: Any, walk: Walk) -> list[Problem] | None:
        found = plain(value, walk) or []
        for key, severity, human, holds in stated:
            if not holds(value, walk.resource):
                found.append(("", severity, "invariant", f"{key}: {human}", ""))
        return found or None

    return check
