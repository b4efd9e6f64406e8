"""Small cells: counts from which nobody can tell what a few patients are like, and what was left out.

Counts of 1 to threshold - 1 are hidden, and as many others as it takes that none can be worked out. The check
is exact: for each hidden count it looks for two different answers that fit everything that is shown, and it
looks for any few patients whose number is a sum and difference of what is shown. Whoever looks is taken to
know more than they can: which combinations of properties occur among the patients.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from fhir_blina.errors import AnalysisError

THRESHOLD = 11  # as CMS and PCORnet ask
NEAR = 2.0  # patients more or fewer of a combination, in the answers looked for first
SECONDS = 60.0  # for one question to the solver
INFEASIBLE = 2  # scipy's word for "there is no answer"

Key = TypeVar("Key", bound=Hashable)


def suppress(
    cells: Mapping[Key, frozenset[Any]], threshold: int = THRESHOLD, *, keep: Collection[Key] = ()
) -> dict[Key, int | None]:
    """The counts that may be shown.

    Args:
        cells: For each count the patients that it counts. Totals and complements are cells like any other;
            all that will be shown together belong into one call.
        threshold: The smallest count that may be shown, but for 0.
        keep: Counts to be hidden only where nothing else helps.

    Returns:
        The count by key, None where it is hidden. No hidden one follows from the others, and no sum and
        difference of those shown gives the number of 1 to threshold - 1 patients, whether or not they are a
        cell: two counts of which one contains the other are both shown only if they differ by 0 or enough.

    Raises:
        AnalysisError: a threshold below 2, or too many counts to check.
    """
    if threshold < 2:
        raise AnalysisError("a threshold below 2 hides nothing")
    unknowns = _Unknowns(cells, keep)
    hidden = [place for place, count in enumerate(unknowns.counts) if 0 < count < threshold]
    done = 0
    while True:
        while done < len(hidden):  # a count that is safe stays safe when more are hidden
            if unknowns.follows(hidden[done], hidden):
                hidden += unknowns.hide_with(hidden[done], hidden)
                if unknowns.follows(hidden[done], hidden):
                    raise AnalysisError("a small count cannot be hidden among these")
            done += 1
        implied = unknowns.implied(hidden, threshold)
        if implied is None:
            break
        hidden.append(unknowns.add(implied))
    return {
        key: None if place in set(hidden) else len(patients)
        for place, (key, patients) in enumerate(cells.items())
    }


def recoverable(cells: Mapping[Key, frozenset[Any]], hidden: Sequence[Key], key: Key) -> bool:
    """Whether a hidden count follows from what is shown: its smallest and largest possible value agree."""
    keys = list(cells)
    return _Unknowns(cells).follows(keys.index(key), [keys.index(name) for name in hidden])


class _Unknowns(Generic[Key]):
    """How many patients have which combination of cells: whole numbers, not negative.

    Shown counts are what they are, hidden cells at least 1. Rows are named by their place.
    """

    def __init__(self, cells: Mapping[Key, frozenset[Any]], keep: Collection[Key] = ()) -> None:
        import numpy as np

        everyone = {one for patients in cells.values() for one in patients}
        having: dict[Any, list[int]] = {one: [] for one in sorted(everyone, key=str)}
        for place, patients in enumerate(cells.values()):
            for one in patients:
                having[one].append(place)
        patterns = Counter(tuple(places) for places in having.values())
        self.matrix = np.zeros((len(cells), len(patterns)))
        for column, pattern in enumerate(patterns):
            self.matrix[list(pattern), column] = 1
        self.cells = len(cells)
        self.sizes = np.array(list(patterns.values()), dtype=float)
        self.counts = self.matrix @ self.sizes
        self.least = np.where(self.counts > 0, 1.0, 0.0)
        self.most = 2 * len(everyone) + 2.0
        self.price = 1 + self.counts / self.most
        self.price[[key in keep for key in cells]] *= len(cells)
        self.answers: list[Any] = []  # other than the true one; an answer fits as well when more is hidden

    def add(self, row: Any) -> int:
        """A further count that is not shown, and of which nothing is said."""
        import numpy as np

        if len(self.counts) > self.cells and (self.matrix[self.cells :] == row).all(axis=1).any():
            raise AnalysisError("the check of small counts does not end. Define fewer sets or groups")
        self.matrix = np.vstack([self.matrix, row])
        self.counts = np.append(self.counts, row @ self.sizes)
        self.least = np.append(self.least, 0.0)
        self.price = np.append(self.price, 0.0)
        return len(self.counts) - 1

    def _unseen(self, hidden: Sequence[int]) -> Any:
        import numpy as np

        return np.isin(np.arange(len(self.counts)), hidden)

    def follows(self, place: int, hidden: Sequence[int]) -> bool:
        """Whether a count has one possible value."""
        import numpy as np
        from scipy.optimize import Bounds, LinearConstraint

        row, true = self.matrix[place], self.counts[place]
        if any(round(float(row @ answer)) != true for answer in self.answers):
            return False
        unseen = self._unseen(hidden)
        shown = LinearConstraint(
            self.matrix,
            np.where(unseen, self.least, self.counts),
            np.where(unseen, np.inf, self.counts),
        )
        for way in (1, -1):
            other = LinearConstraint(way * row, way * true + 1, np.inf)
            found = _solved(np.zeros(len(row)), [shown, other], Bounds(0, self.most))
            if found is not None:
                self.answers.append(found)
                return False
        return True

    def hide_with(self, place: int, hidden: Sequence[int]) -> list[int]:
        """Few and small further counts to hide, so that one could be another number.

        Another answer is looked for that differs from the true one in that count and in few shown counts;
        those are hidden. Answers near the true one are looked for first, and the first good one is taken.
        """
        unseen = self._unseen(hidden)
        for reach, way, exact in (
            (NEAR, 1, False),
            (NEAR, -1, False),
            (self.most, 1, True),
            (self.most, -1, True),
        ):
            answer = self._other(place, unseen, reach, way, exact=exact)
            if answer is not None:
                self.answers.append(answer)
                changed = abs(self.matrix @ answer - self.counts) > 0.5
                return [int(one) for one in (changed & ~unseen).nonzero()[0]]
        raise AnalysisError("a small count cannot be hidden among these")

    def _other(self, place: int, unseen: Any, reach: float, way: int, *, exact: bool) -> Any:
        """An answer in which one count is larger (or smaller) and few shown ones differ."""
        import numpy as np
        from scipy.optimize import Bounds, LinearConstraint

        rows, first, same = np.unique(self.matrix[~unseen], axis=0, return_index=True, return_inverse=True)
        price = np.bincount(same.ravel(), self.price[~unseen])
        counts, least = self.counts[~unseen][first], self.least[~unseen][first]
        width = rows.shape[1]
        change = reach * np.eye(len(rows))
        free = np.hstack([self.matrix[unseen], np.zeros((int(unseen.sum()), len(rows)))])
        wanted = np.concatenate([self.matrix[place], np.zeros(len(rows))])
        found = _solved(
            np.concatenate([np.zeros(width), price]),
            [
                LinearConstraint(np.hstack([rows, -change]), -np.inf, counts),
                LinearConstraint(np.hstack([rows, change]), counts, np.inf),
                LinearConstraint(np.hstack([rows, 0 * change]), least, np.inf),
                LinearConstraint(free, self.least[unseen], np.inf),
                LinearConstraint(way * wanted, way * self.counts[place] + 1, np.inf),
            ],
            Bounds(
                np.concatenate([np.maximum(0, self.sizes - reach), np.zeros(len(rows))]),
                np.concatenate([self.sizes + reach, np.ones(len(rows))]),
            ),
            exact=exact,
        )
        return None if found is None else found[:width]

    def implied(self, hidden: Sequence[int], threshold: int) -> Any:
        """Few patients whose number is a sum and difference of shown counts, as a row of 0 and 1."""
        import numpy as np
        from scipy.optimize import Bounds, LinearConstraint

        rows, pivots = _reduced(self.matrix[~self._unseen(hidden)])
        if not pivots:
            return None
        # whatever follows is a sum of these rows, and its numbers at the pivots are how often each is taken
        width = self.matrix.shape[1]
        link = np.eye(width)
        link[:, pivots] -= rows.T
        found = _solved(
            self.sizes,
            [LinearConstraint(link, -1e-6, 1e-6), LinearConstraint(self.sizes, 1, threshold - 1)],
            Bounds(0, np.ones(width)),
        )
        return None if found is None else np.round(found)


def _reduced(matrix: Any) -> tuple[Any, list[int]]:
    """The reduced row echelon form without its empty rows, and the places of its pivots."""
    import numpy as np

    rows = matrix.copy()
    pivots: list[int] = []
    for column in range(rows.shape[1]):
        top = len(pivots)
        if top == len(rows):
            break
        best = top + int(np.argmax(np.abs(rows[top:, column])))
        if abs(rows[best, column]) < 1e-9:
            continue
        rows[[top, best]] = rows[[best, top]]
        rows[top] /= rows[top, column]
        others = np.arange(len(rows)) != top
        rows[others] -= np.outer(rows[others, column], rows[top])
        pivots.append(column)
    return rows[: len(pivots)], pivots


def _solved(price: Any, constraints: Sequence[Any], bounds: Any, *, exact: bool = True) -> Any:
    """The cheapest whole numbers within constraints, ``None`` where there are none.

    Not ``exact`` is any that the solver finds at once, ``None`` where it finds none. It counts its steps, not
    the time, so that every run gives the same answer.
    """
    import numpy as np
    from scipy.optimize import milp

    found = milp(
        price,
        constraints=constraints,
        integrality=np.ones(len(price), dtype=int),
        bounds=bounds,
        options={"time_limit": SECONDS} if exact else {"node_limit": 1, "mip_rel_gap": 0.5},
    )
    if exact and found.x is None and found.status != INFEASIBLE:
        raise AnalysisError("the check of small counts takes too long. Define fewer sets or groups")
    return found.x
