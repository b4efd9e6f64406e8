"""The lists of results as data frames: one row a record, one typed column a field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from fhir_blina.results import (
    ComparedClaim,
    DataFinding,
    DerivedTime,
    LeftOut,
    PopulationCount,
    Record,
    Results,
    as_json,
)

if TYPE_CHECKING:
    import pandas as pd

LISTS: dict[str, type] = {
    "records": Record,
    "derivation": DerivedTime,
    "claims": ComparedClaim,
    "findings": DataFinding,
    "populations": PopulationCount,
    "left_out": LeftOut,
}


def tidy(results: Results) -> dict[str, pd.DataFrame]:
    """Each list of the results as a data frame, by the list's name.

    A field of several texts is one text, joined by a blank (reasons by a semicolon). Numbers are exact
    ``Decimal`` or ``int``; ``typed`` makes columns of them that Parquet knows.
    """
    return {name: framed(getattr(results, name), kind) for name, kind in LISTS.items()}


def framed(rows: Iterable[Any], kind: type) -> pd.DataFrame:
    """Records of one type as a data frame with a column for each field, also where there is no record."""
    import pandas as pd

    names = [item.name for item in fields(kind)]
    cells = [[_cell(getattr(row, name)) for name in names] for row in rows]
    return pd.DataFrame(cells, columns=names, dtype=object)


def _cell(value: Any) -> Any:
    if isinstance(value, tuple) and any(map(is_dataclass, value)):
        return "; ".join(": ".join(str(getattr(one, item.name)) for item in fields(one)) for one in value)
    return " ".join(map(str, value)) if isinstance(value, tuple) else as_json(value)


def typed(frame: pd.DataFrame, kind: type) -> pd.DataFrame:
    """The frame with the types that the fields declare: the same for every cohort, also of empty columns.

    An empty text is a missing value.
    """
    hints = get_type_hints(kind)
    full = frame.astype(object).map(lambda cell: None if isinstance(cell, str) and not cell else cell)
    return full.astype({name: _dtype(hints[name]) for name in map(str, frame.columns)})


def _dtype(hint: Any) -> str:
    kinds = set(get_args(hint)) - {NoneType} if isinstance(hint, UnionType) else {hint}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        return "Int64"
    return "string" if str in kinds or any(not isinstance(one, type) for one in kinds) else "Float64"
