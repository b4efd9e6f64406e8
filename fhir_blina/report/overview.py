"""A cohort at a glance: the flow of patients, what is missing, how long they were followed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from fhir_blina.figures import Step, flow
from fhir_blina.report.curves import parted
from fhir_blina.report.grids import Cell, Grid, Head, number
from fhir_blina.report.layout import Block
from fhir_blina.report.material import Material
from fhir_blina.report.plots import Plate
from fhir_blina.results import DerivedTime, PopulationCount
from fhir_blina.statistics import median, reverse_kaplan_meier


def flow_plate(material: Material, block: Block, name: str) -> Plate:
    """From all patients to those whom an endpoint counts, by group, with how their time ended."""
    endpoint = material.facts.endpoints.endpoints[block["endpoint"]]
    rows = [row for row in material.results.derivation if row.endpoint == endpoint.name]
    everyone = len(material.facts.labels)
    counted = next(
        (one for one in material.results.populations if (one.kind, one.name) == ("endpoint", endpoint.name)),
        PopulationCount(kind="endpoint", name=endpoint.name, of=everyone, n=len(rows)),
    )
    first = Step((f"All patients: {everyone}",))
    steps = [first]
    if counted.of < everyone:
        among = material.spoken(endpoint.among or "").replace("_", " ")
        leaving = (f"Not among them: {everyone - counted.of}",)
        steps = [Step(first.lines, leaving), Step((f"In {among}: {counted.of}",))]
    if counted.n < counted.of:
        out = [material.spoken(f"{one.reason}: {one.n}") for one in counted.out]
        gone = (f"Left out: {counted.of - counted.n}", *out)
        steps[-1] = Step(steps[-1].lines, gone)
    by = block.get("by", "")
    parts = parted(material, rows, by) if by else {}
    placed = sum(len(part) for part in parts.values())
    last = (f"Analysed: {len(rows)}", endpoint.title, *_endings(rows))
    without = (f"In no group: {len(rows) - placed}",) if parts and placed < len(rows) else ()
    steps.append(Step(last, without))
    groups = [
        Step((f"{_title(material, by, label)}: {len(part)}", *_endings(part)))
        for label, part in parts.items()
    ]
    said = ". ".join("; ".join((*step.lines, *step.leaving)) for step in (*steps, *groups))
    return flow(name, block["caption"], f"{said}.", steps, groups), ()


def _title(material: Material, by: str, label: str) -> str:
    return material.group_title(label) if by == material.layout.group else label


def _endings(rows: list[DerivedTime]) -> Iterator[str]:
    """How the time of patients ended, most frequent first."""
    ends = Counter(_ending(row) for row in rows)
    yield from (f"{word}: {count}" for word, count in sorted(ends.items(), key=lambda one: (-one[1], one[0])))


def _ending(row: DerivedTime) -> str:
    if row.event != "censored":
        return str(row.event).replace("_", " ")
    reason = str(row.censor_reason or "").replace("-", " ").replace("_", " ")
    return f"censored, {reason}" if reason else "censored"


def follow_up_grid(material: Material, block: Block) -> Grid:
    """How long patients were followed, overall and by group, with events and person-time."""
    name = block["endpoint"]
    rows = [row for row in material.results.derivation if row.endpoint == name]
    body = []
    for title, keys in material.columns.items():
        wanted = set(keys)
        part = [row for row in rows if str(row.patient_id) in wanted]
        if not part:
            continue
        days = [float(row.duration_days) for row in part]
        curve = reverse_kaplan_meier(days, [row.event != "censored" for row in part])
        middle = curve.median("log")
        middle_of = float(median([Decimal(str(day)) for day in days]))
        ends = Counter(row.event != "censored" for row in part)
        ci = "–" if middle.low is None else f"{number(middle.low)} to {_reached(middle.high)}"
        body.append(
            (
                Cell(title),
                Cell(str(len(part))),
                Cell("not reached" if middle.value is None else number(middle.value)),
                Cell(ci),
                Cell(f"{number(middle_of)} ({number(min(days))}–{number(max(days))})"),
                Cell(str(ends[True])),
                Cell(number(sum(days) / 365.25, 1)),
            )
        )
    names = (
        "Group",
        "n",
        "Median follow-up (days)",
        "95 % interval",
        "Median of all times (range)",
        "Events",
        "Person-years",
    )
    head = tuple(Head(word, kind="text" if place == 0 else "number") for place, word in enumerate(names))
    note = "Median follow-up by reverse Kaplan-Meier: censoring is the event. Interval by the log method."
    return Grid(block["caption"], head, tuple(body), (note,), layout="plain")


def _reached(value: float | None) -> str:
    return "not reached" if value is None else number(value)
