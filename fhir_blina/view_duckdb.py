# ruff: noqa: S608 - SQL is built from checked views; every text in it is quoted
"""Run compiled views on DuckDB over a folder of ``<Type>.ndjson``.

Several views over one type read its file once. What DuckDB cannot read is looked for again
line by line, so that the error names file and line or resource.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from fhir_blina import fhirjson
from fhir_blina.errors import StoreIncomplete, ViewError
from fhir_blina.view_definitions import INTEGERS, View
from fhir_blina.view_macros import create_macros
from fhir_blina.view_rows import Table, evaluate_view, resources_of
from fhir_blina.view_schema import Shape, quoted, text
from fhir_blina.view_sql import Query, compile_view, read_sql

if TYPE_CHECKING:
    import pandas as pd

_CHUNK = 2**20


class Prepared:
    """One view ready to run: its query, the SQL, the file it reads."""

    def __init__(self, query: Query, path: Path, table: str) -> None:
        self.query = query
        self.path = path
        self.table = table

    def sql(self, *, numbers: bool = False) -> str:
        """The SQL that gives the rows."""
        return self.query.sql(_path_text(self.path), table=self.table, numbers=numbers)


def _path_text(path: Path) -> str:
    return str(path) if path.exists() and path.stat().st_size else ""


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


def _find_fault(path: Path, view: View, error: Exception) -> NoReturn:
    """Look with the reference engine for what DuckDB could not read, and name it."""
    evaluate_view(view, resources_of(path, view.resource))
    ours = str(error).partition("view: ")[2].partition("\n")[0]
    what = ours or f"DuckDB cannot read it ({type(error).__name__})"
    raise ViewError(f'{view.source}: {path}: {what}. Use --engine python (engine="python")') from error


def _check_rows(prepared: Prepared, read: int, rows: int | None) -> None:
    """The row-count guard: each line was read, and plain views have one row for each."""
    view, lines = prepared.query.view, line_count(prepared.path)
    if read != lines:
        _find_fault(prepared.path, view, ValueError("row count"))
    if rows is not None and view.one_row_each and rows != lines:
        raise ViewError(f"{view.source}: {rows} rows from {lines} resources in {prepared.path}")


@contextlib.contextmanager
def connected(*, memory_limit: str = "", threads: int = 0) -> Iterator[Any]:
    """A DuckDB in memory that spills to a temporary folder.

    Args:
        memory_limit: For example ``256MB``; empty takes DuckDB's own.
        threads: Number of threads; 0 takes DuckDB's own.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="fhir-blina-") as spill:
        settings: dict[str, Any] = {"temp_directory": spill}
        if memory_limit:
            settings["memory_limit"] = memory_limit
        if threads:
            settings["threads"] = threads
        with duckdb.connect(":memory:", config=settings) as connection:
            yield connection


def prepare(connection: Any, folder: Path, views: Mapping[str, View]) -> Iterator[Prepared]:
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
        for macro in create_macros(" ".join(query.sql("", numbers=True) for query in group)):
            connection.execute(macro)
        if len(group) > 1:
            table = quoted(f"{resource}_lines")
            shape = Shape(resource)
            for query in group:
                shape.merge(query.shape)
            keep_json = any(query.repeats for query in group)
            read = read_sql(shape, resource, _path_text(path), keep_json=keep_json)
            _run(connection, f"CREATE TEMP TABLE {table} AS\n{read}", path, group[0].view)
            count = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            _check_rows(Prepared(group[0], path, table), count, None)
        for query in group:
            yield Prepared(query, path, table)
        if table:
            connection.execute(f"DROP TABLE {table}")


def _run(connection: Any, sql: str, path: Path, view: View) -> Any:
    import duckdb

    try:
        return connection.execute(sql)
    except duckdb.Error as error:
        _find_fault(path, view, error)


def _lines_read(connection: Any, prepared: Prepared, rows: int) -> int:
    if prepared.table or not _path_text(prepared.path):
        return line_count(prepared.path)
    if prepared.query.view.one_row_each:
        return rows
    lines = (
        f"read_ndjson_objects({text(str(prepared.path))}, maximum_object_size = {fhirjson.MAX_LINE_BYTES})"
    )
    counted = _run(connection, f"SELECT count(*) FROM {lines}", prepared.path, prepared.query.view)
    return int(counted.fetchone()[0])


def _converted(value: Any, *, collection: bool) -> Any:
    if collection:
        return [] if value is None else [Decimal(item) for item in value]
    return None if value is None else Decimal(value)


