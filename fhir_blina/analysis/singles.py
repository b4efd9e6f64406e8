"""Records of single patients: values as recorded, intervals between days, sums of recorded intervals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from fhir_blina.analysis.descriptive import MOST_SUBJECTS, whole
from fhir_blina.endpoints import Facts, IntervalAsked, Population, SumAsked
from fhir_blina.files import as_text
from fhir_blina.results import Record


def describe_singles(facts: Facts) -> Iterator[Record]:
    """Every record that ``listed``, ``intervals`` and ``sums`` ask for; none with more than 1000 patients."""
    sections = facts.endpoints.sections
    if len(facts.subjects) > MOST_SUBJECTS:
        return
    for name in sections.listed:
        yield from _listed(facts, name)
    for name, interval in sections.intervals.items():
        yield from _interval(facts, name, interval)
    for name, added in sections.sums.items():
        yield from _sum(facts, name, added)


def _listed(facts: Facts, name: str) -> Iterator[Record]:
    found, bounds = facts.measured(name), facts.bounds(name)
    for key in facts.labels:
        if key not in found and key not in bounds:
            continue
        comparator, value, source = bounds[key] if key in bounds else ("", *found[key])
        word = isinstance(value, str | bool)
        note = f"recorded as {comparator} {as_text(value)}" if comparator else str(value) if word else ""
        yield Record(
            f"{name}.value",
            facts.labels[key],
            value=None if word else whole(value),
            unit=facts.unit(name),
            method="as recorded",
            n=1,
            note=note,
            derived_from=(source,),
            comparator=comparator,
        )


def _interval(facts: Facts, name: str, asked: IntervalAsked) -> Iterator[Record]:
    facts.one_clock(f'interval "{name}"', asked.begin, asked.end)
    start, end = facts.timed(asked.begin), facts.timed(asked.end)
    facts.account.count(_with_both(facts, name, asked.begin, asked.end))
    for key in start:
        if key in end:
            yield Record(
                f"{name}.days",
                facts.labels[key],
                value=whole(whole(end[key][0]) - whole(start[key][0])),
                unit="d",
                method=f"day of {asked.end} less day of {asked.begin}",
                n=1,
                derived_from=(start[key][1], end[key][1]),
            )


def _with_both(facts: Facts, name: str, *times: str) -> Population:
    """Who has both days, and what the others lack."""
    out: dict[str, str] = {}
    for time in reversed(times):
        days, reasons = facts.timed(time), facts.no_day(time)
        for key in facts.labels:
            if key not in days:
                out[key] = reasons[key][0] if key in reasons else f'no day of "{time}"'
    everyone = len(facts.labels)
    return Population(kind="interval", name=name, of=everyone, n=everyone - len(out), out=out)


@dataclass(frozen=True, kw_only=True)
class Sum:
    """Recorded intervals of one subject added up, beside the recorded total; ``sources`` are resources."""

    subject: str
    added: int | Decimal
    recorded: int | Decimal
    sources: tuple[str, ...]


def sums(facts: Facts, asked: SumAsked) -> Iterator[Sum]:
    """The sum of each patient that has all parts and the total."""
    parts = [facts.measured(part) for part in asked.parts]
    for key, (total, source) in facts.timed(asked.total).items():
        if all(key in part for part in parts):
            added = sum((Decimal(whole(part[key][0])) for part in parts), Decimal(0))
            sources = (*(part[key][1] for part in parts), source)
            yield Sum(subject=facts.labels[key], added=whole(added), recorded=whole(total), sources=sources)


def _sum(facts: Facts, name: str, asked: SumAsked) -> Iterator[Record]:
    for found in sums(facts, asked):
        yield Record(
            f"{name}.sum",
            found.subject,
            value=found.added,
            unit="d",
            method="sum of " + ", ".join(asked.parts),
            n=1,
            note="" if found.added == found.recorded else f"recorded: {found.recorded}",
            derived_from=found.sources,
        )
