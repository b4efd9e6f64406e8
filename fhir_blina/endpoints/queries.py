"""Tables by SQL: a SELECT over the tables that there are, in a DuckDB that reaches nothing else.

The section ``tables`` of a definitions file names queries. Each sees the tables of the views and those of the
queries before it; no file, no network, no setting; it has bounds on time, memory and rows. One column is
``patient_id``, like that of every table.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhir_blina.errors import AnalysisError, Finding, did_you_mean, problem
from fhir_blina.files import Document, keep_within, read_text

if TYPE_CHECKING:
    import pandas as pd

MOST_SECONDS = 60.0
MOST_MEMORY = "2GiB"
MOST_ROWS = 2_000_000
PART = 50_000
SUBJECT = "patient_id"
_REMEDY = "Narrow what it joins, or make the table before with a view of your own (docs/views.md)"


@dataclass(frozen=True, kw_only=True)
class Query:
    """One table by SQL: its name, the SELECT, and ``file:line`` of it."""

    name: str
    sql: str
    place: str


def queries_of(document: Document) -> dict[str, Query]:
    """The section ``tables`` of a file as read; ``file`` is a text beside it.

    Raises:
        AnalysisError: a file that cannot be read, with the line that names it.
    """
    findings: list[Finding] = []
    found = {}
    for name, entry in document.data.get("tables", {}).items():
        place = document.where(("tables", name))
        text = entry.get("sql")
        if text is None:
            beside = document.path.parent
            text = _text(beside, entry["file"], place, findings)
            place = f"{beside / entry['file']}:1"
        found[name] = Query(name=name, sql=text or "", place=place)
    if findings:
        raise AnalysisError(findings)
    return found


def _text(folder: Path, name: str, place: str, findings: list[Finding]) -> str | None:
    keep_within(folder)
    faults: list[Finding] = []
    text = read_text(folder / name, faults)
    findings += [problem(place, str(one.diagnostics), f"file: {name} stands beside it") for one in faults]
    return text


def with_queries(
    tables: Mapping[str, pd.DataFrame], queries: Mapping[str, Query]
) -> Mapping[str, pd.DataFrame]:
    """The tables, and those that queries make of them.

    Raises:
        AnalysisError: a query that is no SELECT, names what is not there, takes too much or gives no
            ``patient_id``; or whose name a table has already.
    """
    if not queries:
        return tables
    found = dict(tables)
    for name, query in queries.items():
        if name in tables:
            text = f'there is a table "{name}" already'
            raise AnalysisError([problem(query.place, text, "Give the query another name")])
        found[name] = _answer(query, found)
    return found


def _answer(query: Query, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    import duckdb

    settings: dict[str, Any] = {
        "enable_external_access": "false",
        "python_enable_replacements": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "memory_limit": MOST_MEMORY,
        "temp_directory": "",
        "threads": 1,  # the same order of rows each time
    }
    about = f'table "{query.name}"'
    with duckdb.connect(":memory:", config=settings) as base:
        longest = max((len(frame) for frame in tables.values()), default=0)
        base.execute(f"SET pandas_analyze_sample = {max(longest, 1)}")
        for name, frame in tables.items():
            if re.search(rf"\b{re.escape(name)}\b", query.sql, re.IGNORECASE):
                base.register(name, frame)
        base.execute("SET lock_configuration = true")
        try:
            statements = base.extract_statements(query.sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                text = f"{about}: one SELECT is expected"
                raise AnalysisError([problem(query.place, text, "A query only reads; give one statement")])
            with _in_time(base):
                answer = base.execute(statements[0])
                return _frame(query, answer)
        except duckdb.InterruptException:
            text = f"{about}: takes longer than {MOST_SECONDS:,.0f} s"
            raise AnalysisError([problem(query.place, text, _REMEDY)]) from None
        except duckdb.OutOfMemoryException:
            text = f"{about}: takes more than {MOST_MEMORY} of memory"
            raise AnalysisError([problem(query.place, text, _REMEDY)]) from None
        except duckdb.Error as error:
            raise AnalysisError([_refused(query, about, error, tables)]) from None


def _refused(query: Query, about: str, error: Exception, tables: Mapping[str, Any]) -> Finding:
    """What DuckDB says of a query; of its words only what is about the query, never a cell."""
    kind = type(error).__name__.removesuffix("Exception")
    lines = str(error).splitlines()
    at = next((one.split(":")[0].title() for one in lines if one.startswith("LINE ")), "")
    where = f", {at.lower()} of the query" if at else ""
    if kind in ("Parser", "Binder", "Catalog", "Permission"):
        said = " ".join(one for one in lines if one and not one.startswith("LINE ") and set(one) - set(" ^"))
        named = re.search(r"Table with name (\S+) does not exist", said)
        if named:
            text = f'{about}: there is no table "{named[1]}"{where}'
            return problem(query.place, text, did_you_mean(named[1], tables))
        if kind == "Permission":
            return problem(query.place, f"{about}: a query reads no file and no network{where}", "")
        return problem(query.place, f"{about}: {said}{where}", "")
    remedy = "Where some cells are not what it takes them for, write TRY_CAST" if kind == "Conversion" else ""
    return problem(query.place, f"{about}: it cannot be worked out ({kind} error{where})", remedy)


@contextlib.contextmanager
def _in_time(base: Any) -> Iterator[None]:
    timer = threading.Timer(MOST_SECONDS, base.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _frame(query: Query, answer: Any) -> pd.DataFrame:
    import pandas as pd

    names = [str(one[0]) for one in answer.description]
    kinds = [str(one[1]) for one in answer.description]
    if SUBJECT not in names:
        text = f'table "{query.name}": has no column "{SUBJECT}"'
        raise AnalysisError([problem(query.place, text, f"Name the column of the patients: … AS {SUBJECT}")])
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        text = f'table "{query.name}": has two columns "{twice[0]}"'
        raise AnalysisError([problem(query.place, text, "Give one of them another name by AS")])
    rows: list[Any] = []
    while part := answer.fetchmany(PART):
        rows += part
        if len(rows) > MOST_ROWS:
            text = f'table "{query.name}": gives more than {MOST_ROWS:,} rows'
            raise AnalysisError([problem(query.place, text, _REMEDY)])
    columns = {}
    for place, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        cells = [_cell(row[place], query) for row in rows]
        dtype = "boolean" if kind == "BOOLEAN" else "Int64" if kind.endswith(("INT", "INTEGER")) else object
        if dtype == "Int64" and any(cell is not None and abs(cell) >= 2**63 for cell in cells):
            dtype = object
        columns[name] = pd.Series(cells, dtype=dtype)
    return pd.DataFrame(columns)


def _cell(cell: Any, query: Query) -> Any:
    """A cell as the tables of the views have it: exact numbers, dates as text."""
    if isinstance(cell, float):
        if cell != cell:  # not a number
            return None
        number = Decimal(repr(cell))
        if not number.is_finite():
            text = f'table "{query.name}": a number without end'
            raise AnalysisError([problem(query.place, text, "Does it divide by 0?")])
        return int(number) if number == number.to_integral_value() else number
    if cell is None or isinstance(cell, bool | int | str | Decimal):
        return cell
    return cell.isoformat() if hasattr(cell, "isoformat") else str(cell)
