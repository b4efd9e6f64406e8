"""What a worker does: views over some lines, by DuckDB, on the machine where it runs.

A view reads one resource at a time, so that the tables of a file are the tables of its parts, one after the
other. Each part goes through the same compiled view, with the same guards, as a file does on one machine.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhir_blina.files import scratch
from fhir_blina.views.definition import View
from fhir_blina.views.spark.ranges import LineRange

if TYPE_CHECKING:
    import pyarrow as pa

ACCOUNT = "resource string, number int, view string, lines long, rows long"
"""The columns of what :class:`PartsWritten` says."""


def part_name(view: str, number: int) -> str:
    """The file of a part of a table; in the order of their names the parts are in the order of the file."""
    return f"{view}-{number:08d}.parquet"


@dataclass(frozen=True)
class PartsWritten:
    """For ``mapInArrow``: takes ranges of lines, writes the tables of each to files, says what it wrote.

    Attributes:
        views: Views by name.
        target: Where the files go; a folder that the workers and the driver share.
        decimals: As for :func:`fhir_blina.views.duckdb.statement.statement`.
    """

    views: Mapping[str, View]
    target: str
    decimals: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """A row for each range and view, as ``ACCOUNT`` names its columns."""
        import pyarrow as pa

        for batch in batches:
            said = [row for one in batch.to_pylist() for row in self.written(LineRange(**one))]
            if said:
                yield pa.RecordBatch.from_pylist(said, schema=_ACCOUNT_SCHEMA())

    def written(self, part: LineRange) -> Iterator[dict[str, Any]]:
        """Write the tables of one range."""
        import pyarrow.parquet as pq

        views = {name: view for name, view in self.views.items() if view.resource == part.resource}
        with scratch() as place:
            lines = _lines_into(place / f"{part.resource}.ndjson", part.chunks())
            for path in _tables(place, views, self.decimals):
                final = Path(self.target) / part_name(path.stem, part.number)
                # A worker may be started twice for one part: the last one to end leaves the same bytes.
                passing = final.with_name(f".{final.name}.{os.getpid()}.{id(path)}")
                shutil.copyfile(path, passing)
                passing.replace(final)
                rows = pq.read_metadata(path).num_rows
                yield {
                    "resource": part.resource,
                    "number": part.number,
                    "view": path.stem,
                    "lines": lines,
                    "rows": rows,
                }


@dataclass(frozen=True)
class RowsOfLines:
    """For ``mapInArrow``: takes lines of resources in a column ``value``, gives the rows of a view.

    Attributes:
        view: The view.
    """

    view: View

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows."""
        with scratch() as place:
            told = (line for batch in batches for line in batch.column("value").to_pylist() if line)
            _lines_into(place / f"{self.view.resource}.ndjson", (f"{line}\n".encode() for line in told))
            yield from _batches(place, self.view)


def schema_of(view: View) -> pa.Schema:
    """The columns that :class:`RowsOfLines` gives, as Arrow types."""
    import pyarrow.parquet as pq

    with scratch() as place:
        [path] = _tables(place, {view.name: view}, "number")
        return pq.read_schema(path).remove_metadata()


def _ACCOUNT_SCHEMA() -> pa.Schema:  # noqa: N802 - a constant whose library is loaded late
    import pyarrow as pa

    kinds = {"string": pa.string(), "int": pa.int32(), "long": pa.int64()}
    return pa.schema([(name, kinds[kind]) for name, kind in (one.split() for one in ACCOUNT.split(", "))])


def _lines_into(path: Path, chunks: Iterable[bytes]) -> int:
    lines = 0
    with path.open("wb") as file:
        for chunk in chunks:
            lines += chunk.count(b"\n")
            file.write(chunk)
    return lines


def _tables(place: Path, views: Mapping[str, View], decimals: str) -> list[Path]:
    from fhir_blina.views.duckdb.writing import write_duckdb

    return write_duckdb(place, views, place / "tables", "parquet", decimals=decimals)


def _batches(place: Path, view: View) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    [path] = _tables(place, {view.name: view}, "number")
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield batch.replace_schema_metadata()
