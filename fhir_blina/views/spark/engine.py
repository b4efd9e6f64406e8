"""Spark as an engine for views: files divided into parts, parts worked on where there is room."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhir_blina.errors import ViewError
from fhir_blina.files import scratch
from fhir_blina.views.definition import View, most_rows
from fhir_blina.views.faults import Fault, RunFault
from fhir_blina.views.reference import Table
from fhir_blina.views.spark.parts import ACCOUNT, PartsWritten, part_name
from fhir_blina.views.spark.ranges import LineRange, line_ranges
from fhir_blina.views.spark.session import REMOTE, spark_session
from fhir_blina.views.sql.compile import compile_view

if TYPE_CHECKING:
    import pandas as pd

_KIND = re.compile(r"^(?:\w+\.)*([A-Z]\w*(?:Error|Exception|Fault|Incomplete))\b", re.MULTILINE)
_RANGE = "resource string, number int, path string, start long, stop long"


class SparkEngine:
    """Views compiled to SQL, run by DuckDB on Spark's workers, which see the driver's files."""

    formats = frozenset({"parquet"})

    def rows(self, folder: Path, views: Mapping[str, View]) -> dict[str, Table]:
        """The tables as plain rows."""
        from fhir_blina.views.duckdb.joined import rows_in

        tables = {}
        with _parts(folder, views, "text") as parts:
            for name, view in views.items():
                found = rows_in(parts[name], view, folder / f"{view.resource}.ndjson")
                tables[name] = Table.of(view, found)
        return {name: tables[name] for name in sorted(tables)}

    def frames(self, folder: Path, views: Mapping[str, View]) -> dict[str, pd.DataFrame]:
        """The tables as DataFrames."""
        from fhir_blina.views.duckdb.frames import frame_of
        from fhir_blina.views.duckdb.joined import join_parts

        frames = {}
        with _parts(folder, views, "text") as parts, scratch() as place:
            for name in sorted(views):
                whole = join_parts(parts[name], place / f"{name}.parquet")
                frames[name] = frame_of(whole, views[name], folder)
                whole.unlink()
        return frames

    def write(self, folder: Path, views: Mapping[str, View], target: Path, kind: str) -> list[Path]:
        """The tables as Parquet files; each is put together from its parts, in the order of the resources."""
        from fhir_blina.views.duckdb.joined import join_parts

        if kind not in self.formats:
            raise ViewError(f'no format "{kind}" of engine spark. Known: csv, parquet')
        target.mkdir(parents=True, exist_ok=True)
        with _parts(folder, views, "number", target) as parts, scratch(target) as whole:
            joined = [join_parts(parts[name], whole / f"{name}.parquet") for name in sorted(views)]
            return [path.replace(target / path.name) for path in joined]


@contextlib.contextmanager
def _parts(
    folder: Path, views: Mapping[str, View], decimals: str, shared: Path | None = None
) -> Iterator[dict[str, list[Path]]]:
    """The files of each table's parts, in order; counted, and gone at the end."""
    for view in views.values():
        compile_view(view)
    resources = sorted({view.resource for view in views.values()})
    ranges = [one for resource in resources for one in line_ranges(folder, resource)]
    with scratch(_shared(shared, folder)) as place:
        _check(
            _run(ranges, PartsWritten(views, str(place.absolute()), decimals), folder), ranges, views, place
        )
        yield {
            name: [place / part_name(name, one.number) for one in ranges if one.resource == view.resource]
            for name, view in views.items()
        }


def _shared(target: Path | None, folder: Path) -> Path | None:
    """Where the parts go: on this machine where Sail is, else where the workers are known to see files."""
    return target or (folder if os.environ.get(REMOTE) else None)


def _run(ranges: list[LineRange], task: PartsWritten, folder: Path) -> list[Any]:
    """What the workers say; where they fail, DuckDB looks here for the line or the resource.

    Raises:
        ViewError, StoreIncomplete: as every engine; or what Spark says, where DuckDB finds nothing wrong.
    """
    session = spark_session()  # first of all: it says what is not installed
    from pyspark.errors import PySparkException

    frame = session.createDataFrame([tuple(asdict(one).values()) for one in ranges], _RANGE)
    try:
        return list(frame.repartition(len(ranges)).mapInArrow(task, ACCOUNT).collect())
    except PySparkException as error:
        from fhir_blina.views.duckdb.engine import DuckDBEngine

        with scratch() as place:
            DuckDBEngine().write(folder, task.views, place, "parquet")
        named = _KIND.findall(str(error))[-1:] or [type(error).__name__]
        told = f"Spark stopped ({named[0]}), and DuckDB finds nothing wrong here"
        raise ViewError(
            f"{folder}: {told}. See the logs of its workers, or leave out --engine spark"
        ) from None


def _check(said: list[Any], ranges: list[LineRange], views: Mapping[str, View], place: Path) -> None:
    """The guard: each part of each table once, with a file; a plain view has one row for each line.

    Raises:
        RunFault: it is not so.
    """
    seen = Counter((row["view"], row["number"]) for row in said)
    wanted = {
        (name, one.number) for name, view in views.items() for one in ranges if one.resource == view.resource
    }
    lines, rows = Counter[str](), Counter[str]()
    for row in said:
        lines[row["view"]] += row["lines"]
        rows[row["view"]] += row["rows"]
    for name, view in views.items():
        missing = [number for of, number in wanted if of == name and seen[of, number] != 1]
        gone = [
            number for of, number in wanted if of == name and not (place / part_name(of, number)).exists()
        ]
        told = ""
        if missing or gone:
            told = f"{len(missing) or len(gone)} parts of the file came back other than once"
        elif view.one_row_each and rows[name] != lines[name]:
            told = f"{rows[name]} rows from {lines[name]} lines"
        elif rows[name] > most_rows(lines[name]):
            told = f"{rows[name]:,} rows of {lines[name]:,} resources"
        if told:
            raise RunFault(Fault.COUNT, view.source, view.resource, told, "Run it again")
