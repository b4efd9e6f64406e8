"""The block of the report that is a forest plot: a comparison in all and in each subgroup, and as a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_blina.endpoints import Endpoint
from fhir_blina.figures import ForestRow, forest
from fhir_blina.report.grids import Cell, Grid, Head, p_value
from fhir_blina.report.layout import Block
from fhir_blina.report.material import Material
from fhir_blina.report.plots import AS_TABLE, Plate
from fhir_blina.results import Record


def forest_plate(material: Material, block: Block, name: str) -> Plate | None:
    """Hazard ratios by subgroup with the tests of interaction; nothing where no subgroups are asked for."""
    definition = material.facts.endpoints.endpoints[block["endpoint"]]
    by = block.get("by", "") or next(iter(definition.compare), "")
    labels = list(dict.fromkeys(material.facts.endpoints.groups[by].labels.values())) if by else []
    if not definition.subgroups or len(labels) != 2:
        return None
    lines = list(_lines(material, definition, by))
    overall = [record for _, record in lines if record is not None]
    if not overall:
        return None
    pair = overall[0].group
    second, _, first = pair.partition(" v ")
    rows = [_row(label, record) for label, record in lines]
    drawing = forest(
        name,
        block["caption"],
        _in_words(lines),
        rows,
        sides=(f"fewer events: {second}", f"fewer events: {first}"),
        said=" ".join(_said(material, definition)),
    )
    return drawing, (_grid(definition, pair, lines),)


def _lines(material: Material, endpoint: Endpoint, by: str) -> Iterator[tuple[str, Record | None]]:
    """Title and record of each line; of a heading the test of interaction."""
    note = f"by {by}"
    for record in material.results.find(f"{endpoint.name}.hazard_ratio"):
        if note in record.note.split("; "):
            yield "All", record
            pair = record.group
    for split in endpoint.subgroups:
        if split == by:
            continue
        for record in material.results.find(f"{endpoint.name}.subgroup_{split}_interaction", pair):
            yield material.spoken(split), record
        for record in material.results.find(f"{endpoint.name}.subgroup_{split}_hazard_ratio"):
            if record.group.startswith(f"{pair} in ") and note in record.note.split("; "):
                yield record.group.removeprefix(f"{pair} in "), record


def _is_test(record: Record) -> bool:
    return record.name.endswith("_interaction")


def _row(label: str, record: Record | None) -> ForestRow:
    if record is None or _is_test(record):
        p = "" if record is None or record.p_value is None else p_value(record.p_value)
        said = f"interaction P {p if p.startswith('<') else f'= {p}'}" if p else "no test of interaction"
        return ForestRow(label[:1].upper() + label[1:], said=said, heading=True)
    value, low, high = (
        None if one is None else float(one) for one in (record.value, record.ci_low, record.ci_high)
    )
    return ForestRow(
        label,
        value,
        low,
        high,
        counts=f"{record.events}/{record.n}",
        events=record.events or 0,
        said=_ratio(record),
    )


def _ratio(record: Record) -> str:
    """The ratio with its interval to two decimals, as forest plots print them."""
    if record.value is None:
        return "not estimable"
    if record.ci_low is None:
        return _two(record.value)
    high = "not reached" if record.ci_high is None else _two(record.ci_high)
    return f"{_two(record.value)} ({_two(record.ci_low)} to {high})"


def _two(value: Any) -> str:
    return f"{float(value):.2f}" if value < 100 else f"{float(value):.3g}"


def _in_words(lines: list[tuple[str, Record | None]]) -> str:
    said = [
        f"{label}: {_ratio(record)}, {record.events} events of {record.n}"
        for label, record in lines
        if record is not None and not _is_test(record)
    ]
    return f"Hazard ratios with 95 per cent intervals. {'; '.join(said)}."


def _said(material: Material, endpoint: Endpoint) -> Iterator[str]:
    for record in material.results.find(f"{endpoint.name}.subgroup_tests"):
        yield f"Tests of interaction: {record.value}; {record.note}. A subgroup has no P of its own."


def _grid(endpoint: Endpoint, pair: str, lines: list[tuple[str, Record | None]]) -> Grid:
    kinds = ("text", "number", "number", "number", "number", "text")
    words = ("Patients", "Events", "n", f"Hazard ratio, {pair}", "P of interaction", "Notes")
    head = tuple(Head(word, kind=kind) for word, kind in zip(words, kinds, strict=True))
    body = []
    for label, record in lines:
        if record is None:
            continue
        test = _is_test(record)
        body.append(
            (
                Cell(label),
                Cell("" if test else str(record.events)),
                Cell("" if test else str(record.n)),
                Cell("" if test else _ratio(record)),
                Cell(p_value(record.p_value) if test else ""),
                Cell(record.note),
            )
        )
    return Grid(f"{endpoint.title}: hazard ratios by subgroup", head, tuple(body), fold=AS_TABLE)
