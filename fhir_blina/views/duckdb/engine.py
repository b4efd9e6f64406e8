"""DuckDB as an engine for views."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fhir_blina.views.definition import View
from fhir_blina.views.duckdb.frames import duckdb_frames
from fhir_blina.views.duckdb.run import duckdb_rows
from fhir_blina.views.duckdb.writing import FORMATS, write_duckdb
from fhir_blina.views.reference import Table

if TYPE_CHECKING:
    import pandas as pd


class DuckDBEngine:
    """Views compiled to SQL and run by DuckDB in this process."""

    formats = FORMATS

    def rows(self, folder: Path, views: Mapping[str, View]) -> dict[str, Table]:
        """The tables as plain rows."""
        return duckdb_rows(folder, views)

    def frames(self, folder: Path, views: Mapping[str, View]) -> dict[str, pd.DataFrame]:
        """The tables as DataFrames."""
        return duckdb_frames(folder, views)

    def write(self, folder: Path, views: Mapping[str, View], target: Path, kind: str) -> list[Path]:
        """The tables as Parquet files, or as one database of DuckDB."""
        return write_duckdb(folder, views, target, kind)
