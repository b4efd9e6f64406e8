"""Descriptive records: summaries, proportions and rank tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from fhir_blina.endpoints import Facts, ProportionAsked, SummaryAsked
from fhir_blina.errors import AnalysisError
from fhir_blina.results import Record
from fhir_blina.statistics import PROPORTION_INTERVALS, mann_whitney, median, proportion, spread

if TYPE_CHECKING:
    import pandas as pd

MOST_SOURCES = 100
SHOWN_P = 0.001  # a smallest possible P below this limits nobody, and is not said
MOST_SUBJECTS = 1000  # with more, there are no records of single subjects


def whole(value: Any) -> int | Decimal:
    """A cell as an exact number, whole numbers as ``int``."""
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    return int(number) if number == number.to_integral_value() else number


def describe(facts: Facts) -> Iterator[Record]:
    """How many patients there are, and every record that ``summaries`` and ``proportions`` ask for.

    Raises:
        AnalysisError: a table or column that a definition names is absent.
    """
    sections = facts.endpoints.sections
    count = len(facts.subjects)
    names = facts.endpoints.subjects
    yield Record(
        "subjects.count",
        value=count,
        method=f"rows of the table of {names.unit}s"
        + (", each of which is one unit in all that follows" if not names.of_patients else ""),
        n=count,
        derived_from=(names.table,),
    )
    for name, summary in sections.summaries.items():
        yield from _summary(facts, name, summary)
    for name, share in sections.proportions.items():
        yield from _proportion(facts, name, share)
    for name, grouping in facts.endpoints.groups.items():
        if grouping.quantiles:
            yield from _cut_points(facts, name)


def _cut_points(facts: Facts, name: str) -> Iterator[Record]:
    """Where the groups of a measure's quantiles part, each at the label of the group above it."""
    grouping = facts.endpoints.groups[name]
    count = len(facts.measure(grouping.measure))
    points = facts.cuts(name)
    for place, label in enumerate(list(grouping.labels.values())[1:]):
        yield Record(
            f"{name}.cut",
            label,
            value=whole(points[place]) if points else None,
            unit=facts.unit(grouping.measure),
            method=f"quantile {place + 1} of {grouping.quantiles}, type 7 in R, of all who have a value",
            n=count,
            note="" if points else "nobody has a value",
        )


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
        place = facts.endpoints.measures[name].place or facts.endpoints.path
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
    labels: Any = None
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
        if asked.spread:
            size = len(facts.subjects) if group == "all" else int((labels == group).sum())
            derived = tuple(found[key][1] for key in members[:MOST_SOURCES])
            yield from _spread(name, group, values, size, facts.unit(name), derived)
    if asked.test and len(groups) == 3:
        yield from _rank_test(name, {label: groups[label] for label in list(groups)[1:]}, found)


def _spread(
    name: str,
    group: str,
    values: Sequence[int | Decimal],
    size: int,
    unit: str,
    derived: tuple[str, ...],
) -> Iterator[Record]:
    """Quartiles, mean, standard deviation of a measure, and how many have no value."""
    found = spread(values) if values else None
    quartile = "quantile of type 7 in R"
    rows: tuple[tuple[str, int | Decimal | float | None, str], ...] = (
        ("first_quartile", None if found is None else whole(found.first_quartile), quartile),
        ("third_quartile", None if found is None else whole(found.third_quartile), quartile),
        ("mean", None if found is None else found.mean, "arithmetic mean"),
        ("standard_deviation", None if found is None else found.sd, "standard deviation with n - 1"),
    )
    for statistic, value, method in rows:
        yield Record(
            f"{name}.{statistic}",
            group,
            value=value,
            unit=unit,
            method=method,
            n=len(values),
            note="" if value is not None else "too few values",
            derived_from=derived,
        )
    missing = size - len(values)
    yield Record(
        f"{name}.missing", group, value=missing, method="patients without a value", n=size, events=missing
    )


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


def counted_in(facts: Facts, asked: ProportionAsked) -> tuple[pd.Index[Any], pd.Index[Any]]:
    """Who is counted in a proportion, and who of them has it; of whom that is unknown is in neither."""
    everyone = facts.members(asked.among)
    counted = everyone[~everyone.isin(facts.unknown(asked.wanted))]
    return counted, counted[counted.isin(facts.members(asked.wanted))]


def _proportion(facts: Facts, name: str, asked: ProportionAsked) -> Iterator[Record]:
    wanted, everyone = asked.wanted, facts.members(asked.among)
    counted, having = counted_in(facts, asked)
    sources = facts.sources(wanted)
    made = tuple(sources[key] for key in counted if key in sources)[:MOST_SOURCES]
    said = []
    if len(counted) < len(everyone):
        said.append(f"{len(counted)} of {len(everyone)}: {len(everyone) - len(counted)} have no value")
    if taken := facts.taken_for_no(wanted, everyone):
        said.append(f"{taken} of them have no value and count as without it")
    yield from proportion_records(name, wanted, asked.among, len(having), len(counted), made, "; ".join(said))


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
