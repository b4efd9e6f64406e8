"""One column asked: with the code system, the comparators and the units that stand beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fhir_blina.endpoints.conditions import all_of, answers, beyond, row_by_row
from fhir_blina.terminology import ValueSet


def beside(column: str, what: str, columns: Any) -> str:
    """The column of units or comparators beside a quantity, empty where there is none."""
    for end in ("_quantity", "_value"):
        name = f"{column.removesuffix(end)}_{what}"
        if column.endswith(end) and name in columns:
            return name
    return ""


def _in_value_set(name: str, frame: pd.DataFrame, wanted: ValueSet) -> pd.Series[int]:
    system = next(
        (one for one in (f"{name.removesuffix('code')}system", "code_system") if one in frame.columns), ""
    )
    if not name.endswith("code") or not system:
        raise ValueError(f'column "{name}" has no code system beside it, so that no value set holds it')
    found = [int(wanted.has(*coding)) for coding in zip(frame[system], frame[name], strict=True)]
    return pd.Series(found, index=frame.index, dtype=int)


def _within_row(name: str, frame: pd.DataFrame, wanted: Mapping[str, Any], sign: str) -> pd.Series[int]:
    """The answers of a column that other columns of the row bound, and of the rest of its condition."""
    columns = {key: bound["column"] for key, bound in wanted.items() if isinstance(bound, Mapping)}
    edges = zip(*(frame[column] for column in columns.values()), strict=True)
    signs = frame[sign] if sign else [None] * len(frame)
    try:
        found = [
            beyond(cell, dict(zip(columns, bounds, strict=True)), comparator)
            for cell, bounds, comparator in zip(frame[name], edges, signs, strict=True)
        ]
    except ValueError as error:
        raise ValueError(f'column "{name}" {error}') from None
    answer = pd.Series(found, index=frame.index, dtype=int)
    rest = {key: word for key, word in wanted.items() if key not in columns}
    return row_by_row([answer, asked(name, frame, rest)], all_of) if rest else answer


def asked(name: str, frame: pd.DataFrame, wanted: Any) -> pd.Series[int]:
    """For each row ``YES``, ``NO`` or ``OPEN``: whether a column, with what stands beside it, fits."""
    if isinstance(wanted, Mapping) and isinstance(wanted.get("in"), ValueSet):
        return _in_value_set(name, frame, wanted["in"])
    comparator, unit = (beside(name, what, frame.columns) for what in ("comparator", "unit"))
    if isinstance(wanted, Mapping) and any(isinstance(bound, Mapping) for bound in wanted.values()):
        return _within_row(name, frame, wanted, comparator)
    counted = wanted is not None and not isinstance(wanted, bool) and wanted != {"not": None}
    if unit and counted and not (isinstance(wanted, Mapping) and "unit" in wanted):
        mixed = sorted({str(word) for word in frame.loc[frame[name].notna(), unit].dropna()})
        if len(mixed) > 1:
            raise ValueError(
                f'column "{name}" holds numbers in {", ".join(mixed)}. '
                f"Say which is meant, for example {{min: 5, unit: {mixed[0]}}}"
            )
    try:
        return answers(
            frame[name],
            wanted,
            frame[comparator] if comparator and counted and frame[comparator].notna().any() else None,
            frame[unit] if unit and isinstance(wanted, Mapping) and "unit" in wanted else None,
        )
    except ValueError as error:
        raise ValueError(f'column "{name}" {error}') from None
