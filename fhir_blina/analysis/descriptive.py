"""Descriptive records: summaries, proportions, rank tests, intervals and sums of single patients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fhir_blina.endpoints import Facts, IntervalAsked, Population, ProportionAsked, SumAsked, SummaryAsked
from fhir_blina.errors import AnalysisError
from fhir_blina.files import as_text
from fhir_blina.results import Record
from fhir_blina.statistics import PROPORTION_INTERVALS, mann_whitney, median, proportion

MOST_SOURCES = 100
SHOWN_P = 0.001  # a smallest possible P below this limits nobody, and is not said
MOST_SUBJECTS = 1000  # with more, there are no records of single subjects


def whole(value: Any) -> int | Decimal:
    """A cell as an exact number, whole numbers as ``int``."""
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    return int(number) if number == number.to_integral_value() else number


def describe(facts: Facts) -> Iterator[Record]:
    """Every record that the sections on patients ask for.

    They are ``summaries``, ``proportions``, ``listed``, ``intervals`` and ``sums``; the last three, on single
    patients, are left out with more than 1000 of them.

    Raises:
        AnalysisError: a table or column that a definition names is absent.
    """
    sections = facts.endpoints.sections
    count = len(facts.subjects)
    names = facts.endpoints.subjects
    yield Record(
        "subjects.count",
        value=count,
        method="rows of the table of patients",
        n=count,
        derived_from=(names.table,),
    )
    for name, summary in sections.summaries.items():
        yield from _summary(facts, name, summary)
    for name, share in sections.proportions.items():
        yield from _proportion(facts, name, share)
    if count > MOST_SUBJECTS:
        return
    for name in sections.listed:
        yield from _listed(facts, name)
    for name, interval in sections.intervals.items():
        yield from _interval(facts, name, interval)
    for name, added in sections.sums.items():
        yield from _sum(facts, name, added)


STATISTICS: dict[str, tuple[Callable[[Sequence[int | Decimal]], int | Decimal], str]] = {
    "median": (median, "middle value, or mean of the two middle values"),
    "minimum": (min, "smallest value"),
    "maximum": (max, "largest value"),
}


def _numbers(facts: Facts, name: str) -> dict[str, tuple[Any, str]]:
    """The values of a measure by patient.

    Raises:
        AnalysisError: they are words, of which there is no median.
    """
    found = facts.measured(name)
    if any(isinstance(value, str | bool) for value, _ in found.values()):
        place = facts.endpoints.measures[name].selection.place or facts.endpoints.path
        raise AnalysisError(
            f'{place}: measure "{name}" holds words, and a summary needs numbers. '
            "Count words by sets and proportions, or list them"
        )
    return found


def _summary(facts: Facts, name: str, asked: SummaryAsked) -> Iterator[Record]:
    found = _numbers(facts, name)
    population = facts.population(name)
    notes = {"all": str(population).partition(": ")[2] if population.out else ""}
    groups: dict[str, list[str]] = {"all": list(found)}
    if asked.by:
        labels = facts.group(asked.by)
        for label in facts.endpoints.groups[asked.by].labels.values():
            groups[label] = [key for key in found if labels.get(key) == label]
            size = int((labels == label).sum())
            notes[label] = f"{len(groups[label])} of {size}" if len(groups[label]) < size else ""
    for group, members in groups.items():
        values = [whole(found[key][0]) for key in members]
        said = [text for text in ("" if values else "nobody has a value", notes[group]) if text]
        for statistic, (function, method) in STATISTICS.items():
            yield Record(
                f"{name}.{statistic}",
                group,
                value=whole(function(values)) if values else None,
                unit=facts.unit(name),
                method=method,
                n=len(values),
                note="; ".join(said),
                derived_from=tuple(found[key][1] for key in members[:MOST_SOURCES]),
            )
    if asked.test and len(groups) == 3:
        yield from _rank_test(name, {label: groups[label] for label in list(groups)[1:]}, found)


def _rank_test(
    name: str, groups: Mapping[str, list[str]], found: Mapping[str, tuple[Any, str]]
) -> Iterator[Record]:
    (first, one), (second, two) = groups.items()
    pair = f"{first} v {second}"
    sources = tuple(found[key][1] for key in (*one, *two)[:MOST_SOURCES])
    if not one or not two:
        yield Record(f"{name}.mann_whitney_exact", pair, note="a group is empty", n=len(one) + len(two))
        return
    test = mann_whitney([found[key][0] for key in one], [found[key][0] for key in two])
    yield Record(
        f"{name}.mann_whitney_asymptotic",
        pair,
        value=test.z,
        method="Z: normal approximation of the rank sum, variance for ties, no continuity correction",
        n=len(one) + len(two),
        p_value=test.p_asymptotic,
        test="Mann-Whitney, asymptotic, two-sided",
        note="" if test.z is not None else "all values are equal",
        derived_from=sources,
    )
    if test.choice.kind == "asymptotic":
        p, error = test.p_asymptotic, ""
    else:
        p = test.p_exact if test.p_monte_carlo is None else test.p_monte_carlo
        error = "" if test.error is None else f"standard error of P {test.error:.2g}"
    floor = f"with {len(one)} against {len(two)} the two-sided exact P cannot be below {test.smallest_p:.2g}"
    yield Record(
        f"{name}.mann_whitney_exact",
        pair,
        value=test.u,
        method=f"U of {first}; {test.choice.words()}",
        n=len(one) + len(two),
        p_value=p,
        test=f"Mann-Whitney, two-sided, {test.choice.words()}",
        note="; ".join(text for text in (error, test.choice.floor(test.p_monte_carlo)) if text)
        or (floor if test.smallest_p >= SHOWN_P else ""),
        derived_from=sources,
    )
    if test.true_size is not None:
        yield Record(
            f"{name}.mann_whitney_true_size",
            pair,
            value=test.true_size,
            method=f"share of labelings, {test.choice.words()}, with an asymptotic P of 0.05 or less",
            n=len(one) + len(two),
            note="the error of the first kind of that test at these sizes",
            derived_from=sources,
        )


def _proportion(facts: Facts, name: str, asked: ProportionAsked) -> Iterator[Record]:
    wanted, among = asked.wanted, asked.among
    everyone, unknown = facts.members(among), facts.unknown(wanted)
    total = everyone[~everyone.isin(unknown)]
    having = facts.members(wanted)
    sources = facts.sources(wanted)
    derived_from = tuple(sources[key] for key in total if key in sources)[:MOST_SOURCES]
    count = int(total.isin(having).sum())
    said = []
    if len(total) < len(everyone):
        said.append(f"{len(total)} of {len(everyone)}: {len(everyone) - len(total)} have no value")
    if taken := facts.taken_for_no(wanted, everyone):
        said.append(f"{taken} of them have no value and count as without it")
    yield from proportion_records(name, wanted, among, count, len(total), derived_from, "; ".join(said))


def proportion_records(
    name: str,
    wanted: str,
    among: str,
    having: int,
    total: int,
    derived_from: tuple[str, ...] = (),
    note: str = "",
) -> Iterator[Record]:
    """How many of a set are in another: a record for each interval method.

    Args:
        name: Name of the proportion in the definitions.
        wanted: The set that is counted.
        among: The set that it is counted in.
        having: How many of ``among`` are in ``wanted``.
        total: How many ``among`` has, of whom it is known.
        derived_from: ``Type/id`` of the evidence.
        note: Of how many it is not known.
    """
    for interval in PROPORTION_INTERVALS:
        estimate = proportion(having, total, interval)
        yield Record(
            f"{name}.proportion",
            value=estimate.value,
            ci_low=estimate.low,
            ci_high=estimate.high,
            ci_method=interval,
            method=f"patients in {wanted} of {among}",
            n=total,
            events=having,
            note="; ".join(text for text in (estimate.note, note) if text),
            derived_from=derived_from,
        )


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
