"""The blocks of the report that are curves over time, each with its estimates as a table and its tests.

An endpoint is drawn as what it is: Kaplan-Meier where an event is an event, cumulative incidence where other
events compete.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from fhir_blina.analysis import incidence_curves, shown_labels, survival_curve
from fhir_blina.endpoints import Endpoint
from fhir_blina.figures import incidence, survival
from fhir_blina.report.grids import Cell, Grid, Head, counted, estimate, interval, number, p_value, quantity
from fhir_blina.report.layout import Block
from fhir_blina.report.material import Material
from fhir_blina.report.plots import Plate, heads
from fhir_blina.results import DerivedTime, Record
from fhir_blina.statistics import Curve, Estimate, Incidence

_TESTS = {"log_rank": "Log-rank", "gray": "Gray's test"}
Rows = list[DerivedTime]


def survival_plate(material: Material, block: Block, name: str) -> Plate:
    """The curves of an endpoint, all or by a group, with a table of the estimates and one of the tests."""
    endpoint, by = block["endpoint"], block.get("by", "")
    definition = material.facts.endpoints.endpoints[endpoint]
    rows: Rows = [row for row in material.results.derivation if row.endpoint == endpoint]
    parts = parted(material, rows, by) if by else {"all": rows}
    titles = {label: material.group_title(label) if by == material.layout.group else label for label in parts}
    draw = _incidences if definition.competing else _survivals
    pair = " v ".join(shown_labels(material.facts.endpoints, definition).get(by, ()))
    names = tuple(f"{endpoint}.{name}" for name in (*_TESTS, "hazard_ratio"))
    turned = " v ".join(pair.split(" v ")[::-1])
    compared = [one for one in material.results if one.name in names and one.group in (pair, turned)]
    drawing, grid = draw(
        definition,
        block,
        name,
        {titles[label]: part for label, part in parts.items()},
        list(_comparisons(compared)) if by else [],
    )
    tests = [
        record
        for test in block.get("tests", ())
        for record in material.results.find(test)
        if record.group in (pair, f"by {by}")
    ]
    return drawing, (grid, _tests(tests)) if tests else (grid,)


def parted(material: Material, rows: Rows, by: str) -> dict[str, Rows]:
    """The rows of a derivation by label of a group, in its order; labels that nobody has are left out."""
    labels = material.facts.group(by)
    order = dict.fromkeys(material.facts.endpoints.groups[by].labels.values())
    found = {label: [row for row in rows if labels.get(row.patient_id) == label] for label in order}
    return {label: part for label, part in found.items() if part}


def _comparisons(records: list[Record]) -> Iterator[str]:
    """What is said under curves of groups: P of the test, hazard ratio with its interval."""
    said = []
    for record in records:
        statistic = record.name.rsplit(".", 1)[-1]
        if statistic in _TESTS and record.p_value is not None:
            p = p_value(record.p_value)
            said.append(f"{_TESTS[statistic]} P {p if p.startswith('<') else f'= {p}'}")
        elif statistic == "hazard_ratio" and record.value is not None:
            ends = f" ({interval(record)})" if interval(record) else ""
            penalised = ", Firth" if "Firth" in record.method else ""
            said.append(f"hazard ratio {record.group}{penalised} {estimate(record)}{ends}")
    if said:
        yield f"{'; '.join(said)}."


def _medians(curves: Mapping[str, Curve], kind: str) -> str:
    """The median of each curve with its interval."""
    said = []
    for title, curve in curves.items():
        found = curve.median(kind)
        middle = "not reached" if found.value is None else quantity(number(found.value), "d")
        if found.low is not None:
            middle += (
                f" ({number(found.low)} to {'not reached' if found.high is None else number(found.high)})"
            )
        said.append(f"{title} {middle}" if len(curves) > 1 else middle)
    return f"Median (95 % interval, {kind}): {'; '.join(said)}."


def _survivals(
    definition: Endpoint, block: Block, name: str, parts: Mapping[str, Rows], said: list[str]
) -> tuple[Any, Grid]:
    kind = block.get("interval", definition.interval)
    curves = {title: survival_curve(part) for title, part in parts.items()}
    last = max((float(curve.times[-1]) for curve in curves.values()), default=0.0)
    drawing = survival(
        name,
        block["caption"],
        _survival_words(curves, last),
        list(curves.items()),
        axis=block.get("axis", "Without event"),
        start=_start(definition, block),
        interval=kind,
        said=[_medians(curves, kind), *said],
    )
    head = ("Group", "Day", "Survival", f"95 % interval ({kind})", "At risk", "Events so far")
    body = tuple(
        _row(title, day, curve.at(day, kind), curve, bool(curve.survival[-1] == 0))
        for title, curve in curves.items()
        for day in _days(block, last)
    )
    return drawing, Grid(f"{definition.title}: Kaplan-Meier estimates", heads(head), body, layout="plain")


def _incidences(
    definition: Endpoint, block: Block, name: str, parts: Mapping[str, Rows], said: list[str]
) -> tuple[Any, Grid]:
    """Every cause of the one group, or the endpoint's own event in each of several groups."""
    needed = ["event", "duration_days"]
    found = {
        title: incidence_curves(definition, pd.DataFrame(part, columns=needed))
        for title, part in parts.items()
    }
    causes = {
        cause: cause.replace("_", " ").replace("+", " or ") for made in found.values() for cause in made
    }
    one = "by" not in block
    own = next(iter(causes.values()), "the event")
    curves: dict[str, Incidence] = {}
    for title, made in found.items():
        for place, (cause, curve) in enumerate(made.items()):
            if one:
                curves[causes[cause]] = curve
            elif place == 0:
                curves[title] = curve
    last = max((float(curve.times[-1]) for curve in curves.values()), default=0.0)
    drawing = incidence(
        name,
        block["caption"],
        _incidence_words(curves, last),
        list(curves.items()),
        axis="Cumulative incidence" if one else f"Cumulative incidence of {own}",
        start=_start(definition, block),
        one_group=one,
        said=said,
    )
    first = ("Event",) if one else ("Group", "Event")
    head = (*first, "Day", "Incidence", "95 % interval (log-log)", "At risk", "Events so far")
    body = []
    for title, made in found.items():
        for cause, curve in made.items():
            for day in _days(block, last):
                row = _row(causes[cause], day, curve.at(day), curve, curve.complete)
                body.append(row if one else (Cell(title), *row))
    kinds = tuple(
        Head(word, kind="text" if place < len(first) else "number") for place, word in enumerate(head)
    )
    caption = f"{definition.title}: cumulative incidence (Aalen-Johansen)"
    return drawing, Grid(caption, kinds, tuple(body), layout="plain")


