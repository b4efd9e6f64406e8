"""Tables as files that DuckDB writes: Parquet, or one database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fhir_blina.errors import ViewError
from fhir_blina.files import scratch
from fhir_blina.views.definition import View
from fhir_blina.views.duckdb.limits import naming_full_disk
from fhir_blina.views.duckdb.places import plain_folder
from fhir_blina.views.duckdb.reading import table
from fhir_blina.views.duckdb.run import check_rows, connected, prepare, run_sql
from fhir_blina.views.duckdb.statement import text_of
from fhir_blina.views.sql import tree

FORMATS = frozenset({"parquet", "duckdb"})
_ROWS_TOGETHER = 61_440  # of a Parquet file; DuckDB's 122,880 takes more memory and is not faster


def write_duckdb(
    folder: Path,
    views: Mapping[str, View],
    target: Path,
    kind: str,
    *,
    decimals: str = "number",
    memory_limit: str = "",
) -> list[Path]:
    """Write one Parquet file for each view, or all of them into one DuckDB file.

    Decimals are DECIMAL(38, 12); a number of more decimals is an error.

    Args:
        folder: Of ``<Type>.ndjson``.
        views: Views by name.
        target: Folder to write into.
        kind: ``parquet`` or ``duckdb``.
        decimals: As for :func:`fhir_blina.views.duckdb.statement.statement`.
        memory_limit: DuckDB's, for example ``256MB``.

    Returns:
        The files, whole or absent.

    Raises:
        ViewError: another format, or resources that a view cannot read.
    """
    if kind not in FORMATS:
        raise ViewError(f'no format "{kind}". Known: csv, duckdb, parquet')
    target.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    with scratch(target) as whole:
        with plain_folder(whole) as fresh, connected(memory_limit=memory_limit) as connection:
            database = fresh / "tables.duckdb"
            if kind == "duckdb":
                connection.execute(f"ATTACH {_quoted(database)} AS written")
                written.append(database)
            for prepared in prepare(connection, folder, views, decimals=decimals):
                path = fresh / f"{prepared.view.name}.parquet"
                if kind == "parquet":
                    options = f"FORMAT parquet, ROW_GROUP_SIZE {_ROWS_TOGETHER}"
                    command = f"COPY (\n{prepared.sql()}\n) TO {_quoted(path)} ({options})"
                    written.append(path)
                else:
                    name = text_of(table(prepared.view.name, database="written"))
                    command = f"CREATE TABLE {name} AS\n{prepared.sql()}"
                named = target / (path.name if kind == "parquet" else database.name)
                counted = run_sql(connection, command, prepared, named)
                check_rows(connection, prepared, counted[0][0])
            if kind == "duckdb":
                with naming_full_disk(target / database.name):
                    connection.execute("DETACH written")
        return [(whole / path.name).replace(target / path.name) for path in sorted(written)]


def _quoted(path: Path) -> str:
    return text_of(tree.text(str(path)))
