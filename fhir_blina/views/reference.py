"""The reference evaluation of views, resource by resource, in Python.

It follows the processing algorithm of SQL on FHIR v2 literally. The DuckDB engine is held
to its answers by the tests.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhir_blina.errors import ExpressionError, ViewError
from fhir_blina.fhirpath import Constant, Expression, allowed, spend
from fhir_blina.files import Resource, read_ndjson
from fhir_blina.views.definition import INTEGERS, MAX_DEPTH, MAX_ROWS, Column, Select, View, most_rows
from fhir_blina.views.faults import Fault, RunFault

if TYPE_CHECKING:
    import pandas as pd

Row = tuple[Any, ...]

LEAST_SECONDS = 60.0
SECONDS_A_RESOURCE = 0.05
"""What a view may take for each resource, on top of the minute that it may take for all."""


@dataclass(frozen=True)
class Table:
    """Rows of one view.

    Attributes:
        name: Name of the view.
        columns: Column names.
        types: FHIR type of each column, empty where the view does not say.
        collections: Whether a column holds lists.
        rows: Values: str, bool, int, Decimal, ``None``; a list where the column is a collection.
    """

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    collections: tuple[bool, ...]
    rows: list[Row]

    @classmethod
    def of(cls, view: View, rows: Iterable[Row]) -> Table:
        """A table with a view's columns."""
        return cls(
            view.name,
            tuple(column.name for column in view.columns),
            tuple(column.type for column in view.columns),
            tuple(column.collection for column in view.columns),
            list(rows),
        )

    def frame(self) -> pd.DataFrame:
        """The rows as a DataFrame; dtypes as :func:`fhir_blina.views.tables.read_tables` states them."""
        import pandas as pd

        dtypes = list(map(dtype_of, self.types, self.collections))
        if not self.rows:  # many tables are empty: one column serves for all of its dtype
            nothing = {dtype: pd.Series([], dtype=dtype) for dtype in set(dtypes)}
            return pd.DataFrame(
                {name: nothing[dtype] for name, dtype in zip(self.columns, dtypes, strict=True)}
            )
        return pd.DataFrame(
            {
                name: pd.Series([row[place] for row in self.rows], dtype=dtype)
                for place, (name, dtype) in enumerate(zip(self.columns, dtypes, strict=True))
            }
        )


def dtype_of(kind: str, collection: bool) -> str:
    """The dtype of a column of a FHIR type."""
    if collection:
        return "object"
    return "Int64" if kind in INTEGERS else "boolean" if kind == "boolean" else "object"


def resources_of(path: Path, resource_type: str) -> Iterator[Resource]:
    """The resources of a ``<Type>.ndjson``, none where there is no file.

    Raises:
        StoreIncomplete: a line that is no resource, with file and line.
        ViewError: a resource of another type.
    """
    if not path.exists():
        return
    for number, resource in read_ndjson(path):
        if resource["resourceType"] != resource_type:
            raise ViewError(f"{path}:{number}: not a {resource_type}. Write or pull the folder again")
        yield resource


def evaluate_view(view: View, resources: Iterable[Resource]) -> Table:
    """Evaluate a view over resources in Python; those of other types are passed over.

    Returns:
        The table, rows in the order of the resources.

    Raises:
        ViewError: a path that gives several values without ``collection``, a value that is not
            of the column's type, or a condition that is no boolean; with column and resource.
    """
    rows: list[Row] = []
    end = time.monotonic() + LEAST_SECONDS
    for number, resource in enumerate(resources, start=1):
        if resource.get("resourceType") != view.resource:
            continue
        end += SECONDS_A_RESOURCE
        evaluation = _Evaluation(view, resource)
        with allowed(end - time.monotonic()):
            rows.extend(evaluation.rows())
        if len(rows) > most_rows(number):
            told = f"more than {most_rows(number):,} rows of {number:,} resources"
            raise evaluation.fault(Fault.ROWS, told)
    return Table.of(view, rows)


