"""What results hold beside their numbers, a typed record each."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class ComparedClaim:
    """A printed number beside the number recomputed for it.

    Attributes:
        claim: Key; the same for all readings of one printed number.
        title: What the number is, in words for a reader.
        kind: ``result``, ``patient`` (a datum of one patient), ``method`` (a rule of the study) or ``cited``.
        value_printed: The number as printed, ``78.30`` with its zero.
        unit: As printed, in UCUM or ``%``.
        printed_in: Section or table.
        quote: The printed words.
        reading: ``main``, or ``other`` for another method that could have been meant.
        record: Name of the record that recomputes it, ``None`` where none does.
        group: The record's group.
        time_days: The record's time.
        ci_method: The record's interval method.
        field: The record's field.
        arithmetic: Instead of a record, a calculation on printed numbers.
        why: The reason for the agreement in words, with the method.
        recomputed: In the claim's unit, exact or to 12 digits; ``None`` where there is none.
        agreement: ``agrees``, ``truncated``, ``disagrees`` or ``not computable from printed data``.
        method: The record's method, empty without a record.
    """

    claim: str
    title: str
    kind: str
    value_printed: str
    unit: str
    printed_in: str
    quote: str
    reading: str
    record: str | None
    group: str | None
    time_days: int | None
    ci_method: str | None
    field: str
    arithmetic: str | None
    why: str
    recomputed: Decimal | None
    agreement: str
    method: str


#: The grade of a finding whose rule names none, by its severity.
GRADES = {"error": "contradiction", "warning": "unclear", "information": "to know"}


@dataclass(frozen=True, kw_only=True)
class DataFinding:
    """Something that the data or the printed numbers contradict or leave open. Nothing is corrected.

    Attributes:
        rule: Name of the rule or note.
        kind: Kind of rule, or ``note`` for what was curated by hand from the publication's prose.
        severity: ``error`` (two statements exclude each other), ``warning`` or ``information``.
        grade: ``contradiction``, ``implausible``, ``unclear``, ``depends on method`` or ``to know``.
        subject: Label of a patient, several joined by a comma, a group, or empty for the whole cohort.
        title: What is the matter, in one sentence.
        printed: What is printed or recorded.
        follows: What follows from it.
        evidence: ``Type/id`` of resources, claims as ``claim:<key>``, records as ``record:<name>``.
        where: Where it is printed, for notes.
    """

    rule: str
    kind: str
    severity: str
    subject: str
    title: str
    printed: str
    follows: str
    evidence: tuple[str, ...]
    where: str = ""
    grade: str = ""

    def __post_init__(self) -> None:
        if not self.grade:
            object.__setattr__(self, "grade", GRADES[self.severity])


@dataclass(frozen=True, kw_only=True)
class ReasonCount:
    """How many are left out for one reason."""

    reason: str
    n: int


@dataclass(frozen=True, kw_only=True)
class PopulationCount:
    """How many of how many an endpoint, measure, set or group is about.

    Attributes:
        kind: ``endpoint``, ``measure``, ``set``, ``group``, ``interval``, ``state`` or
            ``response``.
        name: Its name in the definitions.
        of: Patients who could be counted.
        n: Patients who are.
        out: The others by reason, the most frequent first.
    """

    kind: str
    name: str
    of: int
    n: int
    out: tuple[ReasonCount, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A patient who is not counted where they could be.

    Attributes:
        kind: Of what: ``endpoint``, ``measure``, ``set``, ``group``, ``interval``, ``state`` or
            ``response``.
        name: Its name in the definitions.
        patient_id: Id of the resource Patient.
        study_subject: The study's label, ``None`` where the tables do not have the patient.
        reason: Why, in words.
        source: ``Type/id`` of the row behind the reason, empty where there is none.
    """

    kind: str
    name: str
    patient_id: str
    study_subject: str | None
    reason: str
    source: str


@dataclass(frozen=True, kw_only=True)
class DerivedTime:
    """How long one patient was followed for an endpoint, and from which resources.

    Attributes:
        endpoint: Name of the endpoint.
        patient_id: Id of the resource Patient.
        study_subject: The study's label.
        group: Label in the group that the endpoint names first, ``None`` without one.
        start_day: Day of the start.
        stop_day: Day of the event, or of the end of follow-up.
        duration_days: The one less the other.
        event_observed: The endpoint's own event; a competing event is ``False`` here.
        event: Name of the event, of the competing event, or ``censored``.
        censor_reason: Why it ends without an event, where that is recorded.
        start_from: ``Type/id`` of the resources behind the start.
        stop_from: ``Type/id`` of the resources behind the end.
    """

    endpoint: str
    patient_id: str
    study_subject: str | None
    group: str | None
    start_day: float
    stop_day: float
    duration_days: float
    event_observed: bool
    event: str
    censor_reason: str | None
    start_from: tuple[str, ...]
    stop_from: tuple[str, ...]
