"""What a store holds, in counts: types, dates, codes, units, elements, subjects; no value of a patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ElementFound:
    """An element of a type.

    Attributes:
        name: As the definition has it: ``onset[x]``.
        present: Resources that have it, ``None`` where that is hidden.
        subjects: Patients of those that have it, ``None`` where that is hidden.
        subjects_without: Patients of those that lack it.
        forms: How often each form of a choice is there: ``onsetDateTime``.
        first: The month of the earliest date in it, empty where it holds none.
        last: The month of the latest one.
        partial: Dates of it without a day, ``None`` where that is hidden.
    """

    name: str
    present: int | None
    subjects: int | None = 0
    subjects_without: int | None = 0
    forms: Mapping[str, int] = field(default_factory=dict)
    first: str = ""
    last: str = ""
    partial: int | None = 0


@dataclass(frozen=True, kw_only=True)
class TypeFound:
    """A type of resource.

    Attributes:
        name: ``Condition``.
        resources: How many there are, ``None`` where that is hidden.
        subjects: How many patients they are of, in the same way.
        tables: The tables with a row for each, empty where no view reads the type.
        without_subject: Resources that name no patient and no group, where the type can name a patient.
        unknown_subject: Resources of a patient who is not there.
        elements: Elements that at least one has, in the order of the definition.
        never: Elements that none has.
    """

    name: str
    resources: int | None
    subjects: int | None = 0
    tables: tuple[str, ...] = ()
    without_subject: int = 0
    unknown_subject: int = 0
    elements: tuple[ElementFound, ...] = ()
    never: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CodeFound:
    """A code in an element of a type.

    Attributes:
        resource_type: ``Condition``.
        element: ``code``, ``stage.summary``.
        system: URI of the code system; empty for a code of FHIR's own lists.
        code: The code; empty for a text without a code, which is only counted.
        display: Its words in the data.
        resources: Resources that have it.
        subjects: Patients that they are of.
    """

    resource_type: str
    element: str
    system: str
    code: str
    display: str
    resources: int
    subjects: int


@dataclass(frozen=True, kw_only=True)
class UnitFound:
    """A unit of the quantities in an element, by the code that the element tells of.

    Attributes:
        resource_type: ``Observation``.
        element: ``valueQuantity``, ``component.valueQuantity``.
        system: Of the code.
        code: What is measured or given.
        display: Its words in the data.
        unit: The code of the unit, or its text where it has none, empty where there is neither.
        coded: Whether it is a code of UCUM.
        values: How many quantities.
        subjects: Patients that they are of.
    """

    resource_type: str
    element: str
    system: str
    code: str
    display: str
    unit: str
    coded: bool
    values: int
    subjects: int


@dataclass(frozen=True, kw_only=True)
class SubjectsFound:
    """The patients together; contacts are encounters, observations, procedures and what else is done.

    Counts are ``None`` where they are hidden.

    Attributes:
        patients: How many there are.
        born: With a date of birth.
        dead: Said to be dead, with or without a date.
        dead_on_a_date: With a date of death.
        with_contact: With a contact on a date.
        first_contacts: Months of the earliest and the latest first contact, empty where there is none.
        last_contacts: The same of last contacts.
        median_days: Between first and last contact, ``None`` where there is none.
        seen_after_death: With a contact after the day of death.
        never_named: Whom no resource names.
        missing: Patients whom resources name, and who are not there.
    """

    patients: int | None
    born: int | None = 0
    dead: int | None = 0
    dead_on_a_date: int | None = 0
    with_contact: int | None = 0
    first_contacts: tuple[str, str] = ("", "")
    last_contacts: tuple[str, str] = ("", "")
    median_days: int | None = None
    seen_after_death: int | None = 0
    never_named: int | None = 0
    missing: int | None = 0


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """What a store holds.

    Attributes:
        source: Where it was read.
        types: By name.
        subjects: The patients together.
        codes: By type and element, the most frequent first.
        units: By type, element and code, the most frequent first.
        notes: What else is to be known of the files, a sentence each.
        suppressed: Counts below this number are hidden, 0 where none is.
        hidden_codes: How many codes are left out for that, by ``Type.element``.
        hidden_units: The same of units.
    """

    source: str
    types: tuple[TypeFound, ...]
    subjects: SubjectsFound
    codes: tuple[CodeFound, ...] = ()
    units: tuple[UnitFound, ...] = ()
    notes: tuple[str, ...] = ()
    suppressed: int = 0
    hidden_codes: Mapping[str, int] = field(default_factory=dict)
    hidden_units: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
