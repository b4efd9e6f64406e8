"""Rows named as people name them: a table and its key, or the place where a row stands."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_blina.cohorts.folder import Cohort
from fhir_blina.cohorts.tables import Row, Table
from fhir_blina.errors import CohortError, did_you_mean, problem

_BEFORE = ("/", "!", "\\")


def rows_named(cohort: Cohort, words: Sequence[str]) -> list[Row]:
    """The rows that some words name: one, or those that a line of a file became in several tables.

    Args:
        cohort: Whose tables.
        words: ``["patients.csv:3"]``, ``["Labs!12"]`` or a cell of it, ``["Labs!C12"]``; or a table,
            alone for its first row, or followed by the cells of its key: ``["labs", "P1", "15"]``.

    Raises:
        CohortError: no row is named so.
    """
    first, *key = words
    table = cohort.tables.get(first)
    if table is not None and not key:
        return list(table.rows[:1])
    if table is not None:
        return _by_key(table, key)
    found = (
        [] if key else [row for one in cohort.tables.values() for row in one.rows if _stands_at(row, first)]
    )
    if not found:
        known = [
            *cohort.tables,
            *sorted({_file(row) for one in cohort.tables.values() for row in one.rows[:1]}),
        ]
        remedy = did_you_mean(first.partition(":")[0].partition("!")[0], known)
        how = "Name it by file:line, workbook's sheet!row, or table and key"
        raise CohortError([problem("", f'no row at "{first}"', " ".join(filter(None, (remedy, how))))])
    return found


def _by_key(table: Table, key: Sequence[str]) -> list[Row]:
    if len(key) > len(table.key):
        text = f'a row of "{table.name}" is named by {", ".join(table.key)}'
        raise CohortError([problem("", text, f"{len(key)} cells were given")])
    found = [
        row
        for row in table.rows
        if all(row.text[name] == cell for name, cell in zip(table.key, key, strict=False))
    ]
    if not found:
        text = f'table "{table.name}" has no row with that {", ".join(table.key[: len(key)])}'
        raise CohortError(
            [problem("", text, "Name it by file:line to see which key it has", code="not-found")]
        )
    return found


def _stands_at(row: Row, place: str) -> bool:
    return _ends(row.location, place) or any(_ends(row.place(column), place) for column in row.text)


def _ends(location: str, place: str) -> bool:
    return location == place or (location.endswith(place) and location[-len(place) - 1] in _BEFORE)


def _file(row: Row) -> str:
    return row.path.name