class _Evaluation:
    def __init__(self, view: View, resource: Resource) -> None:
        self.view = view
        self.resource = resource
        self.constants = {**view.constants, "resource": resource, "rootResource": resource}

    def rows(self) -> Iterator[Row]:
        for condition in self.view.where:
            answer = self.ask(condition, self.resource, 0)
            if answer and (len(answer) > 1 or not isinstance(answer[0], bool)):
                told = f'where "{condition.text}" does not give true or false'
                raise self.fault(Fault.CONDITION, told)
            if answer != [True]:
                return
        yield from self.level(self.view.select, self.resource, 0)

    def level(self, select: Select, item: Any, index: int) -> Iterator[Row]:
        if not select.kind:
            yield from self.combined(select, item, index)
            return
        if select.kind == "repeat":
            items = list(itertools.islice(self.repeated(select.each, item, index), MAX_ROWS + 1))
            if len(items) > MAX_ROWS:
                raise self.fault(Fault.ROWS, f"repeat gives more than {MAX_ROWS:,} elements of one resource")
        else:
            items = self.ask(select.each[0], item, index)
        count = 0
        for place, found in enumerate(items):
            for row in self.combined(select, found, place):
                count += 1
                self.step()
                if count > MAX_ROWS:
                    raise self.fault(Fault.ROWS)
                yield row
        if not items and select.kind == "forEachOrNull":
            columns = select.all_columns()
            yield tuple(
                0 if _is_row_index(column) else [] if column.collection else None for column in columns
            )

    def combined(self, select: Select, item: Any, index: int) -> Iterator[Row]:
        own = tuple(self.cell(column, item, index) for column in select.columns)
        parts: list[list[Row]] = [[own]]
        parts += [list(self.level(below, item, index)) for below in select.selects]
        if select.unions:
            parts.append([row for below in select.unions for row in self.level(below, item, index)])
        if math.prod(map(len, parts)) > MAX_ROWS:
            raise self.fault(Fault.ROWS)
        for combination in itertools.product(*parts):
            yield tuple(itertools.chain.from_iterable(combination))

    def repeated(self, paths: tuple[Expression, ...], item: Any, index: int, depth: int = 0) -> Iterator[Any]:
        if depth > MAX_DEPTH:
            raise self.fault(Fault.DEPTH)
        for path in paths:
            for child in self.ask(path, item, index):
                yield child
                yield from self.repeated(paths, child, index, depth + 1)

    def step(self) -> None:
        try:
            spend()
        except ValueError as error:
            raise self.fault(Fault.TIME, str(error)) from None

    def ask(self, path: Expression, item: Any, index: int) -> list[Any]:
        try:
            return path.evaluate(item, constants={**self.constants, "rowIndex": index, "context": item})
        except ExpressionError as error:
            raise self.fault(Fault.PATH, str(error)) from None

    def cell(self, column: Column, item: Any, index: int) -> Any:
        values = self.ask(column.path, item, index)
        if len(values) > 1 and not column.collection:
            raise self.fault(
                Fault.SEVERAL,
                f'column "{column.name}": "{column.path.text}" gives {len(values)} values. '
                "Add first(), or collection: true",
            )
        checked = [self.checked(column, value) for value in values]
        return checked if column.collection else checked[0] if checked else None

    def checked(self, column: Column, value: Any) -> Any:
        if isinstance(value, dict):
            told = f'column "{column.name}": "{column.path.text}" gives an element, not a value'
            raise self.fault(Fault.KIND, told)
        if column.type == "decimal" and isinstance(value, int) and not isinstance(value, bool):
            return Decimal(value)
        wanted: type = str
        if column.type in INTEGERS:
            wanted = int
        elif column.type in {"boolean", "decimal"}:
            wanted = {"boolean": bool, "decimal": Decimal}[column.type]
        fits = isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))
        if column.type and not fits:
            raise self.fault(Fault.KIND, f'column "{column.name}": a value is not of type {column.type}')
        return value

    def fault(self, fault: Fault, detail: str = "") -> RunFault:
        where = f"{self.resource.get('resourceType')}/{self.resource.get('id', '?')}"
        return RunFault(fault, self.view.source, where, detail)


def _is_row_index(column: Column) -> bool:
    return column.path.tree == Constant("rowIndex")


class ReferenceEngine:
    """Views evaluated resource by resource, in Python."""

    formats: frozenset[str] = frozenset()

    def rows(self, folder: Path, views: Mapping[str, View]) -> dict[str, Table]:
        """The tables as plain rows."""
        tables: dict[str, Table] = {}
        for resource_type in sorted({view.resource for view in views.values()}):
            path = folder / f"{resource_type}.ndjson"
            resources = list(resources_of(path, resource_type))
            for view in views.values():
                if view.resource == resource_type:
                    table = evaluate_view(view, resources)
                    if view.one_row_each and len(table.rows) != len(resources):
                        told = f"{len(table.rows)} rows from {len(resources)} resources"
                        raise RunFault(Fault.COUNT, view.source, str(path), told)
                    tables[view.name] = table
        return {name: tables[name] for name in sorted(tables)}

    def frames(self, folder: Path, views: Mapping[str, View]) -> dict[str, pd.DataFrame]:
        """The tables as DataFrames."""
        return {name: table.frame() for name, table in self.rows(folder, views).items()}

    def write(self, folder: Path, views: Mapping[str, View], target: Path, kind: str) -> list[Path]:
        """No files: what it gives is written as CSV."""
        raise ViewError(f'{folder}: {len(views)} views are not written to {target} as "{kind}"; use csv')
