"""The command that shows a row beside what it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from fhir_blina.cli.reading import Options, terminal_of
from fhir_blina.cli.terminal import Terminal, table_text
from fhir_blina.errors import CohortError, Finding, faults, printable, problem
from fhir_blina.files import dumps

if TYPE_CHECKING:
    from fhir_blina.cohorts import Cohort, Row
    from fhir_blina.files import Keys
    from fhir_blina.mapping import TracedRow

MAX_ROWS = 20
LEFT = 44  # characters of a line beside the resources
FLOW = 90  # characters of a constant element that is shown in one line


@dataclass(frozen=True)
class ShownCell:
    """A cell, the elements that it went to, and what there is to say where it went to none.

    Attributes:
        column: Its column.
        text: As it stands in the file.
        goes: Paths of elements.
        note: Why it went nowhere, or cannot be read back.
    """

    column: str
    text: str
    goes: tuple[str, ...]
    note: str


def show(options: Options) -> int:
    """Show a row beside what it becomes."""
    from fhir_blina.cli.pipeline import chosen_release
    from fhir_blina.cohorts import find_cohort, gather_cohort, rows_named
    from fhir_blina.mapping import trace_row

    terminal = terminal_of(options)
    findings: list[Finding] = []
    folder = find_cohort(options.cohort)
    cohort = gather_cohort(folder, chosen_release(None), findings)
    if cohort is None or not cohort.tables:
        raise CohortError(findings or [problem(str(folder), "has no table")])
    rows = rows_named(cohort, options.row)
    told: list[dict[str, Any]] = []
    wrong: dict[Finding, None] = {}
    for row in rows[:MAX_ROWS]:
        traced = trace_row(cohort, row, profiles=options.profiles)
        own = [one for one in findings if one.location in _places(row)]
        own += [*traced.findings, *_invalid(cohort, traced)]
        cells = _cells(cohort, traced)
        told.append(_as_dict(traced, cells, own))
        _print(traced, cells, cohort.folder, terminal)
        wrong |= dict.fromkeys(own)
    terminal.answer({"rows": told})
    terminal.findings(wrong)
    if len(rows) > MAX_ROWS:
        terminal.say(f"{len(rows) - MAX_ROWS} more rows stand there: name one by its table and key")
    elsewhere = sum(one not in wrong for one in findings)
    if elsewhere:
        terminal.say(f"{elsewhere} findings about other rows and files: fhir-blina check {options.cohort}")
    return CohortError.exit_code if faults(wrong) else 0


def _places(row: Row) -> set[str]:
    return {row.location, *(row.place(column) for column in row.text)}


def _invalid(cohort: Cohort, traced: TracedRow) -> list[Finding]:
    """What FHIR says of the resources, but for references to what other rows become."""
    from fhir_blina.cli.pipeline import with_origin
    from fhir_blina.cohorts import conformance_resources
    from fhir_blina.validation import validate

    mapped = traced.mapped
    if not mapped.resources:
        return []
    found = validate(mapped.resources, definitions=conformance_resources(cohort), release=cohort.release)
    return [with_origin(one, mapped) for one in found if one.code != "not-found"]


def _cells(cohort: Cohort, traced: TracedRow) -> list[ShownCell]:
    """The cells of the row in the order of its file, each with where it goes."""
    row = traced.row
    places: dict[str, list[str]] = {}
    for made in traced.made:
        for keys, columns in made.sources.items():
            for name in columns:
                places.setdefault(name, []).append(f"{made.resource['resourceType']}.{_path(keys)}")
    shown = []
    for column in cohort.tables[row.table].columns.values():
        text, goes = row.text[column.name], tuple(places.get(column.name, ()))
        note = ""
        if column.unmapped:
            note = f"left out: {column.unmapped}"
        elif column.name not in traced.read:
            note = "goes nowhere: no template reads it"
        elif text and not goes:
            note = "decides, or finds the row around: no element is made of it"
        if text and not column.unmapped and column.name in traced.lost:
            note = "; ".join(filter(None, (note, f"not read back: {traced.lost[column.name]}")))
        shown.append(ShownCell(column=column.name, text=text, goes=goes, note=note))
    return shown


def _print(traced: TracedRow, cells: list[ShownCell], folder: Path, terminal: Terminal) -> None:
    row = traced.row
    width = max(len(one.column) for one in cells)
    left: list[str] = []
    for cell in cells:
        first, *more = wrap(cell.text, LEFT) or [""]
        left += [f"{cell.column:<{width}}  {first}", *(f"{'':<{width}}  {one}" for one in more)]
        left += wrap(cell.note, LEFT, initial_indent="  ^ ", subsequent_indent="    ")
    right: list[str] = []
    for made in traced.made:
        where = made.origin.template.location().removeprefix(f"{folder}/")
        right += [f"# {where}", *_lines(made.resource, (), made.sources, ""), ""]
    for template in traced.passed:
        where = template.location(("where",)).removeprefix(f"{folder}/")
        right.append(f"# {where}: where: does not hold, no {template.resource_type}")
    while right and not right[-1]:
        right.pop()
    rows = list(zip_longest(left, right, fillvalue=""))
    terminal.result(
        table_text((f"{printable(row.location.removeprefix(f'{folder}/'))} ({row.table})", "becomes"), rows)
        + "\n"
    )


def _lines(value: Any, keys: Keys, sources: Mapping[Keys, tuple[str, ...]], indent: str) -> list[str]:
    """The inside of an element as lines of YAML, each with the columns that gave it."""
    lines: list[str] = []
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        here = (*keys, key)
        lead = f"{indent}{key}:" if isinstance(key, str) else f"{indent}-"
        origin = f"  <- {', '.join(sources[here])}" if sources.get(here) else ""
        flow = _flow(child)
        plain = not isinstance(child, dict | list) or not child
        fixed = not any(columns and one[: len(here)] == here for one, columns in sources.items())
        if plain or origin or (fixed and len(lead) + len(flow) <= FLOW):
            lines.append(f"{lead} {flow}{origin}")
            continue
        inner = _lines(child, here, sources, f"{indent}  ")
        if isinstance(key, int):
            lines += [f"{lead} {inner[0].lstrip()}", *inner[1:]]
        else:
            lines += [lead, *inner]
    return lines


def _flow(value: Any) -> str:
    """A value in one line, as YAML has it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(child)}" for name, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return dumps(value)


def _path(keys: Keys) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def _as_dict(traced: TracedRow, cells: list[ShownCell], findings: list[Finding]) -> dict[str, Any]:
    return {
        "table": traced.row.table,
        "location": traced.row.location,
        "cells": [
            {"column": one.column, "text": one.text, "goes": list(one.goes), "note": one.note}
            for one in cells
        ],
        "resources": [
            {
                "template": made.origin.template.location(),
                "resource": made.resource,
                "from": {_path(keys): list(columns) for keys, columns in made.sources.items()},
            }
            for made in traced.made
        ],
        "without": [one.location(("where",)) for one in traced.passed],
        "issue": [one.as_issue() for one in findings],
    }
