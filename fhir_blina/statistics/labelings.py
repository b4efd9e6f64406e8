"""The ways to deal subjects out to two groups: how many there are, and which of them a test works out.

All of them where they are few, a seeded sample where they are many, none where even a sample takes too long;
then the asymptotic test has to do. Which it was, ``Choice.words`` says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np
import numpy.typing as npt

MAX_EXACT = 200_000  # labelings worked out one by one: ten against ten
SAMPLE = 10_000  # labelings drawn where there are more
MAX_DEALT = 50_000_000  # subjects dealt out in all: 10,000 times 5,000
SEED = 1
_AT_ONCE = 2_000_000

Masks = npt.NDArray[np.bool_]


def labelings(subjects: int, first: int) -> int:
    """In how many ways ``first`` of the subjects can be chosen."""
    return math.comb(subjects, first)


def _magnitude(subjects: int, first: int) -> float:
    """Logarithm to base 10 of the number of labelings, which may have thousands of digits itself."""
    parts = (first, subjects - first)
    return (math.lgamma(subjects + 1) - sum(math.lgamma(part + 1) for part in parts)) / math.log(10)


def in_words(subjects: int, first: int) -> str:
    """How many labelings there are: all digits up to a billion, beyond as ``about 4.0 × 10^119``."""
    magnitude = _magnitude(subjects, first)
    if magnitude < 9:
        return str(labelings(subjects, first))
    power = math.floor(magnitude)
    return f"about {10 ** (magnitude - power):.1f} × 10^{power}"


def smallest_p(subjects: int, first: int, *, mirrored: bool = True) -> float:
    """The smallest two-sided P that an exact test over all labelings can give; 0.0 below 1e-300.

    ``mirrored``: each labeling has another that is as far away, as for ranks, or for groups of one size.
    """
    ways = 2 if mirrored else 1
    magnitude = _magnitude(subjects, first)
    if magnitude < 15:
        return min(1.0, ways / labelings(subjects, first))
    return float(ways * 10**-magnitude) if magnitude < 300 else 0.0


@dataclass(frozen=True)
class Choice:
    """Which labelings a permutation test works out.

    Attributes:
        kind: ``exact`` (all), ``Monte Carlo`` (a sample) or ``asymptotic`` (none).
        subjects: Subjects of both groups.
        first: Subjects of the first group.
        worked_out: How many labelings.
        seed: Of the sample.
    """

    kind: str
    subjects: int
    first: int
    worked_out: int
    seed: int = SEED

    @property
    def labelings(self) -> int:
        """How many labelings there are."""
        return labelings(self.subjects, self.first)

    def words(self) -> str:
        """The choice in words, for the record of the test."""
        all_of = in_words(self.subjects, self.first)
        if self.kind == "exact":
            return f"exact, all {all_of} labelings"
        if self.kind == "Monte Carlo":
            return f"Monte Carlo, {self.worked_out} of {all_of} labelings, seed {self.seed}"
        return f"asymptotic: with {all_of} labelings of {self.subjects} subjects none is worked out"

    def p(self, as_far: int) -> float | None:
        """P from the number of labelings worked out that are at least as far away as the observed one.

        In a sample, the observed labeling counts as one more (Phipson and Smyth 2010).
        """
        if self.kind == "exact":
            return as_far / self.worked_out
        # a sample without the observed labeling could give P = 0
        return (as_far + 1) / (self.worked_out + 1) if self.kind == "Monte Carlo" else None

    def floor(self, p: float | None) -> str:
        """What a Monte Carlo P says that no labeling drawn was as far away; empty for any other."""
        lowest = 1 / (self.worked_out + 1) if self.kind == "Monte Carlo" else -1.0
        return "no labeling drawn was as far away: P is this at most" if p == lowest else ""

    def error(self, as_far: int) -> float | None:
        """Standard error of a Monte Carlo P."""
        p = self.p(as_far)
        return math.sqrt(p * (1 - p) / self.worked_out) if p is not None and self.kind != "exact" else None

    def masks(self) -> Iterator[Masks]:
        """The labelings, some thousands at a time: a row each, true for the first group."""
        at_once = max(1, _AT_ONCE // max(self.subjects, 1))
        if self.kind == "exact":
            chosen = combinations(range(self.subjects), self.first)
            while some := list(islice(chosen, at_once)):
                masks = np.zeros((len(some), self.subjects), dtype=bool)
                places = np.array(some, dtype=np.intp).reshape(len(some), self.first)
                np.put_along_axis(masks, places, values=True, axis=1)
                yield masks
        elif self.kind == "Monte Carlo":
            generator = np.random.default_rng(self.seed)
            observed = np.arange(self.subjects) < self.first
            left = self.worked_out
            while left:
                now = min(left, at_once)
                yield generator.permuted(np.tile(observed, (now, 1)), axis=1)
                left -= now


def choose(subjects: int, first: int) -> Choice:
    """All labelings up to 200,000; else 10,000 drawn, up to 5,000 subjects; else none."""
    if _magnitude(subjects, first) < 9 and labelings(subjects, first) <= MAX_EXACT:
        return Choice("exact", subjects, first, labelings(subjects, first))
    if subjects * SAMPLE <= MAX_DEALT:
        return Choice("Monte Carlo", subjects, first, SAMPLE)
    return Choice("asymptotic", subjects, first, 0)
