"""Tables for a manuscript: the first table of a cohort, and one of each endpoint's survival or incidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fhir_blina.analysis import shown_labels, survival_curve
from fhir_blina.endpoints import Endpoint, Facts
from fhir_blina.report import estimate, first_grid, interval, p_value
from fhir_blina.results import Record, Results, exact
from fhir_blina.statistics import Curve

INCIDENCE_INTERVAL = "log-log"


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table of texts.

    Attributes:
        name: A name for files.
        title: What it shows.
        head: The columns; the first names the row.
        rows: As many cells each as there are columns.
        notes: Sentences under it.
    """

    name: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def first_table(facts: Facts, results: Results, systems: Mapping[str, str] | None = None) -> Sheet | None:
    """The first table of a paper, as the report has it: medians and counts, overall and by group.

    Args:
        facts: Tables and definitions.
        results: What ``analyze`` found in them.
        systems: Short names of the cohort's code systems.

    Returns:
        The table, ``None`` where the definitions ask for none.
    """
    grid = first_grid(facts, results, systems)
    if grid is None:
        return None
    return Sheet(
        name="table_1",
        title=grid.caption,
        head=tuple(head.text for head in grid.head),
        rows=tuple(tuple(cell.text for cell in row) for row in grid.rows),
        notes=grid.notes,
    )


def survival_tables(facts: Facts, results: Results) -> tuple[Sheet, ...]:
    """Of each endpoint the estimates at its days, all and by group, with medians and tests in the notes."""
    made = (_survival_table(facts, results, one) for one in facts.endpoints.endpoints.values())
    return tuple(sheet for sheet in made if sheet.rows)


def _survival_table(facts: Facts, results: Results, endpoint: Endpoint) -> Sheet:
    what, method = "Survival", "Kaplan-Meier estimates"
    if endpoint.competing:
        what, method = "Cumulative incidence", "cumulative incidence (Aalen-Johansen)"
    kind = INCIDENCE_INTERVAL if endpoint.competing else endpoint.interval
    found = results.find(f"{endpoint.name}.{'cumulative_incidence' if endpoint.competing else 'survival'}")
    chosen = _with_interval(found, kind)
    curves = _curves(facts, results, endpoint)
    rows = tuple(
        (
            "All" if one.group == "all" else one.group,
            "" if one.time_days is None else f"{exact(one.time_days):f}",
            _at_risk(curves, one),
            "" if one.events is None else str(one.events),
            estimate(one),
            interval(one),
        )
        for one in chosen
    )
    head = ("Group", "Day", "At risk", "Events so far", what, f"95 % CI ({kind})")
    return Sheet(
        name=f"survival_{endpoint.name}",
        title=f"{endpoint.title}: {method}",
        head=head,
        rows=rows,
        notes=(*_medians(results, endpoint), *_tests(results, endpoint)),
    )


def _with_interval(records: Iterable[Record], kind: str) -> list[Record]:
    """One record of each group and day: with the interval named, or without any where it is not defined."""
    found: dict[tuple[str, object], Record] = {}
    for one in records:
        if one.ci_method == kind:
            found[one.group, one.time_days] = one
        else:
            found.setdefault(
                (one.group, one.time_days), replace(one, ci_low=None, ci_high=None, ci_method=None)
            )
    return list(found.values())


def _curves(facts: Facts, results: Results, endpoint: Endpoint) -> dict[str, Curve]:
    """The curve of all and of each group, for the numbers at risk."""
    rows = [row for row in results.derivation if row.endpoint == endpoint.name]
    parts = {"all": rows}
    for name, shown in shown_labels(facts.endpoints, endpoint).items():
        labels = facts.group(name)
        for label, title in shown.items():
            parts[title] = [row for row in rows if labels.get(row.patient_id) == label]
    return {title: survival_curve(part) for title, part in parts.items()}


def _at_risk(curves: Mapping[str, Curve], record: Record) -> str:
    """How many of a record's group are at risk on its day; a cause alone is of all."""
    curve = curves.get(record.group) or curves.get(record.group.partition(": ")[0]) or curves["all"]
    return "" if record.time_days is None else str(curve.number_at_risk(float(record.time_days)))


def _medians(results: Results, endpoint: Endpoint) -> Iterator[str]:
    found: dict[str, Record] = {}
    kind = INCIDENCE_INTERVAL if endpoint.competing else endpoint.interval
    for one in results.find(f"{endpoint.name}.median"):
        if one.ci_method == kind or (one.ci_method is None and one.group not in found):
            found[one.group] = one
    for group, one in found.items():
        known = f" (95 % CI {interval(one)}, {kind})" if interval(one) else ""
        yield f"Median{'' if group == 'all' else f', {group}'}: {estimate(one)}{known}."


def _tests(results: Results, endpoint: Endpoint) -> Iterator[str]:
    for slug in ("gray", "log_rank", "log_rank_exact"):
        for one in results.find(f"{endpoint.name}.{slug}"):
            if one.p_value is not None:
                yield f"{one.group}: {one.test}, P {_equals(p_value(one.p_value))}."


def _equals(number: str) -> str:
    return number if number.startswith("<") else f"= {number}"
