"""Blocks that follow a measure over time: its course, and the change of each patient as a waterfall."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from fhir_blina.figures import Bar, Course, spaghetti, waterfall
from fhir_blina.files import is_missing
from fhir_blina.report.grids import Cell, Grid, Head, number
from fhir_blina.report.layout import Block
from fhir_blina.report.material import Material
from fhir_blina.report.plots import AS_TABLE, SAMPLE, Plate, day_of, heads
from fhir_blina.statistics import mean_interval

#: Days that have one mean of many patients, where the block names no others.
EVERY_DAYS = 90
Points = dict[str, list[tuple[float, float]]]


def spaghetti_plate(material: Material, block: Block, name: str) -> Plate | None:
    """A measure over time: a line for each patient, of many the mean of each group with its interval."""
    points = _points(material, block)
    if not points:
        return None
    start = block["time"].replace("_", " ")
    titles = [material.group_title(label) for label in material.group_labels]
    drawn = [title for title in titles if any(_title(material, key) == title for key in points)]
    if material.large:
        courses, grid = _means(material, block, points, drawn)
        if not courses:
            return None
        said = (
            f"Means with 95 per cent intervals by t of {len(points)} patients, {_every(block)} days together."
        )
    else:
        courses = [
            Course(_title(material, key), [day for day, _ in found], [value for _, value in found])
            for key, found in points.items()
        ]
        grid = _values(material, points)
        said = f"One line for each of {len(points)} patients."
    drawing = spaghetti(name, block["caption"], said, courses, drawn, axis=block["axis"], start=start)
    return drawing, (grid,)


def _title(material: Material, key: str) -> str:
    return material.group_title(material.groups[key]) if key in material.groups else ""


def _points(material: Material, block: Block) -> Points:
    """The days since the start and the values of each patient who has both, in order of days."""
    began = material.facts.timed(block["time"])
    made: Points = {}
    for row in material.rows(block):
        key, value = str(row.get("patient_id")), row.get(block.get("value", "value_quantity"))
        day = day_of(row.get(block.get("day", "study_day")))
        if key in began and isfinite(day) and value is not None and not is_missing(value):
            made.setdefault(key, []).append((day - float(began[key][0]), float(value)))
    return {key: sorted(found) for key, found in made.items()}


def _every(block: Block) -> int:
    return int(block.get("every_days", EVERY_DAYS))


def _means(material: Material, block: Block, points: Points, titles: list[str]) -> tuple[list[Course], Grid]:
    """The mean of each group in each stretch of days, a patient counting once in it, with the last value."""
    every = _every(block)
    courses, rows = [], []
    for title in titles or [""]:
        by_stretch: dict[int, dict[str, float]] = {}
        for key, found in points.items():
            if not titles or _title(material, key) == title:
                for day, value in found:
                    by_stretch.setdefault(round(day / every), {})[key] = value
        line: list[tuple[float, float, float, float]] = []
        for stretch, values in sorted(by_stretch.items()):
            mean, low, high = mean_interval(list(values.values()))
            if low is None or high is None:
                continue
            line.append((stretch * every, mean, low, high))
            texts = (title or "All", number(float(stretch * every)), str(len(values)), number(mean))
            rows.append(tuple(Cell(text) for text in (*texts, f"{number(low)} to {number(high)}")))
        if line:
            days, middles, lows, highs = (list(part) for part in zip(*line, strict=True))
            courses.append(Course(title, days, middles, lows, highs))
    head = heads(("Group", f"Day (± {every // 2})", "n", "Mean", "95 % interval (t)"))
    notes = (
        "A patient counts once in each stretch of days, with the last value; a single one has no interval.",
    )
    return courses, Grid("Means by group and time", head, tuple(rows), notes, layout="plain")


def _values(material: Material, points: Points) -> Grid:
    labels: Mapping[str, str] = material.facts.labels
    rows = tuple(
        (Cell(labels[key]), Cell("; ".join(f"day {number(day)}: {number(value)}" for day, value in found)))
        for key, found in points.items()
    )
    return Grid("The same values as a table", (Head("Patient"), Head("Values")), rows, fold=AS_TABLE)


def waterfall_plate(material: Material, block: Block, name: str) -> Plate | None:
    """The change of each patient from one measure to another in per cent, the greatest rise first."""
    before, after = (material.facts.measured(block[key]["measure"]) for key in ("from", "to"))
    changes: dict[str, float] = {}
    for key, (value, _) in before.items():
        later = after.get(key, ("", ""))[0]
        if not isinstance(value, str) and not isinstance(later, str) and float(value):
            changes[key] = 100 * (float(later) - float(value)) / float(value)
    if not changes:
        return None
    ordered = sorted(changes.items(), key=lambda one: (-one[1], one[0]))
    caption, shown = block["caption"], ordered
    if material.large and len(ordered) > SAMPLE:
        last = len(ordered) - 1
        shown = [ordered[round(place * last / (SAMPLE - 1))] for place in range(SAMPLE)]
        caption = f"{caption}: {len(shown)} of {len(ordered)} patients, evenly spaced by change"
    labels = material.facts.labels
    bars = [
        Bar("" if material.large else labels[key], _title(material, key), change) for key, change in shown
    ]
    titles = [material.group_title(label) for label in material.group_labels]
    groups = [title for title in titles if any(bar.group == title for bar in bars)]
    without = len(labels) - len(changes)
    fell = sum(change < 0 for change in changes.values())
    said = (
        f"{len(changes)} patients have both values, {fell} of them fell; {without} are without or begin at 0."
    )
    axis = block.get("axis", "Change (%)")
    drawing = waterfall(
        name, caption, said, bars, groups, axis=axis, lines=[float(x) for x in block.get("lines", ())]
    )
    if material.large:
        return drawing, (_shares(material, changes, block),)
    rows = tuple((Cell(labels[key]), Cell(f"{number(change, 1)} %")) for key, change in ordered)
    head = (Head("Patient"), Head("Change", kind="number"))
    return drawing, (Grid("The same changes as a table", head, rows, fold=AS_TABLE),)


def _shares(material: Material, changes: Mapping[str, float], block: Block) -> Grid:
    """How many fell to or below each line that is marked, of those with both values, overall and by group."""
    rows = []
    for line in (0.0, *(float(line) for line in block.get("lines", ()))):
        cells = [Cell(f"{number(line)} % or less")]
        for keys in material.columns.values():
            known = [changes[key] for key in keys if key in changes]
            cells.append(Cell(f"{sum(change <= line for change in known)}/{len(known)}"))
        rows.append(tuple(cells))
    head = heads(("Change", *material.columns))
    return Grid("Patients by their change", head, tuple(rows), layout="plain")
