"""Blocks of the report that are figures: what each figure shows, taken from tables and results.

Each function takes what `Material` holds and one block of the layout, and returns a `Drawing` with the tables
that say the same in numbers.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from math import inf, isfinite
from typing import Any

from fhir_blina.figures import (
    ONLY,
    Drawing,
    Interval,
    Lane,
    Panel,
    Span,
    before_after,
    proportions,
    swimmer,
)
from fhir_blina.files import is_missing
from fhir_blina.report.grids import (
    Cell,
    Grid,
    Head,
    estimate,
    fill,
    interval,
    number,
    observed,
    words,
)
from fhir_blina.report.layout import Block
from fhir_blina.report.material import Material
from fhir_blina.statistics import median, spread

#: So many lanes a swimmer plot of many patients has.
SAMPLE = 30
AS_TABLE = "show the figure as a table"

Plate = tuple[Drawing, tuple[Grid, ...]]


def file_name(text: str) -> str:
    """A name for a file: ``[a-z0-9-]``, at most 60 characters."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-") or "figure"


def swimmer_plate(material: Material, block: Block, name: str) -> Plate | None:
    """A lane per patient, and the same events as a table; nothing where nobody has a time."""
    facts = material.facts
    rows = {row.patient_id: row for row in material.results.derivation if row.endpoint == block["endpoint"]}
    treatment = block["treatment"]
    spans: dict[str, list[Span]] = {}
    for row in sorted(material.rows(treatment), key=lambda row: day_of(row.get(treatment["start"]))):
        first, last = day_of(row.get(treatment["start"])), day_of(row.get(treatment["end"]))
        key = str(row["patient_id"])
        if isfinite(first) and isfinite(last) and key in rows:
            mine = spans.setdefault(key, [])
            start, end = first - float(rows[key].start_day), last - float(rows[key].start_day)
            mine.append(Span(start, end, len(mine), fill(treatment["show"], row)))
    for key, mine in spans.items():
        if len(mine) == 1:
            spans[key] = [replace(mine[0], order=ONLY)]
    timed = {mark["label"]: facts.timed(mark["time"]) for mark in block["marks"] if "time" in mark}
    ends = {mark["ends_with"]: mark["label"] for mark in block["marks"] if "ends_with" in mark}
    begin = facts.endpoints.endpoints[block["endpoint"]].start
    dated, spoken_day = facts.dated(begin), material.day_words(begin)
    lanes = []
    for key, label in facts.labels.items():
        if key not in rows:
            continue
        ending = rows[key]
        ended = ends.get(str(ending.event)) or ends.get(str(ending.censor_reason))
        began = float(ending.start_day)
        marks = [(float(days[key][0]) - began, mark) for mark, days in timed.items() if key in days]
        stop = float(ending.stop_day) - began
        if ended and (stop, ended) not in marks:
            marks.append((stop, ended))
        group = material.groups.get(key, "")
        note = f"{spoken_day(stop + began if dated else stop)}" + (f", {ended}" if ended else "")
        lanes.append(Lane(label, group, stop, tuple(spans.get(key, ())), tuple(marks), note))
    if not lanes:
        return None
    order = {label: place for place, label in enumerate(material.group_labels)}
    lanes.sort(key=lambda lane: (order.get(lane.group, len(order)), -lane.end, lane.label))
    caption = block["caption"]
    grids: tuple[Grid, ...] = ()
    if material.large:
        sample = lanes[:: -(-len(lanes) // SAMPLE)]
        caption = f"{caption}: {len(sample)} of {len(lanes)} patients, evenly spaced by group and follow-up"
        lanes = [replace(lane, label="", note="") for lane in sample]
    else:
        grids = (_lane_grid(lanes, [mark["label"] for mark in block["marks"]], material),)
    named = [
        Lane(lane.label, _heading(material, lane.group), lane.end, lane.spans, lane.marks, lane.note)
        for lane in lanes
    ]
    shapes = {mark["label"]: mark["shape"] for mark in block["marks"]}
    description = "; ".join(f"{lane.label}: {lane.note}" for lane in lanes if lane.note)
    drawing = swimmer(
        name,
        caption,
        f"One lane for each of {len(lanes)} patients with treatment steps and events. {description}".strip(),
        named,
        shapes,
        zoom_days=block.get("zoom_days") if len(lanes) <= 60 else None,
        start=words(begin).replace("_", " "),
        **({"steps": treatment["steps"]} if "steps" in treatment else {}),
    )
    return drawing, grids


def day_of(value: Any) -> float:
    """A study day as it stands, a date as a day of the calendar; infinite for neither, as for a month."""
    if is_missing(value):
        return inf
    try:
        return (
            float(dt.date.fromisoformat(value[:10]).toordinal()) if isinstance(value, str) else float(value)
        )
    except ValueError:
        return inf


def _heading(material: Material, group: str) -> str:
    size = sum(label == group for label in material.groups.values())
    return f"{material.group_title(group)} (n = {size})" if group else ""


def _lane_grid(lanes: list[Lane], marks: list[str], material: Material) -> Grid:
    head = (Head("Patient"), Head("Group"), Head("Treatment"), *(Head(mark) for mark in marks))
    rows = []
    for lane in lanes:
        steps = "; ".join(f"days {number(s.start)}–{number(s.end)}: {s.label}" for s in lane.spans)
        days = {mark: [number(day) for day, kind in lane.marks if kind == mark] for mark in marks}
        cells = (
            Cell("day " + ", ".join(found)) if found else Cell("–", tone="missing") for found in days.values()
        )
        rows.append((Cell(lane.label), Cell(material.group_title(lane.group)), Cell(steps or "–"), *cells))
    return Grid("Days of every event in the figure", head, tuple(rows), fold=AS_TABLE)


def heads(words_: tuple[str, ...]) -> tuple[Head, ...]:
    """Headings of a table of numbers: the first column has words."""
    return tuple(Head(word, kind="text" if index == 0 else "number") for index, word in enumerate(words_))


def proportions_plate(material: Material, block: Block, name: str) -> Plate:
    """Shares of patients with their intervals, and both named intervals as a table."""
    kind = block.get("ci_method", "Clopper-Pearson")
    rows, body = [], []
    methods = list(
        dict.fromkeys(r.ci_method for r in material.results if r.name.endswith(".proportion") and r.ci_method)
    )
    for item in block["items"]:
        found = {
            record.ci_method: record for record in material.results.find(f"{item['proportion']}.proportion")
        }
        one = found.get(kind) or next(iter(found.values()), None)
        if one is None:
            continue
        counts = f"{one.events}/{one.n}"
        if one.value is not None and one.ci_low is not None and one.ci_high is not None:
            rows.append(
                Interval(item["label"], float(one.value), float(one.ci_low), float(one.ci_high), counts)
            )
        ends = (Cell(interval(found[method]) if method in found else "–") for method in methods)
        body.append((Cell(item["label"]), Cell(counts), Cell(estimate(one)), *ends))
    text = "; ".join(f"{r.label} {r.counts}, {100 * r.low:.0f} to {100 * r.high:.0f} per cent" for r in rows)
    drawing = proportions(name, block["caption"], f"{text}.", rows, interval=f"95 % interval, {kind}")
    head = heads(("Property", "Patients", "Share", *(f"95 % interval, {method}" for method in methods)))
    return drawing, (Grid("Proportions with their intervals", head, tuple(body), fold=AS_TABLE),)


def before_after_plate(material: Material, block: Block, name: str) -> Plate:
    """Values at successive times by measure and specimen, and the same values as a table."""
    stages, reword = block["stages"], block.get("reword", {})
    panels: list[Panel] = []
    body: dict[str, list[Cell]] = {label: [Cell(label)] for label in material.facts.labels.values()}
    head = [Head("Patient")]
    group_of = {material.facts.labels[key]: label for key, label in material.groups.items()}
    for entry in block["panels"]:
        found: dict[tuple[str, str], Mapping[str, Any]] = {}
        for row in material.rows({**entry, "table": "observations"}):
            found.setdefault((row["patient"], words(row.get("timepoint"))), row)
        present = [stage for stage in stages if any(time == stage for _, time in found)]
        drawn: dict[tuple[str, str], tuple[float | str | None, ...]] = {}
        for label in body:
            values = tuple(_drawable(found.get((label, stage)), reword) for stage in stages)
            if any(value is not None for value in values):
                drawn[label, material.group_title(group_of.get(label, ""))] = values
        panels.append(Panel(entry["label"], tuple(stages.values()), drawn))
        for stage in present:
            head.append(Head(f"{entry['label']}, {stages[stage]}"))
            for label, cells in body.items():
                if (label, stage) in found:
                    seen = found[label, stage]
                    cell = observed(seen, reword)
                    cells.append(Cell(cell.text, cell.local, cell.tone, seen["_source"]))
                else:
                    cells.append(Cell("–", tone="missing"))
    titles = [material.group_title(label) for label in material.group_labels]
    counts = "; ".join(f"{panel.title}: {len(panel.patients)} patients with a value" for panel in panels)
    drawing = before_after(
        name, block["caption"], f"{counts}. The table gives every value.", panels, titles, axis=block["axis"]
    )
    if material.large:
        return drawing, (_spread_grid(panels, stages),)
    grid = Grid(
        "The same values as a table",
        tuple(head),
        tuple(tuple(cells) for cells in body.values()),
        fold=AS_TABLE,
    )
    return drawing, (grid,)


def _spread_grid(panels: list[Panel], stages: Mapping[str, str]) -> Grid:
    """How many have a number at each time, and its median with quartiles."""
    rows = []
    for panel in panels:
        for place, stage in enumerate(stages.values()):
            values = [row[place] for row in panel.patients.values()]
            numbers = [Decimal(str(value)) for value in values if isinstance(value, float)]
            if numbers:
                found = spread(numbers)
                ends = f"{number(found.first_quartile)} to {number(found.third_quartile)}"
                cells = (panel.title, stage, str(len(numbers)), number(median(numbers)), ends)
                rows.append(tuple(Cell(text) for text in cells))
    head = heads(("Measure", "Time", "n", "Median", "Quartiles"))
    return Grid("The values in numbers", head, tuple(rows), layout="plain")


def _drawable(row: Mapping[str, Any] | None, reword: Mapping[str, str]) -> float | str | None:
    """A number or a word to draw; ``None`` for no row and for every reason why there is no value."""
    if row is None or not is_missing(row.get("data_absent_reason")):
        return None
    quantity = row.get("value_quantity")
    if isinstance(quantity, Decimal | int | float) and not is_missing(quantity):
        return float(quantity)
    text = observed(row, reword).text
    return text if text and text != "–" else None
