"""From a folder of resources to typed tables, one for each ViewDefinition.

::

    tables = read_tables(Path("out/fhir"))
    tables["observations"][["patient_id", "code", "value_quantity"]]

The views in ``mappings/views/`` are standard SQL on FHIR v2 files, shared by all cohorts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fhir_blina.errors import ViewError, did_you_mean
from fhir_blina.files import mappings_folder
from fhir_blina.gathering import plainly
from fhir_blina.r4 import R4, FhirRelease
from fhir_blina.views.account import Tables, account_of_frames
from fhir_blina.views.definition import View
from fhir_blina.views.engines import DEFAULT_ENGINE, ENGINES, engine_of
from fhir_blina.views.loading import load_view, load_views
from fhir_blina.views.reader import read_view
from fhir_blina.views.reference import Table, evaluate_view

__all__ = [
    "DEFAULT_ENGINE",
    "ENGINES",
    "Table",
    "View",
    "evaluate_view",
    "load_view",
    "load_views",
    "read_rows",
    "read_tables",
    "read_view",
    "view_sql",
    "views_folder",
]


def views_folder() -> Path:
    """``mappings/views`` of the installed package, or of the repository."""
    return mappings_folder() / "views"


def chosen_views(
    views: Path | str | Mapping[str, View] | None = None, release: FhirRelease = R4
) -> Mapping[str, View]:
    """The views to run.

    Args:
        views: A folder of ViewDefinitions of your own, which add to the shared ones and take the place of
            those of the same name; views by name, and no others; None for the shared ones.
        release: The release of FHIR that the resources are of; views by name have one of their own.

    Raises:
        ViewError: a wrong view.
    """
    if isinstance(views, Mapping):
        return views
    shared = load_views(views_folder(), release)
    if views is None or Path(views).absolute() == views_folder().absolute():
        return shared
    return dict(sorted({**shared, **load_views(Path(views), release)}.items()))


def tables_by_type(
    views: Path | str | Mapping[str, View] | None = None, release: FhirRelease = R4
) -> dict[str, tuple[str, ...]]:
    """The tables that read each type, by type: those with a row for each resource where there are such."""
    found: dict[str, list[View]] = {}
    for view in chosen_views(views, release).values():
        found.setdefault(view.resource, []).append(view)
    return {
        kind: tuple(view.name for view in [one for one in held if one.one_row_each] or held)
        for kind, held in found.items()
    }


def _there(folder: Path | str) -> Path:
    if not Path(folder).exists():
        raise ViewError(f"{folder}: no such folder. Run `fhir-blina map` or `pull` first")
    return Path(folder)


def read_rows(
    folder: Path | str, views: Path | str | Mapping[str, View] | None = None, *, engine: str = DEFAULT_ENGINE
) -> dict[str, Table]:
    """The tables of a folder as plain rows, by name; arguments as for :func:`read_tables`."""
    return engine_of(engine).rows(_there(folder), chosen_views(views))


def read_tables(
    folder: Path | str,
    views: Path | str | Mapping[str, View] | None = None,
    *,
    engine: str = DEFAULT_ENGINE,
    release: FhirRelease = R4,
) -> Tables:
    """Tables of what a folder holds.

    Args:
        folder: Of ``<Type>.ndjson`` as a store or a pull leaves it; or NDJSON by any name, Bundles and
            resources in any depth, gzip or not; or one such file. A type without a file gives an empty table.
        views: See :func:`chosen_views`.
        engine: ``duckdb``; ``python``, the reference that it is held to; ``spark``, past one machine.
        release: The release of FHIR that the resources are of; views by name have one of their own.

    Returns:
        One DataFrame for each view, by name, rows in the order of the file; ``account`` says what was read,
        and what reached no table. Column dtypes: whole numbers ``Int64``, booleans ``boolean``, all else
        ``object`` holding str, Decimal (every digit as in the resource) or ``None``; a collection is a list.

    Raises:
        ViewError: a wrong view, or a resource that a view cannot read.
        StoreIncomplete: a line that is no resource, with file and line.
    """
    chosen, runs = chosen_views(views, release), engine_of(engine)
    with plainly(_there(folder), release) as (plain, found):
        tables = runs.frames(plain, chosen)
        return Tables(tables, account_of_frames(plain, chosen, tables, found))


def view_sql(
    name: str, folder: Path | str = ".", views: Path | str | Mapping[str, View] | None = None
) -> str:
    """The DuckDB SQL of a view over a folder's file: macros, then the query; runs by itself.

    Raises:
        ViewError: no such view, or one that SQL cannot answer.
    """
    from fhir_blina.views.duckdb.places import pattern_of
    from fhir_blina.views.duckdb.statement import script
    from fhir_blina.views.sql.compile import compile_view

    known = chosen_views(views)
    if name not in known:
        raise ViewError(f'no view "{name}". {did_you_mean(name, known)}')
    return script(compile_view(known[name]), pattern_of(Path(folder) / f"{known[name].resource}.ndjson"))
