"""What may be given to a test or a curve, and when two times are one: checked here and nowhere else.

Decimal times carry rounding: 10.3 - 10.0 and 5.3 - 5.0 differ in the sixteenth digit. Left as they are, they
would be two event times with other numbers at risk. So times are made equal by the rule of R's ``survival``
(``timefix``, ``aeqSurv``): neighbours that differ by 1.5e-8 or less, or by no more than that part of the mean
time, are one time, the earliest of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fhir_blina.errors import AnalysisError

Floats = npt.NDArray[np.float64]
Vector = Sequence[float] | Sequence[bool] | npt.NDArray[Any]

TIMEFIX = float(np.sqrt(np.finfo(float).eps))


def tied(*columns: Floats) -> tuple[Floats, ...]:
    """The columns with times that are one made equal; ``nan`` stays."""
    pooled = np.concatenate(columns)
    known = np.unique(pooled[np.isfinite(pooled)])
    if len(known) < 2:
        return columns
    gaps = np.diff(known)
    near = (gaps <= TIMEFIX) | (gaps / np.mean(np.abs(known)) <= TIMEFIX)
    if not near.any():
        return columns
    cuts = known[np.concatenate([[True], ~near])]
    return tuple(
        np.where(
            np.isfinite(column),
            cuts[np.clip(np.searchsorted(cuts, column, side="right") - 1, 0, None)],
            column,
        )
        for column in columns
    )


def snapped(time: float, times: Floats) -> float:
    """The one of ``times``, which ascend, that a time is; the time itself where it is none of them.

    So the curve at 0.3 is the curve after the event at 10.3 - 10.0.
    """
    place = int(np.searchsorted(times, time))
    for known in times[max(place - 1, 0) : place + 1]:
        gap = abs(float(known) - time)
        if gap <= TIMEFIX or gap <= TIMEFIX * float(np.mean(np.abs(times))):
            return float(known)
    return time


def numbers(values: Vector | Sequence[Any], what: str) -> Floats:
    """Numbers as floats; ``what`` names them in the error.

    Raises:
        AnalysisError: something that is not a number, or a text.
    """
    raw = np.asarray(values)
    other = (str, np.datetime64, np.timedelta64)
    if raw.dtype.kind in "USMm" or (raw.dtype == object and any(isinstance(v, other) for v in raw.flat)):
        raise AnalysisError(f"{what} is a text or a date, not a number")
    try:
        return np.asarray(raw, dtype=float)
    except (TypeError, ValueError):
        raise AnalysisError(f"{what} is missing or not a number") from None


def observed(events: Vector) -> npt.NDArray[np.bool_]:
    """Event indicators as booleans.

    Raises:
        AnalysisError: an indicator that is missing, or neither 0 nor 1.
    """
    found = numbers(events, "an event indicator")
    wrong = int((~np.isin(found, (0.0, 1.0))).sum())
    if wrong:
        raise AnalysisError(
            f"{wrong} event indicator{'s are' if wrong > 1 else ' is'} missing, or neither 0 nor 1. "
            "Leave such subjects out, or say what their status means"
        )
    return found.astype(bool)


def checked(
    durations: Vector, events: Vector, entry: Vector | None = None
) -> tuple[Floats, npt.NDArray[np.bool_], Floats]:
    """Durations, events and entry times as arrays, times that are one made equal.

    Raises:
        AnalysisError: unequal lengths, a negative, missing or infinite time, an event that is missing or
            neither 0 nor 1, or an entry at or after the end.
    """
    t = numbers(durations, "a time")
    d = observed(events)
    start = np.zeros_like(t) if entry is None else numbers(entry, "an entry time")
    if not t.shape == d.shape == start.shape or t.ndim != 1:
        raise AnalysisError("durations, events and entry times must be of one length")
    if not (np.isfinite(t).all() and np.isfinite(start).all()) or (t < 0).any() or (start < 0).any():
        raise AnalysisError("a time is missing, infinite or negative")
    if entry is None:
        (t,) = tied(t)
    else:
        t, start = tied(t, start)
    if (start > t).any() or (entry is not None and ((start == t) & (t > 0)).any()):
        raise AnalysisError("a subject enters at or after the end of its follow-up")
    return t, d, start


def grouped(
    groups: Iterable[Hashable] | npt.NDArray[Any], subjects: int, what: str = "a group"
) -> tuple[list[Hashable], npt.NDArray[np.intp]]:
    """The labels in the order of their first appearance, and the place of each subject's among them.

    Raises:
        AnalysisError: a label is missing, or there are not as many as subjects.
    """
    found = list(groups)
    if len(found) != subjects:
        raise AnalysisError("durations and groups must be of one length")
    values = pd.Series(found, dtype=object)
    missing = int(values.isna().sum())
    if missing:
        raise AnalysisError(
            f"{what} is missing for {missing} subject{'s' * (missing > 1)}. Leave them out, and say so"
        )
    codes, labels = pd.factorize(values)
    return list(labels), codes
