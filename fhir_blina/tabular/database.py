"""Databases: a query in the manifest over SQLite, DuckDB, Parquet files, or what SQLAlchemy reaches."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fhir_blina.errors import Finding, problem
from fhir_blina.files import open_regular
from fhir_blina.tabular.celltext import cell_text
from fhir_blina.tabular.declaration import Declaration
from fhir_blina.tabular.sheet import RawTable, at_lines

SQLITE = (".sqlite", ".sqlite3", ".db")
DUCKDB = (".duckdb", ".ddb")
PARQUET = (".parquet",)
MOST_ROWS = 5_000_000
MOST_SECONDS = 300.0
MOST_CELL_BYTES = 16 * 2**20
MOST_MEMORY = "2GiB"
_READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}


class _TooManyError(Exception):
    """More rows than a table may have."""


def read_sqlite(path: Path, declared: Declaration, findings: list[Finding]) -> RawTable | None:
    """The answer of a query to a SQLite file, which is opened for reading only."""
    if not _asked(path, declared, findings):
        return None
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    end = time.monotonic() + MOST_SECONDS
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_CELL_BYTES)
        connection.set_progress_handler(lambda: time.monotonic() > end, 100_000)
        connection.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY
        )
        cursor = connection.execute(declared.query)
        return _sheet(path, [one[0] for one in cursor.description or ()], _few(cursor))
    except _TooManyError:
        findings.append(problem(str(path), f"the query gives more than {MOST_ROWS:,} rows"))
    except sqlite3.Error as error:
        findings.append(problem(str(path), f"the query: {error}"))
    finally:
        connection.close()
    return None


def read_duckdb(path: Path, declared: Declaration, findings: list[Finding]) -> RawTable | None:
    """The answer of a query to a DuckDB file, which is opened for reading only and reaches no other file."""
    if not _asked(path, declared, findings):
        return None
    import duckdb

    try:
        closed: dict[str, Any] = {"enable_external_access": "false"}
        with duckdb.connect(str(path), read_only=True, config=closed) as base, _bounded(base):
            answer = base.execute(declared.query)
            return _sheet(path, [one[0] for one in answer.description], _few(answer))
    except _TooManyError:
        findings.append(problem(str(path), f"the query gives more than {MOST_ROWS:,} rows"))
    except duckdb.Error as error:
        findings.append(problem(str(path), f"the query: {str(error).splitlines()[0]}"))
    return None


def read_parquet(path: Path, _: Declaration, findings: list[Finding]) -> RawTable | None:
    """A Parquet file, whole."""
    if not _there(path, findings):
        return None
    import duckdb

    try:
        with duckdb.connect() as base, _bounded(base):
            answer = base.execute("SELECT * FROM read_parquet(?, binary_as_string = true)", [str(path)])
            return _sheet(path, [one[0] for one in answer.description], _few(answer))
    except _TooManyError:
        findings.append(problem(str(path), f"has more than {MOST_ROWS:,} rows"))
    except duckdb.Error:
        findings.append(problem(str(path), "not Parquet that can be read"))
    return None


def read_url(path: Path, declared: Declaration, findings: list[Finding]) -> RawTable | None:
    """The answer of a query to the database whose URL stands in an environment variable."""
    name = declared.url_from
    place = Path(f"${name}")
    url = os.environ.get(name)
    if not url:
        findings.append(problem(str(path), f"the environment variable {name} is not set", code="not-found"))
        return None
    try:
        import sqlalchemy
    except ImportError:
        remedy = "pip install fhir-blina[sql]"
        findings.append(problem(str(path), "databases by URL need the library SQLAlchemy", remedy))
        return None
    try:
        with sqlalchemy.create_engine(url).connect() as base:
            answer = base.execute(sqlalchemy.text(declared.query))
            return _sheet(place, list(answer.keys()), answer.fetchall())
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        # the message of a driver may hold the URL, and a password in it
        findings.append(problem(str(place), f"the query failed: {type(error).__name__}"))
    return None


def _few(cursor: Any) -> list[Any]:
    """The rows of an answer.

    Raises:
        _TooManyError: they are more than a table may have.
    """
    rows: list[Any] = []
    while part := cursor.fetchmany(10_000):
        rows += part
        if len(rows) > MOST_ROWS:
            raise _TooManyError
    return rows


@contextlib.contextmanager
def _bounded(base: Any) -> Iterator[None]:
    """Stop what DuckDB runs when it takes more memory or time than it may."""
    base.execute(f"SET memory_limit = '{MOST_MEMORY}'")
    timer = threading.Timer(MOST_SECONDS, base.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _sheet(path: Path, titles: Sequence[str], rows: Iterable[Any]) -> RawTable:
    made = [(number, [cell_text(cell) for cell in row]) for number, row in enumerate(rows, start=1)]
    return RawTable(path, list(titles), made, at_lines(path))


def _asked(path: Path, declared: Declaration, findings: list[Finding]) -> bool:
    if not declared.query:
        findings.append(problem(str(path), "a database without a query", "Add query: to the manifest"))
        return False
    return _there(path, findings)


def _there(path: Path, findings: list[Finding]) -> bool:
    try:
        open_regular(path).close()
    except OSError as error:
        findings.append(problem(str(path), f"cannot be read: {error.strerror}", code="not-found"))
        return False
    return True
