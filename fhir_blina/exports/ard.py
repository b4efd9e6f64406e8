"""Analysis results data (ARD): one row a statistic, with the columns that R's cards and gtsummary read.

The columns to ``error`` are those of cards, in its order; those after it say what cards has no column for.
``stat_text`` holds a statistic that is a word: R's list column ``stat`` is made of the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from fhir_blina.analysis import counted_in, shown_labels
from fhir_blina.endpoints import Endpoints, Facts
from fhir_blina.results import Number, Record, Results, exact

SUMMARIES = {
    "median": "median",
    "minimum": "min",
    "maximum": "max",
    "mean": "mean",
    "standard_deviation": "sd",
    "first_quartile": "p25",
    "third_quartile": "p75",
}
LABELS = {
    "n": "n",
    "N": "N",
    "p": "%",
    "median": "Median",
    "min": "Min",
    "max": "Max",
    "mean": "Mean",
    "sd": "SD",
    "p25": "Q1",
    "p75": "Q3",
    "estimate": "Estimate",
    "statistic": "Statistic",
    "conf.low": "CI Lower Bound",
    "conf.high": "CI Upper Bound",
    "conf.level": "CI Confidence Level",
    "conf.method": "CI Method",
    "n.event": "Number of Events",
    "p.value": "p-value",
    "p.value.method": "Method of the p-value",
    "method": "method",
}
LEVEL = Decimal("0.95")
Groups = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """One row of an ARD; empty texts and ``None`` are empty cells."""

    group1: str = ""
    group1_level: str = ""
    group2: str = ""
    group2_level: str = ""
    variable: str
    variable_level: str = ""
    context: str
    stat_name: str = ""
    stat_label: str = ""
    stat: Number | None = None
    fmt_fun: int | None = None
    warning: str = ""
    error: str = ""
    stat_text: str = ""
    record: str = ""
    group: str = ""
    unit: str = ""
    comparator: str = ""
    note: str = ""


def ard(results: Results, facts: Facts) -> tuple[Statistic, ...]:
    """Every number of the results as rows of an ARD, and counts by group.

    Args:
        results: What ``analyze`` found.
        facts: The tables and definitions that they were worked out from.
    """
    named = _Named(facts)
    rows: dict[tuple[str, ...], Statistic] = {}
    for row in (*_tabulated(facts), *(row for record in results for row in named.rows(record))):
        said = (row.group, *row_key(row), str(row.stat), row.stat_text)
        rows.setdefault(said, row)  # the same number stands once: N of a median is N of its range
    return tuple(rows.values())


def row_key(row: Statistic) -> tuple[str, ...]:
    """What tells a row of an ARD from all others that are not of another pair of groups."""
    groups = (row.group1, row.group1_level, row.group2, row.group2_level)
    return (*groups, row.variable, row.variable_level, row.context, row.stat_name)


def _tabulated(facts: Facts) -> Iterator[Statistic]:
    """How many patients have each label of each group, and of them each proportion's property."""
    for name, grouping in facts.endpoints.groups.items():
        labels = facts.group(name)
        for label in dict.fromkeys(grouping.labels.values()):
            mine = labels.index[labels == label]
            base = Statistic(variable=name, variable_level=label, context="tabulate")
            yield from _counts(base, len(mine), len(labels))
            for proportion, asked in facts.endpoints.sections.proportions.items():
                counted, having = counted_in(facts, asked)
                base = Statistic(
                    group1=name,
                    group1_level=label,
                    variable=proportion,
                    variable_level="TRUE",
                    context="tabulate_value",
                )
                yield from _counts(base, int(having.isin(mine).sum()), int(counted.isin(mine).sum()))


def _counts(base: Statistic, count: int, total: int) -> Iterator[Statistic]:
    yield _stat(base, "n", count)
    yield _stat(base, "N", total)
    yield _stat(base, "p", count / total if total else None, error="" if total else "nobody is counted")


def _stat(base: Statistic, name: str, value: Number | str | None, *, error: str = "") -> Statistic:
    word = value if isinstance(value, str) else ""
    number = None if isinstance(value, str) or value is None else exact(value)
    whole = number is not None and number == number.to_integral_value()
    return replace(
        base,
        stat_name=name,
        stat_label=LABELS[name],
        stat=number,
        stat_text=word,
        fmt_fun=None if number is None else 0 if whole else 1,
        error=error,
    )


def _proportion(base: Statistic, record: Record) -> Iterator[Statistic]:
    """Counts as cards tabulates them, and each interval in a context of its own."""
    counted = replace(base, variable_level="TRUE", context="tabulate_value")
    yield _stat(counted, "n", record.events)
    yield _stat(counted, "N", record.n)
    yield _stat(counted, "p", record.value, error=record.note if record.value is None else "")
    yield from _interval(replace(counted, context=f"proportion, {record.ci_method}"), record)


