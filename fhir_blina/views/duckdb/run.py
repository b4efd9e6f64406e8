"""Run compiled views on DuckDB over a folder of ``<Type>.ndjson``.

Several views over one type read its file once. What DuckDB cannot read is looked for again
line by line, so that the error names file and line or resource.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import exp

from fhir_blina.files import mappings_folder, scratch
from fhir_blina.views.definition import View, most_rows
from fhir_blina.views.duckdb.faults import find_fault, raised_fault
from fhir_blina.views.duckdb.limits import limited, settings_for
from fhir_blina.views.duckdb.lines import Lines, survey
from fhir_blina.views.duckdb.macros import create_macros
from fhir_blina.views.duckdb.places import plain_folder
from fhir_blina.views.duckdb.reading import ALL, json_lines, read, select, table
from fhir_blina.views.duckdb.statement import statement, text_of
from fhir_blina.views.faults import Fault, RunFault
from fhir_blina.views.reference import Row, Table
from fhir_blina.views.sql import tree
from fhir_blina.views.sql.compile import compile_view
from fhir_blina.views.sql.plan import ViewPlan
from fhir_blina.views.sql.shape import Shape, is_known

_LINES = "lines"  # a database on disk for what several views read: packed, and not held in memory
_ROWS_AT_ONCE = 50_000
_COUNT = exp.Count(this=exp.Star())


@dataclass(frozen=True)
class Prepared:
    """One view ready to run.

    Attributes:
        plan: The view, compiled.
        lines: The file that it reads.
        query: Its query.
        shared: Whether the file has been read already, for several views.
    """

    plan: ViewPlan
    lines: Lines
    query: exp.Select
    shared: bool

    @property
    def view(self) -> View:
        """The view."""
        return self.plan.view

    def sql(self) -> str:
        """The SQL that gives the rows."""
        return text_of(self.query)


@contextlib.contextmanager
def connected(*, memory_limit: str = "", threads: int = 0) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory that spills to a temporary folder.

    Args:
        memory_limit: For example ``256MB``; empty takes DuckDB's own.
        threads: Number of threads; 0 takes DuckDB's own.
    """
    with (
        scratch() as temporary,
        plain_folder(temporary) as plain,
    ):
        spill = str(plain)
        settings = settings_for(spill, memory_limit)
        if threads:
            settings["threads"] = threads
        with duckdb.connect(":memory:", config=settings) as connection:
            place = text_of(tree.text(f"{spill}/lines.duckdb"))
            connection.execute(f"ATTACH {place} AS {_LINES}")
            yield connection


def prepare(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    views: Mapping[str, View],
    *,
    decimals: str = "text",
) -> Iterator[Prepared]:
    """Make each view ready in turn, types in order, names in order.

    A type that several views read is read once, into a temporary table. ``decimals`` as for
    :func:`~fhir_blina.views.duckdb.statement.statement`: numbers are read as DOUBLE, which is faster, where
    the whole file has none that a DOUBLE does not hold.

    Raises:
        ViewError: a view that cannot be compiled; all are compiled before the first file is read.
        StoreIncomplete: a line that is no resource, with file and line.
    """
    plans = [compile_view(views[name]) for name in sorted(views)]
    for resource in sorted({plan.view.resource for plan in plans}):
        group = [plan for plan in plans if plan.view.resource == resource]
        shape = Shape(resource)
        for plan in group:
            shape.merge(plan.shape)
        digits = decimals == "text" or any(plan.digits_matter for plan in group)
        lines = survey(folder / f"{resource}.ndjson", () if digits else shape.decimals())
        digits = digits or lines.long_numbers
        keep_json = any(plan.repeats for plan in group)
        source = read(shape, resource, lines.pattern, keep_json=keep_json, digits=digits)
        shared = len(group) > 1
        read_once = select(ALL, source=table(resource, database=_LINES)) if shared else source
        ready = [
            Prepared(plan, lines, statement(plan, read_once, decimals=decimals), shared) for plan in group
        ]
        for macro in create_macros([source, *(one.query for one in ready)]):
            connection.execute(macro)
        kept = text_of(table(resource, database=_LINES))
        if shared:
            run_sql(connection, f"CREATE TABLE {kept} AS\n{text_of(source)}", ready[0])
            _check_lines(ready[0], run_sql(connection, _counted(table(resource, database=_LINES)), ready[0]))
        yield from ready
        if shared:
            connection.execute(f"DROP TABLE {kept}")


