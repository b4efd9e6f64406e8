"""The columns and rows of a table as its declaration wants them: names, kept columns, columns made rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from fhir_blina.errors import Finding, did_you_mean, problem
from fhir_blina.tabular.declaration import Declaration, Unpivot
from fhir_blina.tabular.sheet import RawTable

# Words of FHIRPath, which cannot be the name of a column in a blank.
_RESERVED = frozenset({"and", "div", "false", "implies", "mod", "or", "true", "xor"})
_GAP = re.compile(r"\{([a-z][a-z0-9_]*)\}")


@dataclass(frozen=True)
class TableRow:
    """A row of a table.

    Attributes:
        number: The row in its file; of a table whose rows are made, the number in the table.
        cells: Text by column.
        place: Prints where the row is, or a cell of it, given its column.
        melted_from: The column of the file that became this row, empty where none did.
    """

    number: int
    cells: Mapping[str, str]
    place: Callable[[str], str]
    melted_from: str = ""


def name_of(text: str) -> str:
    """A table or column name: a-z, 0-9 and _, a letter first, no word of FHIRPath's own."""
    name = re.sub(r"[^a-z0-9]+", "_", text.strip().lower()).strip("_")
    if not name[:1].isalpha() or name in _RESERVED:
        name = f"c_{name}".rstrip("_")
    return name


def column_names(titles: Sequence[str]) -> list[str]:
    """A name for each title; the second of two alike ends in ``_2``."""
    names: dict[str, int] = {}
    for title in titles:
        name = first = name_of(title)
        while name in names:
            names[first] += 1
            name = f"{first}_{names[first]}"
        names[name] = 1
    return list(names)


def unpivoted(declared: Unpivot, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """The columns that become rows, each with what its row then says beside the value."""
    if isinstance(declared.columns, str):
        gaps = _GAP.findall(declared.columns)
        literal = _GAP.split(declared.columns)[::2]
        pattern = re.escape(literal[0])
        for gap, text in zip(gaps, literal[1:], strict=True):
            pattern += f"(?P<{gap}>.+?){re.escape(text)}"
        found = {name: re.fullmatch(pattern, name) for name in names}
        return {name: match.groupdict() for name, match in found.items() if match}
    return {name: {declared.name: name} for name in declared.columns}


def shaped(sheet: RawTable, declared: Declaration, where: str, findings: list[Finding]) -> Shaped | None:
    """A table as its declaration wants it; ``None`` with findings."""
    names = column_names(sheet.titles)
    melted = unpivoted(declared.unpivot, names) if declared.unpivot else {}
    kept = list(declared.keep) or [name for name in names if name not in melted]
    kept = [name for name in kept if name != declared.number]
    before = len(findings)
    sheet = _ended(sheet, declared.end, where, findings)
    for name in (*kept, *melted, *_named_in(declared)):
        if name not in names:
            findings.append(problem(where, f'the file has no column "{name}"', did_you_mean(name, names)))
    if declared.unpivot and not melted:
        findings.append(problem(where, "unpivot names no column of the file"))
    if len(findings) > before:
        return None
    left: list[LeftRow] = []
    rows = list(_rows(sheet, declared, names, kept, melted, left))
    columns = [*([declared.number] if declared.number else []), *kept]
    if declared.unpivot:
        columns += [*next(iter(melted.values())), declared.unpivot.value]
    for name in sorted({name for name in columns if columns.count(name) > 1}):
        findings.append(problem(where, f'column "{name}" would stand twice', "Give it another name"))
    return Shaped(columns, rows, {*kept, *melted}, left) if len(findings) == before else None


def _named_in(declared: Declaration) -> list[str]:
    """The columns that settings of single columns name."""
    return [*declared.digits, *declared.fill_down, *declared.empty_is, *declared.rows_with]


class LeftRow(NamedTuple):
    """A row of the file that ``rows_with`` leaves out: its number, and the columns that hold something."""

    number: int
    filled: frozenset[str]


class Shaped(NamedTuple):
    """A table as declared: columns, rows, the columns of the file that it takes, the rows it leaves out."""

    columns: list[str]
    rows: list[TableRow]
    taken: set[str]
    left: list[LeftRow]


def _ended(sheet: RawTable, end: str, where: str, findings: list[Finding]) -> RawTable:
    """The rows before the one that ends the table: legends and sums below it are no rows of its own."""
    if not end:
        return sheet
    for place, (_, row) in enumerate(sheet.rows):
        if next((cell for cell in row if cell), "").startswith(end):
            _like_data(sheet, place, findings)
            return replace(sheet, rows=sheet.rows[:place])
    remedy = "Write how its first filled cell begins; without end the table goes to the end of the file"
    findings.append(problem(where, f'no row begins with "{end}", which ends the table', remedy))
    return sheet


def _like_data(sheet: RawTable, place: int, findings: list[Finding]) -> None:
    """A finding for each row below the end of a table that is as full as its rows."""
    fewest = min((sum(map(bool, row)) for _, row in sheet.rows[:place]), default=0)
    for number, row in sheet.rows[place + 1 :]:
        if sum(map(bool, row)) >= max(fewest, 2):
            text = "looks like a row of the table, below the row that ends it"
            findings.append(
                problem(sheet.place(number, None), text, "Let end be the beginning of a later row")
            )


def _rows(
    sheet: RawTable,
    declared: Declaration,
    names: Sequence[str],
    kept: Sequence[str],
    melted: Mapping[str, Mapping[str, str]],
    left: list[LeftRow],
) -> Iterator[TableRow]:
    index = {name: place for place, name in enumerate(names)}
    seen: set[tuple[str, ...]] = set()
    own = not (melted or declared.distinct)
    above: dict[str, str] = {}
    made = 0
    asked = [(index[name], name, words) for name, words in declared.rows_with.items()]
    for counted, (number, row) in enumerate(sheet.rows, start=1):
        base = {name: declared.cell(name, row[index[name]]) for name in kept}
        above = {name: base[name] or above.get(name, "") for name in declared.fill_down if name in base}
        if asked and all(row[at] in words or declared.empty(name, row[at]) for at, name, words in asked):
            left.append(
                LeftRow(number, _filled(declared, {name: row[index[name]] for name in (*kept, *melted)}))
            )
            continue
        base |= above
        parts: list[tuple[dict[str, str], str]] = [(base, "")]
        if declared.unpivot is not None:
            value = declared.unpivot.value
            parts = [
                ({**base, **said, value: declared.cell(name, row[index[name]])}, name)
                for name, said in melted.items()
                if not declared.empty(name, row[index[name]])
            ]
        for cells, melted_from in parts:
            alike = tuple(cells.values())
            if declared.distinct and alike in seen:
                continue
            seen.add(alike)
            made += 1
            if declared.number:
                count = made if declared.distinct else counted
                cells = {declared.number: str(count), **cells}  # noqa: PLW2901
            yield TableRow(
                number if own else made, cells, _placed(sheet, number, index, melted_from), melted_from
            )


def _filled(declared: Declaration, cells: Mapping[str, str]) -> frozenset[str]:
    return frozenset(
        name
        for name, text in cells.items()
        if not declared.empty(name, text) and text not in declared.rows_with.get(name, ())
    )


def _placed(sheet: RawTable, number: int, index: Mapping[str, int], melted_from: str) -> Callable[[str], str]:
    def place(column: str) -> str:
        found = index.get(column)
        if found is None and melted_from:
            found = index[melted_from]
        return sheet.place(number, found)

    return place
