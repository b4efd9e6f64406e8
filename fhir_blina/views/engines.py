"""Engines: what runs views over a folder of resources. All give the same tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fhir_blina.errors import ViewError, did_you_mean
from fhir_blina.views.definition import View
from fhir_blina.views.reference import ReferenceEngine, Table

if TYPE_CHECKING:
    import pandas as pd


class Engine(Protocol):
    """What every engine does."""

    @property
    def formats(self) -> frozenset[str]:
        """Formats of files that it writes itself; CSV is written from the frames of any engine."""
        ...

    def rows(self, folder: Path, views: Mapping[str, View]) -> dict[str, Table]:
        """The tables of a folder of ``<Type>.ndjson`` as plain rows, by name, sorted.

        Raises:
            NotCompiled: a view that this engine does not answer; none is answered otherwise.
            RunFault: a resource that a view cannot read.
            StoreIncomplete: a line that is no resource, with file and line.
        """
        ...

    def frames(self, folder: Path, views: Mapping[str, View]) -> dict[str, pd.DataFrame]:
        """The same as DataFrames; dtypes as :func:`fhir_blina.views.tables.read_tables` states them."""
        ...

    def write(self, folder: Path, views: Mapping[str, View], target: Path, kind: str) -> list[Path]:
        """The same as files of one of its formats, whole or absent."""
        ...


def _duckdb() -> Engine:
    from fhir_blina.views.duckdb.engine import DuckDBEngine

    return DuckDBEngine()


def _spark() -> Engine:
    from fhir_blina.views.spark.engine import SparkEngine

    return SparkEngine()


ENGINES: Mapping[str, Callable[[], Engine]] = {
    "duckdb": _duckdb,
    "python": ReferenceEngine,
    "spark": _spark,
}
DEFAULT_ENGINE = "duckdb"


def engine_of(name: str) -> Engine:
    """The engine of a name.

    Raises:
        ViewError: there is none.
    """
    if name not in ENGINES:
        raise ViewError(f'no engine "{name}". {did_you_mean(name, ENGINES)}')
    return ENGINES[name]()