def duckdb_rows(folder: Path, views: Mapping[str, View]) -> dict[str, Table]:
    """The tables of a folder as plain rows, by name, as the reference engine gives them."""
    import duckdb

    tables: dict[str, Table] = {}
    with connected() as connection:
        for prepared in prepare(connection, folder, views):
            view = prepared.query.view
            try:
                found = connection.execute(prepared.sql()).fetchall()
            except duckdb.Error as error:
                _find_fault(prepared.path, view, error)
            _check_rows(prepared, _lines_read(connection, prepared, len(found)), len(found))
            decimals = [place for place, kind in enumerate(prepared.query.kinds) if kind == "decimal"]
            if decimals:
                rows = [list(row) for row in found]
                for row in rows:
                    for place in decimals:
                        row[place] = _converted(row[place], collection=view.columns[place].collection)
                found = [tuple(row) for row in rows]
            tables[view.name] = Table.of(view, found)
    return {name: tables[name] for name in sorted(tables)}


def duckdb_frames(
    folder: Path, views: Mapping[str, View], *, memory_limit: str = ""
) -> dict[str, pd.DataFrame]:
    """The tables of a folder as DataFrames, column by column."""
    import duckdb

    frames: dict[str, pd.DataFrame] = {}
    with connected(memory_limit=memory_limit) as connection:
        for prepared in prepare(connection, folder, views):
            view = prepared.query.view
            try:
                columns = connection.execute(prepared.sql()).fetchnumpy()
            except duckdb.Error as error:
                _find_fault(prepared.path, view, error)
            frame = _frame(prepared.query, columns)
            _check_rows(prepared, _lines_read(connection, prepared, len(frame)), len(frame))
            frames[view.name] = frame
    return {name: frames[name] for name in sorted(frames)}


def _frame(query: Query, columns: dict[str, Any]) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    series: dict[str, Any] = {}
    for column, kind in zip(query.view.columns, query.kinds, strict=True):
        found = columns.pop(column.name)
        mask = np.ma.getmaskarray(found)
        data = np.ma.getdata(found)
        if column.type in INTEGERS and not column.collection:
            series[column.name] = pd.arrays.IntegerArray(data.astype("int64"), mask)
        elif column.type == "boolean" and not column.collection:
            series[column.name] = pd.arrays.BooleanArray(data.astype(bool), mask)
        else:
            series[column.name] = _objects(data, mask, kind, collection=column.collection)
    return pd.DataFrame(series)


def _objects(data: Any, mask: Any, kind: str, *, collection: bool) -> Any:
    """An object array in which equal strings and numbers are one object, missing ones ``None``."""
    import numpy as np

    found = np.empty(len(data), dtype=object)
    if collection:
        lists = ([] if missing else list(value) for value, missing in zip(data, mask, strict=True))
        found[:] = [_converted(one, collection=True) if kind == "decimal" else one for one in lists]
        return found
    once: dict[Any, Any] = {}
    for place in np.flatnonzero(~mask):
        value = data[place]
        kept = once.get(value)
        if kept is None:
            kept = once[value] = (
                Decimal(value) if kind == "decimal" else getattr(value, "item", lambda v=value: v)()
            )
        found[place] = kept
    return found


def write_duckdb(
    folder: Path, views: Mapping[str, View], target: Path, kind: str, *, memory_limit: str = ""
) -> list[Path]:
    """Write one Parquet file for each view, or all of them into one DuckDB file.

    Decimals are DECIMAL(38, 12); a number of more decimals is an error.

    Args:
        folder: Of ``<Type>.ndjson``.
        views: Views by name.
        target: Folder to write into.
        kind: ``parquet`` or ``duckdb``.
        memory_limit: DuckDB's, for example ``256MB``.

    Returns:
        The files, whole or absent.
    """
    target.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    with (
        tempfile.TemporaryDirectory(dir=target, prefix=".tables-") as fresh,
        connected(memory_limit=memory_limit) as connection,
    ):
        database = Path(fresh) / "tables.duckdb"
        if kind == "duckdb":
            connection.execute(f"ATTACH {text(str(database))} AS written")
            written.append(database)
        for prepared in prepare(connection, folder, views):
            view, sql = prepared.query.view, prepared.sql(numbers=True)
            if kind == "parquet":
                path = Path(fresh) / f"{view.name}.parquet"
                command = f"COPY (\n{sql}\n) TO {text(str(path))} (FORMAT parquet)"
                written.append(path)
            else:
                command = f"CREATE TABLE written.{quoted(view.name)} AS\n{sql}"
            count = _run(connection, command, prepared.path, view).fetchone()[0]
            _check_rows(prepared, _lines_read(connection, prepared, count), count)
        if kind == "duckdb":
            connection.execute("DETACH written")
        return [path.replace(target / path.name) for path in sorted(written)]
