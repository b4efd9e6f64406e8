"""How a table lies in its file: the ``tables`` of a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fhir_blina.errors import Finding, problem


@dataclass(frozen=True)
class Unpivot:
    """Columns that become rows.

    Attributes:
        columns: Their names; or one pattern, ``hb_d{day}``, whose gaps become columns.
        name: The column that says which column a row was, where ``columns`` are names.
        value: The column of the values.
    """

    columns: tuple[str, ...] | str
    name: str
    value: str


@dataclass(frozen=True)
class Declaration:
    """Where a table is and how its cells are written.

    Attributes:
        file: Relative to ``data/``.
        plain: A file that nothing is declared of: CSV by the strict rules of a cohort folder.
        sheet: Of a workbook; empty: its only one.
        header: The row of the titles, counted from 1.
        end: How the row begins that ends the table; empty: it goes to the end of the file.
        encoding: Of a text file.
        separator: Between its cells.
        decimal: The sign before the decimals of a number.
        thousands: The sign between groups of three digits, empty for none.
        missing: Words that mean an empty cell: for all columns (under an empty name) and for single ones.
        dates: How dates are written: for all columns of dates (under an empty name) and for single ones.
        digits: How many digits the cells of a column have; zeros that were lost in front come back.
        fill_down: Columns whose empty cells mean the same as the cell above.
        empty_is: What an empty cell of a column means.
        rows_with: Only rows in which one of these columns holds something else than nothing or its words.
        query: Of a database.
        url_from: The environment variable that holds the URL of a database that is no file.
        keep: Only these columns; empty for all.
        distinct: Rows that are alike are one.
        number: A column that counts the rows of the file, of the table where rows alike are one.
        unpivot: Columns that become rows.
    """

    file: str
    plain: bool = False
    sheet: str = ""
    header: int = 1
    end: str = ""
    encoding: str = "utf-8-sig"
    separator: str = ""
    decimal: str = "."
    thousands: str = ""
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    digits: Mapping[str, int] = field(default_factory=dict)
    fill_down: tuple[str, ...] = ()
    empty_is: Mapping[str, str] = field(default_factory=dict)
    rows_with: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    query: str = ""
    url_from: str = ""
    keep: tuple[str, ...] = ()
    distinct: bool = False
    number: str = ""
    unpivot: Unpivot | None = None

    def empty(self, column: str, text: str) -> bool:
        """Whether a cell's text means that there is nothing in it."""
        return not text or text in self.missing.get("", ()) or text in self.missing.get(column, ())

    def cell(self, column: str, text: str) -> str:
        """A cell's text: nothing where it means nothing, digits with the zeros that belong before them."""
        if self.empty(column, text):
            return self.empty_is.get(column, "")
        return text.zfill(self.digits.get(column, 0)) if text.isascii() and text.isdigit() else text

    def formats(self, column: str) -> tuple[str, ...]:
        """How the dates of a column are written; none where they are written as ISO 8601 has it."""
        return self.dates.get(column, self.dates.get("", ()))


def declaration_of(settings: Mapping[str, Any]) -> Declaration:
    """A declaration from the manifest, whose schema has been checked."""
    made = {"missing", "dates", "keep", "fill_down", "empty_is", "rows_with", "unpivot"}
    plain: dict[str, Any] = {key: value for key, value in settings.items() if key not in made}
    return Declaration(
        **{"file": "", **plain},
        missing=_by_column(settings.get("missing", ())),
        dates=_by_column(settings.get("dates", ())),
        keep=tuple(settings.get("keep", ())),
        fill_down=tuple(settings.get("fill_down", ())),
        empty_is={name: str(text) for name, text in settings.get("empty_is", {}).items()},
        rows_with={name: _texts(words) for name, words in settings.get("rows_with", {}).items()},
        unpivot=_unpivot(settings.get("unpivot")),
    )


def _by_column(value: Any) -> dict[str, tuple[str, ...]]:
    if isinstance(value, dict):
        return {name: _texts(one) for name, one in value.items()}
    return {"": _texts(value)} if value else {}


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in ([value] if isinstance(value, str | int) else value))


def _unpivot(value: Any) -> Unpivot | None:
    if value is None:
        return None
    columns = value["columns"]
    return Unpivot(
        columns if isinstance(columns, str) else tuple(columns),
        value.get("name", "column"),
        value.get("value", "value"),
    )


def file_of(folder: Path, declared: Declaration, where: str, findings: list[Finding]) -> Path | None:
    """The file of a declaration inside ``data/``, ``None`` with a finding where it would lie elsewhere."""
    path = Path(declared.file)
    if path.is_absolute() or ".." in path.parts:
        findings.append(problem(where, "file leads out of the data folder", "Put the file into data/"))
        return None
    return folder / path
