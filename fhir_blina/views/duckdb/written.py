# ruff: noqa: S608 - names of views and columns are words by their schema, texts are quoted
"""What stands in tables that DuckDB has written: rows, and those without a known patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fhir_blina.files import scratch
from fhir_blina.views.definition import View
from fhir_blina.views.duckdb.places import pattern_of
from fhir_blina.views.duckdb.run import connected
from fhir_blina.views.duckdb.statement import text_of
from fhir_blina.views.sql import tree


def written_counts(
    files: Sequence[Path], views: Mapping[str, View]
) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
    """Rows of each table; and of those with a patient, how many rows name none and how many an unknown one.

    Args:
        files: Of :func:`fhir_blina.views.duckdb.run.write_duckdb`.
        views: What they were made of.
    """
    with scratch() as place, connected() as connection:
        tables: dict[str, str] = {}
        for path in files:
            if path.suffix == ".duckdb":
                plain = place / path.name  # a name that DuckDB attaches, whatever the folder is called
                plain.symlink_to(path.absolute())
                connection.execute(f"ATTACH {_text(plain)} AS written (READ_ONLY)")
                tables |= {name: f'written."{name}"' for name in views}
            else:
                tables[path.stem] = f"read_parquet({_text(pattern_of(path))})"
        rows, patients = {}, {}
        for name, table in tables.items():
            columns = {column.name for column in views[name].columns}
            [(rows[name],)] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
            if "patient_id" in columns and views[name].one_row_each and name != "patients":
                group = "AND group_id IS NULL" if "group_id" in columns else ""
                known = f"(SELECT patient_id FROM {tables['patients']})" if "patients" in tables else ""
                strange = f"patient_id NOT IN {known}" if known else "false"
                sql = f"count(*) FILTER (patient_id IS NULL {group}), count(*) FILTER ({strange})"
                [patients[name]] = connection.execute(f"SELECT {sql} FROM {table}").fetchall()
        return rows, patients


def _text(value: Path | str) -> str:
    return text_of(tree.text(str(value)))
