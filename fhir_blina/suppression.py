"""Small cells: counts from which nobody can tell what a few patients are like, and what was left out.

Counts of 1 to threshold - 1 are hidden, and as many others as it takes that none can be worked out. The check
is exact: for each hidden count it looks for two different answers that fit everything that is shown. Whoever
looks is taken to know more than they can: which combinations of properties occur among the patients.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fhir_blina.errors import AnalysisError

THRESHOLD = 11  # as CMS and PCORnet ask

Key = TypeVar("Key", bound=Hashable)


def suppress(cells: Mapping[Key, frozenset[Any]], threshold: int = THRESHOLD) -> dict[Key, int | None]:
    """The counts that may be shown.

    Args:
        cells: For each count the patients that it counts. Totals and complements are cells like any other;
            all that will be shown together belong into one call.
        threshold: The smallest count that may be shown, but for 0.

    Returns:
        The count by key, None where it is hidden. No hidden one follows from the others.

    Raises:
        AnalysisError: a threshold below 2.
    """
    if threshold < 2:
        raise AnalysisError("a threshold below 2 hides nothing")
    counts = {key: len(patients) for key, patients in cells.items()}
    hidden = [key for key, count in counts.items() if 0 < count < threshold]
    unknowns = _Unknowns(cells)
    place = 0
    while place < len(hidden):  # a count that is safe stays safe when more are hidden
        key = hidden[place]
        if unknowns.follows(key, hidden):
            hidden += unknowns.hide_with(key, hidden)
            if unknowns.follows(key, hidden):
                raise AnalysisError("a small count cannot be hidden among these")
        place += 1
    return {key: None if key in set(hidden) else count for key, count in counts.items()}


def recoverable(cells: Mapping[Key, frozenset[Any]], hidden: Sequence[Key], key: Key) -> bool:
    """Whether a hidden count follows from what is shown: its smallest and largest possible value agree."""
    return _Unknowns(cells).follows(key, hidden)


class _Unknowns(Generic[Key]):
    """How many patients have which combination of cells: whole numbers, not negative.

    Shown counts are what they are, hidden ones at least 1.
    """

    def __init__(self, cells: Mapping[Key, frozenset[Any]]) -> None:
        import numpy as np

        self.keys = list(cells)
        patterns: dict[tuple[int, ...], int] = {}
        for patient in sorted({one for patients in cells.values() for one in patients}, key=str):
            pattern = tuple(place for place, name in enumerate(self.keys) if patient in cells[name])
            patterns[pattern] = patterns.get(pattern, 0) + 1
        self.matrix = np.zeros((len(self.keys), len(patterns)))
        for column, pattern in enumerate(patterns):
            self.matrix[list(pattern), column] = 1
        self.counts = np.array([len(cells[name]) for name in self.keys], dtype=float)
        self.most = 2 * len({one for patients in cells.values() for one in patients}) + 2.0

    def follows(self, key: Key, hidden: Sequence[Key]) -> bool:
        """Whether a count has one possible value."""
        import numpy as np
        from scipy.optimize import Bounds, LinearConstraint, milp

        unseen = np.isin(np.arange(len(self.keys)), [self.keys.index(name) for name in hidden])
        shown = LinearConstraint(
            self.matrix, np.where(unseen, 1, self.counts), np.where(unseen, np.inf, self.counts)
        )
        wanted = self.matrix[self.keys.index(key)]
        whole = np.ones(self.matrix.shape[1], dtype=int)
        ends = []
        for sign in (1, -1):
            found = milp(sign * wanted, constraints=shown, integrality=whole, bounds=Bounds(0, self.most))
            if found.x is None:
                raise AnalysisError("the check of small counts found no answer")
            ends.append(round(float(wanted @ found.x)))
        return ends[0] == ends[1]

    def hide_with(self, key: Key, hidden: Sequence[Key]) -> list[Key]:
        """The fewest and smallest further counts to hide, so that ``key`` could be another number.

        Another answer is looked for that differs from the true one in ``key`` and in as few shown counts as
        possible; those are hidden.
        """
        import numpy as np
        from scipy.optimize import Bounds, LinearConstraint, milp

        size, width = self.matrix.shape
        unseen = np.isin(np.arange(size), [self.keys.index(name) for name in hidden])
        price = np.where(unseen, 0, 1 + self.counts / self.most)
        change = self.most * np.eye(size)
        wanted = np.concatenate([self.matrix[self.keys.index(key)], np.zeros(size)])
        least = np.where(self.counts > 0, 1.0, 0.0)
        best: Any = None
        for way in (1, -1):
            found = milp(
                np.concatenate([np.zeros(width), price]),
                constraints=[
                    LinearConstraint(np.hstack([self.matrix, -change]), -np.inf, self.counts),
                    LinearConstraint(np.hstack([self.matrix, change]), self.counts, np.inf),
                    LinearConstraint(np.hstack([self.matrix, 0 * change]), least, np.inf),
                    LinearConstraint(way * wanted, way * self.counts[self.keys.index(key)] + 1, np.inf),
                ],
                integrality=np.ones(width + size, dtype=int),
                bounds=Bounds(0, np.concatenate([np.full(width, self.most), np.ones(size)])),
            )
            if found.x is not None and (best is None or found.fun < best.fun):
                best = found
        if best is None:
            raise AnalysisError("a small count cannot be hidden among these")
        changed = best.x[width:] > 0.5
        return [
            name for name, one, known in zip(self.keys, changed, unseen, strict=True) if one and not known
        ]


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
        steps.append(Interval(start, float(time), left, died, gone, survival))
        left, start, died, gone = later[1], float(time), 0, 0
    return steps
