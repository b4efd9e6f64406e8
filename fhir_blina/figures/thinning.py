"""Curves over time as lines to draw, without what would be drawn on itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

#: Stretches of the axis of days of which each has one corner of a curve, and one mark.
MOST_STEPS = 300


@dataclass(frozen=True)
class CurveLine:
    """One step line: its label, corners, band, marks of censoring, and who is at risk when."""

    label: str
    times: Sequence[float]
    values: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    censored: Sequence[tuple[float, float]]
    n: int
    at_risk: Callable[[float], int]


def apart(marks: Sequence[tuple[float, float]], least: float) -> list[tuple[float, float]]:
    """The marks without those that would be drawn on the one before."""
    kept: list[tuple[float, float]] = []
    for day, value in marks:
        if not kept or day - kept[-1][0] >= least:
            kept.append((day, value))
    return kept


def thinned(line: CurveLine) -> CurveLine:
    """The line with one corner for each stretch that is too short to be seen."""
    count = len(line.times)
    if count <= 2 * MOST_STEPS:
        return line
    least = line.times[-1] / MOST_STEPS
    kept = [
        place
        for place in range(count)
        if place in (0, count - 1) or line.times[place] // least != line.times[place + 1] // least
    ]
    return replace(
        line,
        times=[line.times[place] for place in kept],
        values=[line.values[place] for place in kept],
        low=[line.low[place] for place in kept],
        high=[line.high[place] for place in kept],
    )
