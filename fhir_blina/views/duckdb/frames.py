# ruff: noqa: S608 - every text in the SQL is quoted
"""Compiled views as DataFrames.

A small table is fetched row by row. A large one goes through a temporary Parquet file and comes
back column by column: DuckDB numbers equal texts, so that each text is one Python object however
often it stands there, and never more than one column is held twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhir_blina.files import scratch
from fhir_blina.views.definition import INTEGERS, Column, View
from fhir_blina.views.duckdb.faults import find_fault
from fhir_blina.views.duckdb.places import pattern_of
from fhir_blina.views.duckdb.run import connected, duckdb_rows
from fhir_blina.views.duckdb.statement import text_of
from fhir_blina.views.duckdb.writing import write_duckdb
from fhir_blina.views.faults import Fault
from fhir_blina.views.reference import dtype_of
from fhir_blina.views.sql import tree
from fhir_blina.views.sql.compile import compile_view

if TYPE_CHECKING:
    import pandas as pd

LARGE_BYTES = 32 * 2**20
_FEW = 50_000  # unlike texts of a column: more are not worth numbering


def duckdb_frames(
    folder: Path, views: Mapping[str, View], *, memory_limit: str = ""
) -> dict[str, pd.DataFrame]:
    """The tables of a folder as DataFrames, by name; dtypes as ``read_tables`` states them.

    Args:
        folder: Of ``<Type>.ndjson``.
        views: Views by name.
        memory_limit: DuckDB's, for example ``256MB``; the frames themselves come on top.
    """
    paths = {folder / f"{view.resource}.ndjson" for view in views.values()}
    if sum(path.stat().st_size for path in paths if path.exists()) < LARGE_BYTES:
        return {name: table.frame() for name, table in duckdb_rows(folder, views).items()}
    frames = {}
    with scratch() as place:
        written = write_duckdb(folder, views, place, "parquet", decimals="text", memory_limit=memory_limit)
        by_name = {view.name: view for view in views.values()}
        for path in written:
            frames[path.stem] = frame_of(path, by_name[path.stem], folder, memory_limit=memory_limit)
            path.unlink()
    return frames


def frame_of(path: Path, view: View, folder: Path, *, memory_limit: str = "") -> pd.DataFrame:
    """A table in a Parquet file, its decimals text, as a DataFrame.

    Args:
        path: The Parquet file.
        view: What made it.
        folder: The resources that it was made of.
        memory_limit: DuckDB's.

    Raises:
        RunFault: a decimal that is no number.
    """
    with connected(memory_limit=memory_limit) as connection:
        try:
            return _frame(connection, path, view)
        except InvalidOperation:
            find_fault(folder / f"{view.resource}.ndjson", view, Fault.NO_NUMBER)


def _frame(connection: Any, path: Path, view: View) -> pd.DataFrame:
    import pandas as pd

    table = text_of(tree.text(pattern_of(path)))
    kinds = [column.kind for column in compile_view(view).columns]
    names = [text_of(tree.name(column.name)) for column in view.columns]
    counted = ", ".join(f"count({name}), approx_count_distinct({name})" for name in names)
    rows, *counts = connection.execute(f"SELECT count(*), {counted} FROM {table}").fetchone()
    columns = {}
    for place, (column, kind) in enumerate(zip(view.columns, kinds, strict=True)):
        present, unlike = counts[2 * place : 2 * place + 2]
        columns[column.name] = _column(connection, table, column, kind, rows, present, unlike)
    return pd.DataFrame(columns, copy=False)


def _column(
    connection: Any, table: str, column: Column, kind: str, rows: int, present: int, unlike: int
) -> Any:
    """One column as an array; text and decimals, which are kept as text, share equal objects."""
    import numpy as np
    import pandas as pd

    name, dtype = text_of(tree.name(column.name)), dtype_of(column.type, column.collection)
    if dtype != "object":
        zero = "false" if dtype == "boolean" else "0"
        read = connection.execute(f"SELECT coalesce({name}, {zero}) AS v, {name} IS NULL AS n FROM {table}")
        found = read.fetchnumpy()
        array = pd.arrays.BooleanArray if dtype == "boolean" else pd.arrays.IntegerArray
        return array(_plain(found["v"]), _plain(found["n"]))
    if column.collection or kind == "boolean" or kind in INTEGERS:
        values = connection.execute(f"SELECT {name} FROM {table}").fetchall()
        made = np.empty(rows, dtype=object)
        made[:] = [list(map(Decimal, row[0])) if kind == "decimal" else row[0] for row in values]
        return made
    if not present:
        return np.empty(rows, dtype=object)
    if unlike > _FEW:
        found = connection.execute(f"SELECT {name} AS v FROM {table}").df()["v"].to_numpy()
        if kind == "decimal":
            found[:] = [None if one is None else Decimal(one) for one in found]
        return found
    listed = f"SELECT DISTINCT {name} FROM {table} WHERE {name} IS NOT NULL ORDER BY ALL"
    connection.execute(f"CREATE OR REPLACE TEMP TYPE known AS ENUM ({listed})")
    numbered = connection.execute(f"SELECT CAST({name} AS known) AS v FROM {table}").df()["v"].array
    known = [Decimal(one) if kind == "decimal" else one for one in numbered.categories]
    return np.array([*known, None], dtype=object)[numbered.codes]  # no value is number -1, the last one


def _plain(array: Any) -> Any:
    """An array without a mask, which only columns that have missing values need."""
    import numpy as np

    return np.ma.getdata(array)
