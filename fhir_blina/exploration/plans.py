"""Where a type of R4 has codes, quantities and dates, worked out once from its definitions."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from fhir_blina.r4 import FhirRelease

#: Elements with a patient's words, names or numbers; nothing below them is looked at.
PRIVATE = frozenset(
    {
        "Address",
        "Annotation",
        "Attachment",
        "ContactPoint",
        "Extension",
        "HumanName",
        "Identifier",
        "Meta",
        "Narrative",
        "Reference",
        "Resource",
        "Signature",
    }
)
#: Elements of every resource that say nothing of its content.
EVERYWHERE = frozenset(
    {
        "id",
        "meta",
        "implicitRules",
        "language",
        "text",
        "contained",
        "extension",
        "modifierExtension",
    }
)
SUBJECTS = ("subject", "patient", "individual", "beneficiary")
#: What codes an element tells of: the code of an observation, a drug, a vaccine.
ABOUT = ("code", "medicationCodeableConcept", "vaccineCode")
#: When something was done with a patient, by type.
CONTACTS = {
    "DiagnosticReport": ("effectiveDateTime", "effectivePeriod"),
    "Encounter": ("period",),
    "ImagingStudy": ("started",),
    "Immunization": ("occurrenceDateTime",),
    "MedicationAdministration": ("effectiveDateTime", "effectivePeriod"),
    "Observation": ("effectiveDateTime", "effectiveInstant", "effectivePeriod"),
    "Procedure": ("performedDateTime", "performedPeriod"),
}
#: Elements whose dates are a patient's own values.
_VALUES = ("birthDate", "value")
_DATES = frozenset({"date", "dateTime", "instant", "Period"})


@dataclass(frozen=True)
class ElementPlan:
    """The elements of a type, or of a part of one, by what is in them.

    Attributes:
        codes: JSON keys of CodeableConcept, Coding and code, with that type.
        quantities: Keys of quantities.
        inner: Keys of parts, with the type of each.
    """

    codes: dict[str, str]
    quantities: tuple[str, ...]
    inner: dict[str, str]


@dataclass(frozen=True)
class TypePlan:
    """The elements of a resource type.

    Attributes:
        parts: Where its codes and quantities are.
        names: The name in the definition of each JSON key: ``onsetDateTime`` -> ``onset[x]``.
        dates: Keys with a date or a period, but for dates of birth and values.
        subject: The key that names the patient, empty where the type has none.
    """

    parts: ElementPlan
    names: dict[str, str]
    dates: tuple[str, ...]
    subject: str


@functools.cache
def plan_of(kind: str, release: FhirRelease) -> ElementPlan:
    """The plan of a type, of a part (``Condition.stage``) or of a datatype (``Dosage``)."""
    codes, quantities, inner = {}, [], {}
    for key, stated in release.keys(kind).items():
        if key in EVERYWHERE or stated in PRIVATE:
            continue
        if stated in {"CodeableConcept", "Coding", "code"}:
            codes[key] = stated
        elif _is_quantity(stated, release):
            quantities.append(key)
        elif "." in stated or stated[:1].isupper():
            inner[key] = stated
    return ElementPlan(codes, tuple(quantities), inner)


def _is_quantity(kind: str, release: FhirRelease) -> bool:
    return kind == "Quantity" or release.types.get(kind, {}).get("base") == "Quantity"


@functools.cache
def type_plan(kind: str, release: FhirRelease) -> TypePlan:
    """The plan of a resource type."""
    names: dict[str, str] = {}
    for name in release.elements(kind):
        stem = name.removesuffix("[x]")
        keys = release.choices.get(stem, {}) if name.endswith("[x]") else {name: ""}
        names |= dict.fromkeys((key for key in keys if key in release.keys(kind)), name)
    names = {key: name for key, name in names.items() if key not in EVERYWHERE}
    keys_of = release.keys(kind)
    dates = [key for key in names if keys_of[key] in _DATES and not key.startswith(_VALUES)]
    canonical = {"url", "publisher"} <= names.keys()  # a definition: its codes are what it defines
    parts = ElementPlan({}, (), {}) if canonical else plan_of(kind, release)
    subject = next((one for one in SUBJECTS if _can_be_patient(kind, one, release)), "")
    return TypePlan(parts, names, tuple(dates), subject)


def _can_be_patient(kind: str, element: str, release: FhirRelease) -> bool:
    return "Patient" in release.elements(kind).get(element, {}).get("targets", ())
