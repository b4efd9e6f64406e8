"""Windows: which rows of a patient lie within so many days of another time, and which may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pandas as pd

from fhir_blina.endpoints.answers import Answer
from fhir_blina.endpoints.choices import day_cells, spelled
from fhir_blina.endpoints.conditions import NO, OPEN, YES
from fhir_blina.endpoints.dates import DateRule, Day, Number
from fhir_blina.endpoints.picking import Picking
from fhir_blina.endpoints.rows import Chosen
from fhir_blina.files import is_missing

JUST = Decimal("1e-9")  # less than any two days differ by that are not one


def inside(day: Day | None, target: Number | None, within: Sequence[Number | None]) -> int:
    """Whether a day lies between two numbers of days from another, both included; ``None`` is no bound.

    Without a day, or with a partial date that may lie on either side, that is open.
    """
    if day is None or target is None:
        return OPEN
    first, last = (day.first, day.last) if day.day is None else (day.day, day.day)
    low, high = within
    if (low is not None and last - target < low) or (high is not None and first - target > high):
        return NO
    sure = (low is None or first - target >= low) and (high is None or last - target <= high)
    return YES if sure else OPEN


def windowed(chosen: Chosen, table: str, picking: Picking, rule: DateRule, to: Answer) -> Chosen:
    """The rows of a selection that lie in a window; those that may are open.

    Raises:
        ValueError: the table has no column of days.
    """
    if day_cells(chosen.known, picking.by) is None:
        raise ValueError(f'has no column of days in "{table}". Say which one counts: by: COLUMN')

    def where(frame: pd.DataFrame) -> pd.Series[int]:
        days = day_cells(frame, picking.by)
        pairs = zip(frame["patient_id"], [] if days is None else days, strict=True)
        assert picking.within is not None  # noqa: S101 - asked by the caller
        found = [
            inside(None if is_missing(cell) else rule.read(cell), to.cells.get(who), picking.within)
            for who, cell in pairs
        ]
        return pd.Series(found, index=frame.index, dtype=int)

    rows, left_open, known = where(chosen.rows), where(chosen.left_open), where(chosen.known)
    return replace(
        chosen,
        rows=chosen.rows[rows == YES],
        left_open=pd.concat([chosen.left_open[left_open != NO], chosen.rows[rows == OPEN]]),
        known=chosen.known[known == YES],
    )


def set_against(one: Answer, other: Answer, picking: Picking, everyone: pd.Index[Any]) -> pd.Series[int]:
    """Whether the day of a time lies in a window around another; open for who lacks one of them."""
    assert picking.within is not None  # noqa: S101 - asked by the caller
    found = {
        who: inside(Day(day, day, day), other.cells.get(who), picking.within)
        for who, day in one.cells.items()
    }
    return pd.Series([found.get(who, OPEN) for who in everyone], index=everyone, dtype=int)


def happened(answer: Answer, everyone: pd.Index[Any]) -> pd.Series[int]:
    """Whether each has a day; open where something happened and nothing says when."""
    found = [YES if who in answer.cells else OPEN if who in answer.out else NO for who in everyone]
    return pd.Series(found, index=everyone, dtype=int)


def read_picking(entry: Mapping[str, Any]) -> Picking:
    """How one of several rows is taken, as a definition says it; ``before`` and ``after`` are windows."""
    order, to, within = entry.get("order", ()), entry.get("to", ""), entry.get("within")
    for word, days in (("before", (None, -JUST)), ("after", (JUST, None))):
        if word in entry:
            to, within = entry[word], days
    return Picking(
        pick=entry.get("pick", "only"),
        by=spelled(entry.get("by", "")),
        to=to,
        within=None if within is None else (within[0], within[1]),
        order=order if isinstance(order, str) else tuple(map(str, order)),
        ties=entry.get("ties", "refuse"),
    )
