"""Everything that others read, written into one folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fhir_blina.endpoints import Facts
from fhir_blina.exports.ard import Statistic, ard
from fhir_blina.exports.formats import as_csv, as_html, as_latex
from fhir_blina.exports.sheets import first_table, survival_tables
from fhir_blina.exports.tidy import LISTS, framed, tidy, typed
from fhir_blina.files import scratch, write_whole
from fhir_blina.results import Results
from fhir_blina.views import write_tables

if TYPE_CHECKING:
    import pandas as pd

FORMATS = {"csv": as_csv, "tex": as_latex, "html": as_html}


def write_exports(
    folder: Path, facts: Facts, results: Results, systems: Mapping[str, str] | None = None
) -> list[Path]:
    """Write the ARD and the lists of the results as CSV and Parquet, and tables as CSV, LaTeX and HTML.

    Args:
        folder: Where to write; made if it is not there.
        facts: The tables and definitions that the results were worked out from.
        results: What ``analyze`` found.
        systems: Short names of the cohort's code systems.

    Returns:
        The files, in order of their names. The same results give the same CSV, LaTeX and HTML, byte by byte.
    """
    kinds = {**LISTS, "ard": Statistic}
    frames = {**tidy(results), "ard": framed(ard(results, facts), Statistic)}
    written = write_tables(frames, folder)
    for name, frame in frames.items():
        written.append(_parquet(typed(frame, kinds[name]), folder / f"{name}.parquet"))
    first = first_table(facts, results, systems)
    for sheet in (*((first,) if first else ()), *survival_tables(facts, results)):
        for suffix, made in FORMATS.items():
            path = folder / f"{sheet.name}.{suffix}"
            write_whole(path, made(sheet))
            written.append(path)
    return sorted(written)


def _parquet(frame: pd.DataFrame, path: Path) -> Path:
    """Write a frame as Parquet, whole or not at all."""
    import duckdb

    with scratch(path.parent) as whole, duckdb.connect() as connection:
        connection.register("frame", frame)
        connection.table("frame").write_parquet(str(whole / path.name))
        return (whole / path.name).replace(path)
