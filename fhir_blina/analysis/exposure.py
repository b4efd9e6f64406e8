"""Exposure: the dose each patient received, exactly, beside the dose that the protocol would give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from fhir_blina.analysis.descriptive import MOST_SUBJECTS, whole
from fhir_blina.endpoints import Dosing, Facts, ProtocolDose, source
from fhir_blina.results import Record


@dataclass(frozen=True, kw_only=True)
class Step:
    """A stretch of days at one rate.

    Attributes:
        first: Study day on which it starts.
        last: Study day on which it ends, inclusive.
        rate: As printed.
        unit: UCUM unit of the rate as printed.
        source: ``Type/id`` of the resource.
    """

    first: int
    last: int
    rate: Decimal
    unit: str
    source: str

    @property
    def days(self) -> int:
        """Days given; days 1 to 28 are 28 days."""
        return self.last - self.first + 1


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """What one patient received and what the protocol's rules need to know of it.

    Attributes:
        subject: Label of the patient.
        steps: Dose steps in the order of their days.
        area: Body surface area in m2, ``None`` where it is not recorded.
        needs_step_up: Whether the protocol asks for a lower dose first; ``None`` where that is not known.
        sources: Resources behind area and steps.
    """

    subject: str
    steps: tuple[Step, ...]
    area: Decimal | None
    needs_step_up: bool | None
    sources: tuple[str, ...]


def exposures(facts: Facts) -> list[Exposure]:
    """The exposure of every patient that has a dose step, in the order of the labels.

    Raises:
        AnalysisError: the table or a column that the section names is absent.
    """
    dosing = facts.endpoints.sections.dosing
    if dosing is None:
        return []
    columns = [dosing.start, dosing.end, dosing.rate, dosing.rate_unit]
    facts.table(dosing.selection.table, "patient_id", *columns)
    frame = facts.rows(dosing.selection).dropna(subset=columns)
    steps: dict[str, list[Step]] = {}
    for row in frame.to_dict(orient="records"):
        start, end, rate, unit = (row[column] for column in columns)
        made = source(dosing.selection.table, row)
        steps.setdefault(row["patient_id"], []).append(
            Step(first=int(start), last=int(end), rate=Decimal(str(rate)), unit=str(unit), source=made)
        )
    areas = facts.measured(dosing.body_surface_area)
    step_up = dosing.step_up
    values = facts.measured(step_up.measure) if step_up else {}
    result = []
    for key, label in facts.labels.items():
        if key in steps:
            mine = tuple(sorted(steps[key], key=lambda step: step.first))
            area = Decimal(str(areas[key][0])) if key in areas else None
            needs = False if step_up is None else None
            if step_up is not None and key in values:
                needs = Decimal(str(values[key][0])) >= step_up.at_least
            made_from = tuple(
                dict.fromkeys([*(step.source for step in mine), *([areas[key][1]] if key in areas else [])])
            )
            result.append(
                Exposure(subject=label, steps=mine, area=area, needs_step_up=needs, sources=made_from)
            )
    return result


def step_amount(step: Step, area: Decimal | None, dosing: Dosing) -> Decimal | None:
    """Amount of one step; ``None`` where the unit is per area and no area is known, or is another unit."""
    if step.unit == dosing.flat_unit:
        return step.rate * step.days
    if step.unit == dosing.per_area_unit and area is not None:
        return step.rate * step.days * area
    return None


def protocol_amount(
    exposure: Exposure, rule: ProtocolDose, dosing: Dosing, days: list[int]
) -> Decimal | None:
    """Amount that a rule gives over these days; ``None`` where area or the need of a step-up is not known."""
    needs = exposure.needs_step_up
    per_area = rule.unit == dosing.per_area_unit
    if needs is None or (per_area and exposure.area is None):
        return None
    until = dosing.step_up.days if dosing.step_up else 0
    low = rule.step_up if rule.step_up is not None and needs else rule.full
    total = sum((low if day <= until else rule.full for day in days), Decimal(0))
    return total * exposure.area if per_area and exposure.area is not None else total


def stepped_up(exposure: Exposure) -> bool:
    """Whether a later step has a higher rate than the first."""
    return any(step.rate > exposure.steps[0].rate for step in exposure.steps[1:])


def describe_exposure(facts: Facts) -> Iterator[Record]:
    """Records of the dose by step and patient, and of the protocol's dose in every unit that it has."""
    dosing = facts.endpoints.sections.dosing
    found = exposures(facts)
    if dosing is None or not found:
        return
    unit = dosing.amount_unit
    for exposure in found if len(found) <= MOST_SUBJECTS else ():
        yield from _given(exposure, dosing, unit)
        for rule in dosing.protocol:
            yield from _protocol(exposure, rule, dosing, unit)
    known = [exposure for exposure in found if exposure.needs_step_up is not None]
    agree = [exposure for exposure in known if stepped_up(exposure) == exposure.needs_step_up]
    yield Record(
        "dose.step_up_as_protocol",
        value=len(agree) / len(known) if known else None,
        method="patients whose dose was raised if and only if the protocol asks for a lower dose first",
        n=len(known),
        events=len(agree),
        note="" if known else "it is not known who needs a step-up",
        derived_from=(dosing.selection.table,),
    )