def _counted(source: exp.Expr) -> str:
    return text_of(select(_COUNT, source=source))


def run_sql(
    connection: duckdb.DuckDBPyConnection, sql: str, prepared: Prepared, writes: Path | None = None
) -> list[Row]:
    """The rows that SQL gives, within what a view may take.

    Args:
        connection: Where it runs.
        sql: Of the view.
        prepared: The view.
        writes: The file that it writes.

    Raises:
        RunFault: what the file holds does not fit, or more time, memory or rows than allowed.
        StoreIncomplete: a line that is no resource, with file and line.
        OSError: the disk is full, with the file.
    """
    path, view = prepared.lines.path, prepared.view
    most = most_rows(prepared.lines.count)
    rows: list[Row] = []
    try:
        with limited(connection, path, view, writes):
            found = connection.execute(sql)
            while part := found.fetchmany(_ROWS_AT_ONCE):
                rows += part
                if len(rows) > most:
                    told = f"more than {most:,} rows. Cross fewer levels"
                    raise RunFault(Fault.ROWS, view.source, str(path), told)
    except duckdb.Error as error:
        find_fault(path, view, *raised_fault(error))
    return rows


def _check_lines(prepared: Prepared, counted: list[Row]) -> None:
    if counted[0][0] != prepared.lines.count:
        find_fault(prepared.lines.path, prepared.view, Fault.COUNT, "lines were passed over")


def check_rows(connection: duckdb.DuckDBPyConnection, prepared: Prepared, rows: int) -> None:
    """The row-count guard: each line was read, and a plain view has one row for each.

    Raises:
        RunFault: it is not so.
    """
    view, lines = prepared.view, prepared.lines
    if view.one_row_each and rows != lines.count:
        find_fault(lines.path, view, Fault.COUNT, f"{rows} rows are not the number of its lines")
    if not view.one_row_each and not prepared.shared and lines.pattern:
        _check_lines(prepared, run_sql(connection, _counted(json_lines(lines.pattern)), prepared))


def _comes_along(view: View) -> bool:
    return is_known(view.release, view.resource) and Path(view.source).parent == mappings_folder() / "views"


def duckdb_rows(folder: Path, views: Mapping[str, View]) -> dict[str, Table]:
    """The tables of a folder as plain rows, by name, as the reference engine gives them."""
    there = {name: view for name, view in views.items() if (folder / f"{view.resource}.ndjson").exists()}
    nothing = [view for name, view in views.items() if name not in there]
    for view in nothing:
        if not _comes_along(view):  # those that come with the package are known to compile
            compile_view(view)
    tables = {view.name: Table.of(view, []) for view in nothing}
    with connected() as connection:
        for prepared in prepare(connection, folder, there):
            view = prepared.view
            found = run_sql(connection, prepared.sql(), prepared)
            check_rows(connection, prepared, len(found))
            tables[view.name] = Table.of(view, exact_rows(prepared.plan, prepared.lines.path, found))
    return {name: tables[name] for name in sorted(tables)}


def exact_rows(plan: ViewPlan, path: Path, found: list[Row]) -> list[Row]:
    """Rows whose decimals are such, not text.

    Args:
        plan: What gave them.
        path: The file of resources.
        found: The rows.

    Raises:
        RunFault: a decimal that is no number.
    """
    decimals = [(place, column) for place, column in enumerate(plan.columns) if column.kind == "decimal"]
    if not decimals:
        return found
    rows = [list(row) for row in found]
    try:
        for row in rows:
            for place, column in decimals:
                row[place] = _exact(row[place], collection=column.collection)
    except InvalidOperation:
        find_fault(path, plan.view, Fault.NO_NUMBER)
    return [tuple(row) for row in rows]


def _exact(value: Any, *, collection: bool) -> Any:
    if collection:
        return [] if value is None else [Decimal(item) for item in value]
    return None if value is None else Decimal(value)