def _start(definition: Endpoint, block: Block) -> str:
    return str(block.get("start", definition.start.replace("_", " ")))


def _days(block: Block, last: float) -> list[float]:
    """The days asked for that somebody was followed to; without any, the last."""
    asked = [last if day == "last" else float(day) for day in block.get("at_days", ())]
    return list(dict.fromkeys(day for day in asked if day <= last)) or [last]


def _row(
    title: str, day: float, found: Estimate, curve: Curve | Incidence, complete: bool
) -> tuple[Cell, ...]:
    """One line of a table of estimates; nothing is carried beyond the group's last follow-up."""
    own = float(curve.times[-1])
    share = "–" if found.value is None else f"{number(100 * found.value, 1)} %"
    ends = (
        "–"
        if found.low is None or found.high is None
        else f"{number(100 * found.low, 1)} to {number(100 * found.high, 1)} %"
    )
    beyond = day > own and not complete
    return (
        Cell(title),
        Cell(number(day)),
        Cell(f"last follow-up: day {number(own)}" if beyond else share, tone="missing" if beyond else ""),
        Cell(ends),
        Cell(str(curve.number_at_risk(day))),
        Cell("–" if beyond else str(curve.events_until(day))),
    )


def _survival_words(curves: Mapping[str, Curve], last: float) -> str:
    sentences = []
    for title, curve in curves.items():
        median = curve.quantile()
        end = 100 * float(curve.survival[-1]) if curve.n else 0.0
        middle = f"median {quantity(number(median), 'd')}" if median is not None else "median not reached"
        sentences.append(
            f"{title}: {counted(curve.n, 'patient')}, {counted(int(curve.events.sum()), 'event')}, {middle}, "
            f"{end:.1f} per cent at the last follow-up"
        )
    return f"Kaplan-Meier step curves over {number(last)} days. {'; '.join(sentences)}."


def _incidence_words(curves: Mapping[str, Incidence], last: float) -> str:
    sentences = [
        f"{title}: {counted(curve.n, 'patient')}, {counted(int(curve.events.sum()), 'event')}, "
        f"{100 * float(curve.incidence[-1]):.1f} per cent at the last follow-up"
        for title, curve in curves.items()
    ]
    return f"Cumulative incidence as step curves over {number(last)} days. {'; '.join(sentences)}."


def _tests(records: list[Record]) -> Grid:
    rows = tuple(
        (
            Cell(record.test or record.name),
            Cell(record.group),
            Cell(estimate(record), tone="missing" if record.value is None else ""),
            Cell(p_value(record.p_value)),
            Cell(record.note),
        )
        for record in records
    )
    head = (
        Head("Test"),
        Head("Groups"),
        Head("Statistic", kind="number"),
        Head("P", kind="number"),
        Head("Note"),
    )
    return Grid("Comparison of the groups", head, rows)