def _given(exposure: Exposure, dosing: Dosing, unit: str) -> Iterator[Record]:
    amounts = [step_amount(step, exposure.area, dosing) for step in exposure.steps]
    for step, amount in zip(exposure.steps, amounts, strict=True):
        per_area = step.unit == dosing.per_area_unit
        yield Record(
            "dose.step",
            f"{exposure.subject}, days {step.first}-{step.last}",
            time_days=step.first,
            value=whole(amount) if amount is not None else None,
            unit=unit,
            method=f"{step.rate} {step.unit} as recorded × {step.days} days"
            + (f" × {exposure.area} m2" if per_area else ""),
            n=1,
            note="" if amount is not None else "the body surface area is not known, or the unit is another",
            derived_from=(step.source,),
        )
    total = sum((amount for amount in amounts if amount is not None), Decimal(0))
    complete = None not in amounts
    yield Record(
        "dose.total",
        exposure.subject,
        value=whole(total) if complete else None,
        unit=unit,
        method="sum of the steps, units as recorded",
        n=1,
        note="" if complete else "the amount of a step is not known",
        derived_from=exposure.sources,
    )
    yield Record(
        "dose.days",
        exposure.subject,
        value=sum(step.days for step in exposure.steps),
        unit="d",
        method="days given, first and last included",
        n=1,
        derived_from=exposure.sources,
    )
    if exposure.area and complete:
        area = exposure.area
        rates = [
            step.rate if step.unit == dosing.per_area_unit else step.rate / area for step in exposure.steps
        ]
        yield Record(
            "dose.highest_per_area",
            exposure.subject,
            value=float(max(rates)),
            unit=dosing.per_area_unit,
            method="highest rate by body surface area, units as recorded",
            n=1,
            derived_from=exposure.sources,
        )


def _protocol(exposure: Exposure, rule: ProtocolDose, dosing: Dosing, unit: str) -> Iterator[Record]:
    basis = "per_area" if rule.unit == dosing.per_area_unit else "flat"
    given = [step_amount(step, exposure.area, dosing) for step in exposure.steps]
    days = [day for step in exposure.steps for day in range(step.first, step.last + 1)]
    said = f"protocol in {rule.unit}: {rule.full}"
    said += f", first {rule.step_up}" if exposure.needs_step_up and rule.step_up is not None else ""
    same = protocol_amount(exposure, rule, dosing, days)
    course = protocol_amount(exposure, rule, dosing, list(range(1, dosing.course_days + 1)))
    reason = "body surface area or the need of a step-up is not known"
    for name, amount, method in (
        (f"dose.protocol_{basis}_same_days", same, f"{said}, over the days given"),
        (f"dose.protocol_{basis}_course", course, f"{said}, over a whole course"),
    ):
        yield Record(
            name,
            exposure.subject,
            value=whole(amount) if amount is not None else None,
            unit=unit,
            method=method,
            n=1,
            note="" if amount is not None else reason,
            derived_from=exposure.sources,
        )
    total = None if None in given else sum((amount for amount in given if amount is not None), Decimal(0))
    yield Record(
        f"dose.given_of_protocol_{basis}",
        exposure.subject,
        value=float(total / same) if total is not None and same else None,
        method=f"amount given divided by the {said}, over the days given",
        n=1,
        note="" if total is not None and same else reason,
        derived_from=exposure.sources,
    )
