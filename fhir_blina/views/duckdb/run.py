# ruff: noqa: S608 - SQL is built from checked views; every text in it is quoted
"""Run compiled views on DuckDB over a folder of ``<Type>.ndjson``.

Several views over one type read its file once. What DuckDB cannot read is looked for again
line by line, so that the error names file and line or resource.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NoReturn

from fhir_blina.errors import StoreIncomplete, ViewError
from fhir_blina.files import MAX_LINE_BYTES, open_regular, scratch
from fhir_blina.views.definition import View, most_rows
from fhir_blina.views.duckdb.limits import limited, settings_for
from fhir_blina.views.duckdb.places import pattern_of, plain_folder
from fhir_blina.views.reference import Row, Table, evaluate_view, resources_of
from fhir_blina.views.sql.macros import create_macros
from fhir_blina.views.sql.query import Query, compile_view
from fhir_blina.views.sql.reading import read_sql
from fhir_blina.views.sql.shape import Shape, quoted, text

_CHUNK = 2**20
_LINES = "lines"  # a database on disk for what several views read: packed, and not held in memory
_ROWS_AT_ONCE = 50_000
LEAST_RESOURCE_BYTES = 40
"""Of a line that holds a resource with an id."""


class TooLongError(Exception):
    """A number of more than 15 digits, which a DOUBLE does not hold."""


class Prepared:
    """One view ready to run: its query, the file it reads, the table that has its columns."""

    def __init__(self, query: Query, path: Path, table: str, decimals: str) -> None:
        self.query = query
        self.view = query.view
        self.path = path
        self.table = table
        self.decimals = decimals

    def sql(self) -> str:
        """The SQL that gives the rows."""
        return self.query.sql(_path_text(self.path), table=self.table, decimals=self.decimals)


def _readable(path: Path) -> None:
    """Refuse a link, a device or a FIFO: DuckDB would follow it, or wait for it for ever.

    Raises:
        StoreIncomplete: it is one.
    """
    if os.path.lexists(path):
        try:
            open_regular(path).close()
        except OSError as error:
            raise StoreIncomplete(f"{path}: cannot be read: {error.strerror}") from None


def _path_text(path: Path) -> str:
    return pattern_of(path.absolute()) if path.exists() and path.stat().st_size else ""


def line_count(path: Path) -> int:
    """Lines of a file.

    Raises:
        StoreIncomplete: the last line does not end.
    """
    count, last = 0, b"\n"
    if path.exists():
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                count += chunk.count(b"\n")
                last = chunk[-1:]
    if last != b"\n":
        raise StoreIncomplete(f"{path}:{count + 1}: the last line is cut off. Write or pull the folder again")
    return count


def find_fault(path: Path, view: View, error: Exception) -> NoReturn:
    """Look with the reference engine for what DuckDB could not read, and name it.

    Raises:
        ViewError: always, with file, column and resource where the reference engine finds them.
    """
    ours = str(error).partition("view: ")[2].partition("\n")[0]
    if ours.startswith("more than 15 digits"):
        raise TooLongError from error
    evaluate_view(view, resources_of(path, view.resource))
    what = ours or f"DuckDB cannot read it ({type(error).__name__})"
    raise ViewError(f'{view.source}: {path}: {what}. Use --engine python (engine="python")') from error


@contextlib.contextmanager
def connected(*, memory_limit: str = "", threads: int = 0) -> Iterator[Any]:
    """A DuckDB in memory that spills to a temporary folder.

    Args:
        memory_limit: For example ``256MB``; empty takes DuckDB's own.
        threads: Number of threads; 0 takes DuckDB's own.
    """
    import duckdb

    with (
        scratch() as temporary,
        plain_folder(temporary) as plain,
    ):
        spill = str(plain)
        settings = settings_for(spill, memory_limit)
        if threads:
            settings["threads"] = threads
        with duckdb.connect(":memory:", config=settings) as connection:
            connection.execute(f"ATTACH {text(f'{spill}/lines.duckdb')} AS {_LINES}")
            yield connection


def prepare(
    connection: Any, folder: Path, views: Mapping[str, View], *, decimals: str = "text"
) -> Iterator[Prepared]:
    """Make each view ready in turn, types in order, names in order.

    A type that several views read is read once, into a temporary table.

    Raises:
        ViewError: a view that cannot be compiled; all are compiled before the first file is read.
        StoreIncomplete: a line that is no resource, with file and line.
    """
    queries = [compile_view(views[name]) for name in sorted(views)]
    for resource in sorted({query.view.resource for query in queries}):
        group = [query for query in queries if query.view.resource == resource]
        path, table = folder / f"{resource}.ndjson", ""
        _readable(path)
        reading = "exact" if decimals == "short" and not all(query.short() for query in group) else decimals
        for macro in create_macros("fhir_shaped(" + " ".join(one.sql("", decimals=reading) for one in group)):
            connection.execute(macro)
        if len(group) > 1:
            table = f"{_LINES}.{quoted(resource)}"
            shape = Shape(resource)
            for query in group:
                shape.merge(query.shape)
            keep_json = any(query.repeats for query in group)
            read = read_sql(shape, resource, _path_text(path), keep_json=keep_json, digits=reading != "short")
            run_sql(connection, f"CREATE TABLE {table} AS\n{read}", path, group[0].view)
            _check_lines(
                path, connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0], group[0].view
            )
        for query in group:
            yield Prepared(query, path, table, reading)
        if table:
            connection.execute(f"DROP TABLE {table}")


def run_sql(connection: Any, sql: str, path: Path, view: View, writes: Path | None = None) -> list[Row]:
    """The rows that SQL gives, within what a view may take.

    Args:
        connection: Where it runs.
        sql: Of the view.
        path: The file that it reads.
        view: The view.
        writes: The file that it writes.

    Raises:
        ViewError: what the file holds does not fit, or more time, memory or rows than allowed.
        OSError: the disk is full, with the file.
    """
    import duckdb

    most = most_rows(path.stat().st_size // LEAST_RESOURCE_BYTES if path.exists() else 0)
    rows: list[Row] = []
    try:
        with limited(connection, path, view, writes):
            found = connection.execute(sql)
            while part := found.fetchmany(_ROWS_AT_ONCE):
                rows += part
                if len(rows) > most:
                    raise ViewError(f"{view.source}: {path}: more than {most:,} rows. Cross fewer levels")
    except duckdb.Error as error:
        find_fault(path, view, error)
    return rows


def _check_lines(path: Path, read: int, view: View) -> None:
    if read != line_count(path):
        find_fault(path, view, ValueError("view: lines were passed over"))


def check_rows(connection: Any, prepared: Prepared, rows: int) -> None:
    """The row-count guard: each line was read, and a plain view has one row for each."""
    view, path = prepared.view, prepared.path
    if view.one_row_each and rows != line_count(path):
        find_fault(path, view, ValueError(f"view: {rows} rows are not the number of its lines"))
    if not view.one_row_each and not prepared.table and (pattern := _path_text(path)):
        lines = f"read_ndjson_objects({text(pattern)}, maximum_object_size = {MAX_LINE_BYTES})"
        counted = run_sql(connection, f"SELECT count(*) FROM {lines}", path, view)
        _check_lines(path, counted[0][0], view)


def _exact(value: Any, *, collection: bool) -> Any:
    if collection:
        return [] if value is None else [Decimal(item) for item in value]
    return None if value is None else Decimal(value)


def duckdb_rows(folder: Path, views: Mapping[str, View]) -> dict[str, Table]:
    """The tables of a folder as plain rows, by name, as the reference engine gives them."""
    tables: dict[str, Table] = {}
    with connected() as connection:
        for prepared in prepare(connection, folder, views):
            view, kinds = prepared.view, prepared.query.kinds
            found = run_sql(connection, prepared.sql(), prepared.path, view)
            check_rows(connection, prepared, len(found))
            decimals = [place for place, kind in enumerate(kinds) if kind == "decimal"]
            if decimals:
                rows = [list(row) for row in found]
                try:
                    for row in rows:
                        for place in decimals:
                            row[place] = _exact(row[place], collection=view.columns[place].collection)
                except InvalidOperation as error:
                    find_fault(prepared.path, view, error)
                found = [tuple(row) for row in rows]
            tables[view.name] = Table.of(view, found)
    return {name: tables[name] for name in sorted(tables)}
