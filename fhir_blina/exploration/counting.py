"""Counts of the resources of one type: elements, dates, codes and units, and the patients they are of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fhir_blina.exploration.plans import ABOUT, CONTACTS, ElementPlan, TypePlan, plan_of, type_plan
from fhir_blina.files import Resource
from fhir_blina.r4 import FhirRelease, target_of

#: So many different codes of an element are counted one by one; a list that is longer is none of codes.
MOST_CODES = 20_000
_UCUM = "http://unitsofmeasure.org"
Code = tuple[str, str]  # system, code
OTHERS: Code = ("", "…")


@dataclass
class Days:
    """Earliest and latest of dates, as they are written, and how many have no day."""

    first: str = ""
    last: str = ""
    partial: int = 0

    def add(self, text: str) -> None:
        """Take a date or dateTime along."""
        day = text[:10]
        self.partial += len(day) < 10
        month = day[:7]
        if not self.first or month < self.first:
            self.first = month
        self.last = max(self.last, month)


@dataclass
class Tally:
    """How many, and the patients behind them."""

    count: int = 0
    patients: set[int] = field(default_factory=set)

    def add(self, patient: int | None) -> None:
        """Count one of a patient, if it is known of whom."""
        self.count += 1
        if patient is not None:
            self.patients.add(patient)


@dataclass
class OfType:
    """The counts of a type.

    Attributes:
        plan: Of the type.
        tally: Resources and patients.
        shapes: Resources by which JSON keys they have.
        days: By JSON key.
        codes: By element and code.
        displays: The words of each code.
        units: By element, code and unit; a unit with whether it is coded.
        without_subject: Resources that name nobody.
        unknown_subject: Resources of a patient who is not there.
    """

    plan: TypePlan
    tally: Tally = field(default_factory=Tally)
    shapes: dict[frozenset[str], Tally] = field(default_factory=dict)
    days: dict[str, Days] = field(default_factory=dict)
    codes: dict[str, dict[Code, Tally]] = field(default_factory=dict)
    displays: dict[Code, str] = field(default_factory=dict)
    units: dict[tuple[str, Code, str, bool], Tally] = field(default_factory=dict)
    without_subject: int = 0
    unknown_subject: int = 0


def count_into(held: OfType, resource: Resource, patient: int | None, release: FhirRelease) -> None:
    """Count a resource; the patient is a number of ours, None where nobody is known."""
    held.tally.add(patient)
    plan = held.plan
    present = frozenset(name for key in resource if (name := key.removeprefix("_")) in plan.names)
    held.shapes.setdefault(present, Tally()).add(patient)
    for key in plan.dates:
        for text in dates_in(resource.get(key)):
            held.days.setdefault(key, Days()).add(text)
    _count_part(held, resource, plan.parts, "", _about(resource), patient, release)


def dates_in(value: Any) -> Iterator[str]:
    """The dates of a date, a period, or a list of them, as they are written."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (value[end] for end in ("start", "end") if isinstance(value.get(end), str))
    elif isinstance(value, list):
        for one in value:
            yield from dates_in(one)


def contacts_of(resource: Resource) -> Iterator[str]:
    """The days on which something was done with a patient, as they are written; none without a day."""
    for key in CONTACTS.get(resource["resourceType"], ()):
        yield from (text[:10] for text in dates_in(resource.get(key)) if len(text) >= 10)


def subject_of(resource: Resource, plan: TypePlan) -> tuple[str, str]:
    """Type and id of the subject that a resource names by a literal reference; empty where it names none."""
    reference = resource.get(plan.subject) if plan.subject else None
    text = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(text, str) or text.startswith(("#", "urn:")):
        return "", ""
    parts = target_of(text).split("/")
    return (parts[-2], parts[-1]) if len(parts) > 1 else ("", "")


def plan_for(kind: str, release: FhirRelease) -> OfType:
    """Nothing counted yet of a type."""
    return OfType(type_plan(kind, release))


def _count_part(
    held: OfType,
    part: dict[str, Any],
    plan: ElementPlan,
    path: str,
    about: Code,
    patient: int | None,
    release: FhirRelease,
) -> None:
    for key, value in part.items():
        if key in plan.codes:
            found = held.codes.setdefault(f"{path}{key}", {})
            for code, display in _codes_in(value, plan.codes[key]):
                known = code if code in found or len(found) < MOST_CODES else OTHERS
                found.setdefault(known, Tally()).add(patient)
                if display and known is not OTHERS:
                    held.displays.setdefault(code, display)
        elif key in plan.quantities:
            for one in _objects(value):
                if one.get("value") is not None:
                    unit, coded = _unit_of(one)
                    name = (f"{path}{key}", about, unit, coded)
                    if name not in held.units and len(held.units) >= MOST_CODES:
                        name = (f"{path}{key}", OTHERS, "…", False)
                    held.units.setdefault(name, Tally()).add(patient)
        elif key in plan.inner:
            inner = plan_of(plan.inner[key], release)
            for one in _objects(value):
                _count_part(held, one, inner, f"{path}{key}.", _about(one) or about, patient, release)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        yield from (one for one in value if isinstance(one, dict))


def _codes_in(value: Any, kind: str) -> Iterator[tuple[Code, str]]:
    """The codes of an element with their words, each once."""
    if kind == "code":
        texts = value if isinstance(value, list) else [value]
        yield from ((("", one), "") for one in dict.fromkeys(str(one) for one in texts if one))
        return
    found: dict[Code, str] = {}
    for one in _objects(value):
        codings = list(_objects(one.get("coding"))) if kind == "CodeableConcept" else [one]
        for coding in codings:
            if isinstance(coding.get("code"), str):
                code = (str(coding.get("system", "")), coding["code"])
                found.setdefault(code, str(coding.get("display", "")))
        if not any(isinstance(coding.get("code"), str) for coding in codings):
            found.setdefault(("", ""), "")  # a text is counted and not shown: it may say anything
    yield from found.items()


def _about(part: dict[str, Any]) -> Code:
    """The first code that an object is about; empty where it has none."""
    for key in ABOUT:
        for one in _objects(part.get(key)):
            for coding in _objects(one.get("coding")):
                if isinstance(coding.get("code"), str):
                    return (str(coding.get("system", "")), coding["code"])
    return ("", "")


def _unit_of(quantity: dict[str, Any]) -> tuple[str, bool]:
    """The unit, and whether it is a code of UCUM."""
    code = quantity.get("code")
    if isinstance(code, str) and code:
        return code, quantity.get("system") == _UCUM
    return str(quantity.get("unit", "")), False
