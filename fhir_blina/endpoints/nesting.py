"""Conditions within conditions: ``any``, ``all`` and ``not`` over the columns of one row.

A value that is missing is neither yes nor no, and so is, under ``not``, any cell that is missing: what is not
recorded is not "not". A code that is missing is no code that was looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fhir_blina.endpoints.conditions import NO, OPEN, YES, all_of, any_of, denied, has_bounds, row_by_row
from fhir_blina.endpoints.selection import NESTED

Where = Mapping[str, Any]


@dataclass(frozen=True)
class Leaves:
    """How conditions on single columns are answered.

    Attributes:
        identified: The rows of a frame that were looked for.
        answers: ``YES``, ``NO`` or ``OPEN`` for each row of a frame, of conditions on values.
        on_value: Whether the condition of a column is on a value.
    """

    identified: Callable[[pd.DataFrame, Where], pd.DataFrame]
    answers: Callable[[pd.DataFrame, Where], pd.Series[int]]
    on_value: Callable[[str, Any], bool]

    def values(self, where: Where) -> bool:
        """Whether a condition, or one within it, is on a value."""
        return any(
            any(map(self.values, [word] if name == "not" else word))
            if name in NESTED
            else self.on_value(name, word)
            for name, word in where.items()
        )

    def truth(self, frame: pd.DataFrame, where: Where, *, under_not: bool = False) -> pd.Series[int]:
        """``YES``, ``NO`` or ``OPEN`` for each row."""
        plain = {name: word for name, word in where.items() if name not in NESTED}
        values = {name: word for name, word in plain.items() if self.on_value(name, word)}
        days = {name: word for name, word in plain.items() if name not in values and has_bounds(word)}
        codes = {name: word for name, word in plain.items() if name not in values and name not in days}
        parts = [self._value(frame, name, word) for name, word in values.items()]
        for name, word in days.items():
            answer = self.answers(frame, {name: word})
            parts.append(answer.where(~_missing(frame, name, word), OPEN) if under_not else answer)
        if codes:
            parts.append(self._codes(frame, codes, under_not=under_not))
        for name, rule in (("any", any_of), ("all", all_of)):
            inner = [self.truth(frame, one, under_not=under_not) for one in where.get(name, ())]
            if inner:
                parts.append(row_by_row(inner, rule))
        if "not" in where:
            parts.append(denied(self.truth(frame, where["not"], under_not=not under_not)))
        return row_by_row(parts, all_of)

    def _value(self, frame: pd.DataFrame, name: str, word: Any) -> pd.Series[int]:
        answer = self.answers(frame, {name: word})
        unknown = _missing(frame, name, word) & (answer != YES)
        if "data_absent_reason" in frame.columns:
            said = frame["data_absent_reason"].eq("not-applicable").fillna(value=False).astype(bool)
            answer, unknown = answer.where(~(unknown & said), NO), unknown & ~said
        return answer.where(~unknown, OPEN)

    def _codes(self, frame: pd.DataFrame, codes: Where, *, under_not: bool) -> pd.Series[int]:
        found = pd.Series(frame.index.isin(self.identified(frame, codes).index), index=frame.index)
        if not under_not:
            return found.astype(int)
        open_rows = ~found
        lacking = pd.Series(data=False, index=frame.index)
        for name, word in codes.items():
            missing = _missing(frame, name, word)
            lacking |= missing
            open_rows &= missing | frame.index.isin(self.identified(frame, {name: word}).index)
        return found.astype(int).where(~(open_rows & lacking), OPEN)


def _missing(frame: pd.DataFrame, name: str, word: Any) -> pd.Series[bool]:
    """Rows in which the cell, or a cell that bounds it, is missing and was not asked to be."""
    if word is None or (isinstance(word, list) and None in word):
        return pd.Series(data=False, index=frame.index)
    missing = frame[name].isna()
    if isinstance(word, Mapping):
        asked = word.get("not", "")
        if set(word) == {"not"} and (asked is None or (isinstance(asked, list) and None in asked)):
            return pd.Series(data=False, index=frame.index)
        for bound in word.values():
            if isinstance(bound, Mapping):
                missing = missing | frame[bound["column"]].isna()
    return missing.astype(bool)
