# ruff: noqa: S608 - every text in the SQL is quoted
"""Tables whose parts lie in Parquet files, put together in order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fhir_blina.views.definition import View
from fhir_blina.views.duckdb.places import pattern_of
from fhir_blina.views.duckdb.run import connected, exact_rows
from fhir_blina.views.duckdb.statement import text_of
from fhir_blina.views.reference import Row
from fhir_blina.views.sql import tree
from fhir_blina.views.sql.compile import compile_view


def _together(parts: Sequence[Path]) -> str:
    files = ", ".join(text_of(tree.text(pattern_of(path))) for path in parts)
    return f"SELECT * FROM read_parquet([{files}])"


def join_parts(parts: Sequence[Path], whole: Path) -> Path:
    """One Parquet file of several, their rows in the order of the files.

    Args:
        parts: The files, one at least.
        whole: The file to write; its folder has a name that DuckDB writes to.

    Returns:
        ``whole``.
    """
    with connected() as connection:
        connection.execute(f"COPY ({_together(parts)}) TO {text_of(tree.text(str(whole)))} (FORMAT parquet)")
    return whole


def rows_in(parts: Sequence[Path], view: View, path: Path) -> list[Row]:
    """The rows of several Parquet files whose decimals are text.

    Args:
        parts: The files, one at least, in order.
        view: What made them.
        path: The file of resources, to be named in an error.
    """
    with connected() as connection:
        found: list[Row] = connection.execute(_together(parts)).fetchall()
    return exact_rows(compile_view(view), path, found)
