"""What definitions ask for beside endpoints: summaries, proportions, intervals, sums, dosing, power."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from fhir_blina.endpoints.responses import ResponseAsked, responses_of
from fhir_blina.endpoints.selection import Selection, selection
from fhir_blina.files import Document


@dataclass(frozen=True, kw_only=True)
class SummaryAsked:
    """Median and range of a measure, all or ``by`` a group too, with a ``test`` of two of its labels.

    ``spread`` adds quartiles, mean, standard deviation and how many have no value.
    """

    by: str = ""
    test: str = ""
    spread: bool = False


@dataclass(frozen=True, kw_only=True)
class ProportionAsked:
    """How many of the set ``among`` are in the set ``wanted``; ``all`` is everyone."""

    wanted: str
    among: str = "all"


@dataclass(frozen=True, kw_only=True)
class IntervalAsked:
    """Days from the time ``begin`` to the time ``end``, patient by patient."""

    begin: str
    end: str


@dataclass(frozen=True, kw_only=True)
class SumAsked:
    """Recorded intervals, the measures ``parts``, that should add up to the day ``total``."""

    parts: tuple[str, ...]
    total: str


@dataclass(frozen=True, kw_only=True)
class StepUp:
    """Who needs a lower dose first: those with ``at_least`` so much of a measure, for so many days."""

    measure: str
    at_least: Decimal
    days: int


@dataclass(frozen=True, kw_only=True)
class ProtocolDose:
    """A protocol's dose in one unit: ``full``, or ``step_up`` in the first days of who needs it."""

    unit: str
    full: Decimal
    step_up: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Dosing:
    """Where dose steps are recorded, and what the protocol gives.

    Attributes:
        selection: The rows of dose steps.
        start: Column of a step's first day.
        end: Column of its last day, inclusive.
        rate: Column of the rate.
        rate_unit: Column of its unit.
        amount_unit: UCUM unit of amounts.
        body_surface_area: The measure of it.
        per_area_unit: UCUM unit of rates by body surface area.
        flat_unit: UCUM unit of rates that are the same for everyone.
        course_days: Length of a whole course.
        protocol: The protocol's doses.
        step_up: Who gets a lower dose first, ``None`` where nobody does.
    """

    selection: Selection
    start: str
    end: str
    rate: str
    rate_unit: str
    amount_unit: str
    body_surface_area: str
    per_area_unit: str
    flat_unit: str
    course_days: int
    protocol: tuple[ProtocolDose, ...]
    step_up: StepUp | None = None


@dataclass(frozen=True, kw_only=True)
class PowerAsked:
    """What a comparison of the first two labels of ``group`` can show in an endpoint."""

    endpoint: str
    group: str
    hazard_ratios: tuple[int | Decimal, ...]
    power: Decimal
    alpha: Decimal


@dataclass(frozen=True, kw_only=True)
class CategoriesAsked:
    """How many patients of the set ``among`` have each value of a column, all and ``by`` a group.

    ``show`` names a column of words for the values.
    """

    selection: Selection
    column: str
    show: str = ""
    among: str = "all"
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class Sections:
    """The sections of a definitions file that ask for numbers beside its endpoints; by name, in its order."""

    summaries: Mapping[str, SummaryAsked]
    proportions: Mapping[str, ProportionAsked]
    listed: tuple[str, ...]
    intervals: Mapping[str, IntervalAsked]
    sums: Mapping[str, SumAsked]
    dosing: Dosing | None
    power: PowerAsked | None
    responses: Mapping[str, ResponseAsked] = field(default_factory=dict)
    categories: Mapping[str, CategoriesAsked] = field(default_factory=dict)


def sections_of(document: Document) -> Sections:
    """The sections of a file as read and checked against its schema.

    Raises:
        AnalysisError: the rows of ``exposure`` name a code system that nothing defines.
    """
    content = document.data
    return Sections(
        summaries={
            name: SummaryAsked(
                by=entry.get("by", ""), test=entry.get("test", ""), spread=entry.get("spread", False)
            )
            for name, entry in content.get("summaries", {}).items()
        },
        proportions={
            name: ProportionAsked(wanted=entry.get("set", name), among=entry.get("among", "all"))
            for name, entry in content.get("proportions", {}).items()
        },
        categories={
            name: CategoriesAsked(
                selection=selection(entry, content.get("systems", {}), document.where(("categories", name))),
                column=entry["value"],
                show=entry.get("show", ""),
                among=entry.get("among", "all"),
                by=entry.get("by", ""),
            )
            for name, entry in content.get("categories", {}).items()
        },
        listed=tuple(content.get("listed", ())),
        intervals={
            name: IntervalAsked(begin=entry["from"], end=entry["to"])
            for name, entry in content.get("intervals", {}).items()
        },
        sums={
            name: SumAsked(parts=tuple(entry["parts"]), total=entry["total"])
            for name, entry in content.get("sums", {}).items()
        },
        dosing=_dosing(document) if "exposure" in content else None,
        power=_power(content["power"]) if "power" in content else None,
        responses=responses_of(document),
    )


def _dosing(document: Document) -> Dosing:
    entry = document.data["exposure"]
    step_up = entry.get("step_up")
    return Dosing(
        selection=selection(entry, document.data.get("systems", {}), document.where(("exposure",))),
        start=entry["start"],
        end=entry["end"],
        rate=entry["rate"],
        rate_unit=entry["rate_unit"],
        amount_unit=entry["amount_unit"],
        body_surface_area=entry["body_surface_area"],
        per_area_unit=entry["per_area_unit"],
        flat_unit=entry["flat_unit"],
        course_days=entry["course_days"],
        protocol=tuple(
            ProtocolDose(
                unit=dose["unit"],
                full=Decimal(dose["full"]),
                step_up=Decimal(dose["step_up"]) if "step_up" in dose else None,
            )
            for dose in entry["protocol"]
        ),
        step_up=StepUp(
            measure=step_up["measure"], at_least=Decimal(step_up["at_least"]), days=step_up["days"]
        )
        if step_up
        else None,
    )


def _power(entry: Mapping[str, Any]) -> PowerAsked:
    return PowerAsked(
        endpoint=entry["endpoint"],
        group=entry["group"],
        hazard_ratios=tuple(entry["hazard_ratios"]),
        power=Decimal(entry["power"]),
        alpha=Decimal(entry["alpha"]),
    )