def _interval(base: Statistic, record: Record) -> Iterator[Statistic]:
    if record.ci_low is None and record.ci_high is None:
        return
    for name, limit in (("conf.low", record.ci_low), ("conf.high", record.ci_high)):
        yield _stat(base, name, limit, error="not reached" if limit is None else "")
    yield _stat(base, "conf.level", LEVEL)
    yield _stat(base, "conf.method", record.ci_method or "")


def _other(base: Statistic, slug: str, record: Record) -> Iterator[Statistic]:
    """An estimate or a test: value, interval, sizes, P and methods."""
    context = f"{slug}, {record.ci_method}" if record.ci_method else slug
    base = replace(base, context=context)
    tested = record.test is not None and record.ci_method is None
    missing = record.note if record.value is None else ""
    yield _stat(base, "statistic" if tested else "estimate", record.value, error=missing)
    yield from _interval(base, record)
    if record.n is not None:
        yield _stat(base, "N", record.n)
    if record.events is not None:
        yield _stat(base, "n.event", record.events)
    if record.test is not None:
        yield _stat(base, "p.value", record.p_value, error=missing if record.p_value is None else "")
        yield _stat(base, "p.value.method", record.test)
    if record.method:
        yield _stat(base, "method", record.method)


class _Named:
    """Which group, variable and statistics of an ARD a record stands for."""

    def __init__(self, facts: Facts) -> None:
        self.endpoints: Endpoints = facts.endpoints
        self.subjects = frozenset(facts.labels.values())
        self.levels: dict[str, tuple[str, str]] = {}
        for name, grouping in self.endpoints.groups.items():
            for label in grouping.labels.values():
                self.levels.setdefault(label, (name, label))
        for endpoint in self.endpoints.endpoints.values():
            for name, shown in shown_labels(self.endpoints, endpoint).items():
                self.levels |= {title: (name, label) for label, title in shown.items()}

    def rows(self, record: Record) -> Iterator[Statistic]:
        """The statistics of one record."""
        variable, _, slug = record.name.partition(".")
        first, second = (*self.groups(variable, record.group), ("", ""), ("", ""))[:2]
        base = Statistic(
            group1=first[0],
            group1_level=first[1],
            group2=second[0],
            group2_level=second[1],
            variable=variable,
            variable_level="" if record.time_days is None else f"{exact(record.time_days):f}",
            context="summary",
            record=record.name,
            group=record.group,
            unit=record.unit,
            comparator=record.comparator,
            note=record.note,
        )
        if slug == "proportion":
            yield from _proportion(base, record)
        elif slug in SUMMARIES and variable in self.endpoints.measures:
            missing = record.note if record.value is None else ""
            yield _stat(base, SUMMARIES[slug], record.value, error=missing)
            yield _stat(base, "N", record.n)
        else:
            yield from _other(base, slug, record)

    def groups(self, variable: str, group: str) -> Groups:
        """The groups that a record's group stands for: none for all, else name and level of each."""
        if group == "all":
            return ()
        summary = self.endpoints.sections.summaries.get(variable)
        if summary and summary.by and group in self.endpoints.groups[summary.by].labels.values():
            return ((summary.by, group),)
        if group in self.levels:
            return (self.levels[group],)
        if group in self.subjects:
            return (("subject", group),)
        compared = self._compared(group)
        if compared:
            return compared
        first, _, cause = group.rpartition(": ")
        for kind, known in (("event", self.causes(variable)), ("response", self.categories(variable))):
            if cause in known:
                return (*(self.groups(variable, first) if first else ()), (kind, cause))
        return (("group", group),)

    def _compared(self, group: str) -> Groups:
        """The group of a comparison, and of one in a subgroup that too with its label."""
        pair, inside, label = group.partition(" in ")
        for between in (" v ", " less "):
            parts = group.split(between)
            if len(parts) > 1 and all(part in self.levels for part in parts):
                return ((self.levels[parts[0]][0], ""),)
            parts = pair.split(between)
            if inside and label in self.levels and len(parts) > 1 and parts[0] in self.levels:
                return ((self.levels[parts[0]][0], ""), self.levels[label])
        return ()

    def categories(self, variable: str) -> set[str]:
        """The titles of the categories of a response."""
        response = self.endpoints.sections.responses.get(variable)
        return set(response.categories.values()) if response else set()

    def causes(self, variable: str) -> set[str]:
        """What the incidences of an endpoint are of."""
        endpoint = self.endpoints.endpoints.get(variable)
        return {"+".join(endpoint.events), *endpoint.competing} if endpoint else set()
