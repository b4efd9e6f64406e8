"""Survival in steps wide enough that no number of a step is small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fhir_blina.disclosure.suppression import THRESHOLD


@dataclass(frozen=True)
class Interval:
    """What happened between two times.

    Attributes:
        start: After this time, in days.
        end: Up to this one.
        at_risk: Subjects at risk at the start.
        events: Events in between.
        censored: Subjects last seen in between.
        survival: Probability at the end, from the shown numbers alone (actuarial estimate: those censored
            count half; Cutler and Ederer, J Chronic Dis 1958).
    """

    start: float
    end: float
    at_risk: int
    events: int
    censored: int
    survival: float


def life_table(
    times: Sequence[float], events: Sequence[int], censored: Sequence[int], threshold: int = THRESHOLD
) -> list[Interval]:
    """Survival in steps wide enough that no number of a step is 1 to threshold - 1.

    Args:
        times: Ascending times at which something happens.
        events: Events at each.
        censored: Censorings at each.
        threshold: The smallest number that may be shown, but for 0.

    Returns:
        The steps from time 0. What comes after the last one is 0 or no less than the threshold as well:
        events, censorings and those at risk.
    """
    steps: list[Interval] = []
    left, start, survival = sum(events) + sum(censored), 0.0, 1.0
    died = gone = 0
    if left < threshold:
        return steps
    for time, event, lost in zip(times, events, censored, strict=True):
        died, gone = died + event, gone + lost
        later = (sum(events) - sum(one.events for one in steps) - died, left - died - gone)
        if died + gone == 0 or any(
            0 < number < threshold for number in (died, gone, *later, later[1] - later[0])
        ):
            continue
        survival *= 1 - died / (left - gone / 2)
        steps.append(
            Interval(
                start=start, end=float(time), at_risk=left, events=died, censored=gone, survival=survival
            )
        )
        left, start, died, gone = later[1], float(time), 0, 0
    return steps
