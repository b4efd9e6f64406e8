"""From a folder of resources to typed tables, one for each ViewDefinition.

::

    tables = read_tables(Path("out/fhir"))
    tables["observations"][["patient_id", "code", "value_quantity"]]

The views in ``mappings/views/`` are standard SQL on FHIR v2 files, shared by all cohorts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhir_blina.errors import ViewError, did_you_mean
from fhir_blina.files import as_plain_cell, as_text, dumps, mappings_folder, write_whole
from fhir_blina.r4 import R4, FhirRelease
from fhir_blina.views.definition import View
from fhir_blina.views.engines import DEFAULT_ENGINE, ENGINES, engine_of
from fhir_blina.views.loading import load_view, load_views
from fhir_blina.views.reader import read_view
from fhir_blina.views.reference import Table, evaluate_view

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "DEFAULT_ENGINE",
    "ENGINES",
    "Table",
    "View",
    "evaluate_view",
    "export_tables",
    "load_view",
    "load_views",
    "read_rows",
    "read_tables",
    "read_view",
    "view_sql",
    "views_folder",
    "write_tables",
]


def views_folder() -> Path:
    """``mappings/views`` of the installed package, or of the repository."""
    return mappings_folder() / "views"


def _chosen(
    folder: Path, views: Path | Mapping[str, View] | None, release: FhirRelease = R4
) -> Mapping[str, View]:
    if not folder.is_dir():
        raise ViewError(f"{folder}: no such folder. Run `fhir-blina map` or `pull` first")
    return views if isinstance(views, Mapping) else load_views(views or views_folder(), release)


def read_rows(
    folder: Path | str, views: Path | Mapping[str, View] | None = None, *, engine: str = DEFAULT_ENGINE
) -> dict[str, Table]:
    """The tables of a folder as plain rows, by name; arguments as for :func:`read_tables`."""
    folder = Path(folder)
    return engine_of(engine).rows(folder, _chosen(folder, views))


def read_tables(
    folder: Path | str,
    views: Path | Mapping[str, View] | None = None,
    *,
    engine: str = DEFAULT_ENGINE,
    release: FhirRelease = R4,
) -> dict[str, pd.DataFrame]:
    """Tables of a folder of ``<Type>.ndjson`` files.

    Args:
        folder: As a store or a pull leaves it. A type without a file gives an empty table.
        views: A folder of ViewDefinitions or views by name; ``None`` takes ``mappings/views``.
        engine: ``duckdb``, or ``python``, the reference that it is held to.
        release: The release of FHIR that the resources are of; views by name have one of their own.

    Returns:
        One DataFrame for each view, by name, rows in the order of the file. Column dtypes:
        whole numbers ``Int64``, booleans ``boolean``, all else ``object`` holding str, Decimal
        (every digit as in the resource) or ``None``; a collection is a list.

    Raises:
        ViewError: a wrong view, or a resource that a view cannot read.
        StoreIncomplete: a line that is no resource, with file and line.
    """
    folder = Path(folder)
    return engine_of(engine).frames(folder, _chosen(folder, views, release))


def view_sql(name: str, folder: Path | str = ".", views: Path | Mapping[str, View] | None = None) -> str:
    """The DuckDB SQL of a view over a folder's file: macros, then the query; runs by itself.

    Raises:
        ViewError: no such view, or one that SQL cannot answer.
    """
    from fhir_blina.views.duckdb.places import pattern_of
    from fhir_blina.views.duckdb.statement import script
    from fhir_blina.views.sql.compile import compile_view

    known = views if isinstance(views, Mapping) else load_views(views or views_folder())
    if name not in known:
        raise ViewError(f'no view "{name}". {did_you_mean(name, known)}')
    return script(compile_view(known[name]), pattern_of(Path(folder) / f"{known[name].resource}.ndjson"))


def export_tables(
    folder: Path | str,
    target: Path | str,
    *,
    format: str = "csv",  # noqa: A002 - the name of the option
    engine: str = DEFAULT_ENGINE,
    keep_going: bool = False,
    views: Path | Mapping[str, View] | None = None,
) -> tuple[list[Path], dict[str, int]]:
    """Write the tables of a folder to files.

    Args:
        folder: Of ``<Type>.ndjson``.
        target: Where the files go.
        format: ``csv`` (see :func:`write_tables`), ``parquet`` (a file for each view) or ``duckdb``
            (``tables.duckdb``); the last two need DuckDB and hold decimals as DECIMAL(38, 12).
        engine: As for :func:`read_tables`.
        keep_going: Whether a line that is no resource goes to ``rejects/`` in ``target`` instead of
            stopping; the files are then read twice.
        views: As for :func:`read_tables`.

    Returns:
        The files, and the number of lines rejected by resource type.
    """
    folder, target = Path(folder), Path(target)
    chosen = _chosen(folder, views)
    if keep_going:
        from fhir_blina.views.rejects import bad_lines_aside

        types = {view.resource for view in chosen.values()}
        with bad_lines_aside(folder, target / "rejects", types) as (clean, counts):
            return export_tables(clean, target, format=format, engine=engine, views=chosen)[0], counts
    if format == "csv":
        return write_tables(read_tables(folder, chosen, engine=engine), target), {}
    found = engine_of(engine)
    if format not in found.formats:
        writers = [name for name in ENGINES if format in engine_of(name).formats]
        if writers:
            told = f"{format} files are written by engine {' and '.join(writers)}"
            raise ViewError(f"{told}. Leave out --engine {engine}, or use csv")
        known = sorted({"csv"}.union(*(engine_of(name).formats for name in ENGINES)))
        raise ViewError(f'no format "{format}". Known: {", ".join(known)}')
    return found.write(folder, chosen, target, format), {}


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
