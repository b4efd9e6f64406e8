"""Tables written to files: CSV, Parquet or DuckDB."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhir_blina.errors import ViewError
from fhir_blina.files import as_plain_cell, as_text, dumps, write_whole
from fhir_blina.gathering import is_plain, plainly
from fhir_blina.r4 import R4, FhirRelease
from fhir_blina.views.account import ReadingAccount, account_of
from fhir_blina.views.definition import View
from fhir_blina.views.engines import DEFAULT_ENGINE, ENGINES, engine_of
from fhir_blina.views.tables import chosen_views, read_tables

if TYPE_CHECKING:
    import pandas as pd


def export_tables(
    folder: Path | str,
    target: Path | str,
    *,
    format: str = "csv",  # noqa: A002 - the name of the option
    engine: str = DEFAULT_ENGINE,
    keep_going: bool = False,
    views: Path | str | Mapping[str, View] | None = None,
    release: FhirRelease = R4,
) -> tuple[list[Path], dict[str, int], ReadingAccount]:
    """Write the tables of a folder to files.

    Args:
        folder: As for :func:`~fhir_blina.views.tables.read_tables`.
        target: Where the files go.
        format: ``csv`` (see :func:`write_tables`), ``parquet`` (a file for each view) or ``duckdb``
            (``tables.duckdb``); the last two need DuckDB and hold decimals as DECIMAL(38, 12).
        engine: As for ``read_tables``.
        keep_going: Whether a line that is no resource goes to ``rejects/`` in ``target`` instead of
            stopping; the files are then read twice.
        views: As for ``read_tables``.
        release: As for ``read_tables``.

    Returns:
        The files, the number of lines rejected by resource type, and the account of the tables.
    """
    folder, target = Path(folder), Path(target)
    chosen = chosen_views(views, release)
    if keep_going and is_plain(folder, release):
        from fhir_blina.views.rejects import bad_lines_aside

        types = {view.resource for view in chosen.values()}
        with bad_lines_aside(folder, target / "rejects", types) as (clean, counts):
            files, _, account = export_tables(
                clean, target, format=format, engine=engine, views=chosen, release=release
            )
            return files, counts, account
    if format == "csv":
        tables = read_tables(folder, chosen, engine=engine, release=release)
        return write_tables(tables, target), {}, tables.account
    runs = engine_of(engine)
    if format not in runs.formats:
        writers = [name for name in ENGINES if format in engine_of(name).formats]
        if writers:
            told = f"{format} files are written by engine {' and '.join(writers)}"
            raise ViewError(f"{told}. Leave out --engine {engine}, or use csv")
        known = sorted({"csv"}.union(*(engine_of(name).formats for name in ENGINES)))
        raise ViewError(f'no format "{format}". Known: {", ".join(known)}')
    with plainly(folder, release) as (plain, found):
        files = runs.write(plain, chosen, target, format)
        rows, patients = _counted(files, chosen)
        return files, {}, account_of(plain, chosen, rows, patients, found)


def _counted(
    files: list[Path], chosen: Mapping[str, View]
) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
    """What stands in files that DuckDB can read; of others nothing is known."""
    if not all(path.suffix in {".parquet", ".duckdb"} for path in files):
        return {}, {}
    from fhir_blina.views.duckdb.written import written_counts

    return written_counts(files, chosen)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        value = dumps(value)
    if isinstance(value, str):
        text = as_plain_cell(value)
        return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text
    return "" if value is None else as_text(value)


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path | str) -> list[Path]:
    """Write one ``<name>.csv`` for each table: UTF-8, LF, the same bytes for the same tables.

    Decimals keep every digit, a missing value is an empty cell, a text that a spreadsheet would
    take for a formula gets an apostrophe in front.

    Returns:
        The files, in order of their names.
    """
    import pandas as pd

    written = []
    for name in sorted(tables):
        frame = tables[name]
        columns = [
            [None if value is pd.NA else value for value in frame[column].tolist()]
            for column in frame.columns
        ]
        lines = [",".join(frame.columns)]
        lines += [",".join(map(_cell, row)) for row in zip(*columns, strict=True)]
        path = Path(folder) / f"{name}.csv"
        write_whole(path, (line + "\n" for line in lines))
        written.append(path)
    return written
