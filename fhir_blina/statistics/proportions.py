"""Response: medians, proportions with exact intervals, and the two-sample rank test.

scipy does the statistics; the exact rank test with ties is enumerated here, because scipy's exact
distribution assumes that there are none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from typing import Literal

import numpy as np

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.survival import Estimate

MAX_LABELINGS = 200_000
PROPORTION_INTERVALS: dict[str, Literal["exact", "wilson"]] = {"Clopper-Pearson": "exact", "Wilson": "wilson"}


def median(values: Sequence[Decimal | int]) -> Decimal:
    """The median, exact: the middle value, or the mean of the two in the middle.

    Raises:
        AnalysisError: no values.
    """
    ordered = sorted(Decimal(value) for value in values)
    if not ordered:
        raise AnalysisError("the median of no values does not exist")
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def proportion(count: int, total: int, interval: str = "Clopper-Pearson") -> Estimate:
    """``count`` of ``total`` with a 95 % interval, ``Clopper-Pearson`` or ``Wilson`` (no correction).

    Of no subjects there is no proportion; the value is ``None``.
    """
    if not 0 <= count <= total:
        raise AnalysisError(f"{count} of {total} is not a proportion")
    if total == 0:
        return Estimate(None, note="there is nobody in the denominator")
    from scipy.stats import binomtest

    ends = binomtest(count, total).proportion_ci(0.95, method=PROPORTION_INTERVALS[interval])
    return Estimate(count / total, None, float(ends.low), float(ends.high))


@dataclass(frozen=True)
class RankTest:
    """Mann-Whitney test of two samples.

    Attributes:
        u: Pairs in which the first sample's value is the larger, ties counting half.
        z: Standard normal statistic of the first sample's rank sum, variance corrected for ties, without
            continuity correction; ``None`` where all values are equal.
        p_asymptotic: Two-sided, of ``z``.
        p_exact: Two-sided, from all labelings: those at least as far from the expected rank sum; ``None``
            where there are more than 200,000 labelings.
        labelings: How many there are.
        smallest_p: The smallest two-sided exact P that these sizes allow without ties.
        true_size: Share of labelings that the asymptotic test calls significant at 0.05: its true error of
            the first kind; ``None`` where labelings are too many or all values are equal.
    """

    u: float
    z: float | None
    p_asymptotic: float | None
    p_exact: float | None
    labelings: int
    smallest_p: float
    true_size: float | None


def mann_whitney(first: Sequence[float | Decimal], second: Sequence[float | Decimal]) -> RankTest:
    """Compare two samples by ranks.

    Raises:
        AnalysisError: a sample is empty.
    """
    if not first or not second:
        raise AnalysisError("the rank test needs two samples that are not empty")
    from scipy.special import ndtr
    from scipy.stats import rankdata

    pooled = np.array([float(value) for value in (*first, *second)])
    n1, n2 = len(first), len(second)
    n = n1 + n2
    ranks = rankdata(pooled)
    expected = n1 * (n + 1) / 2
    total = float(ranks[:n1].sum())
    _, ties = np.unique(pooled, return_counts=True)
    variance = n1 * n2 / 12 * (n + 1 - float((ties**3 - ties).sum()) / (n * (n - 1)))
    z = (total - expected) / math.sqrt(variance) if variance > 0 else None
    labelings = math.comb(n, n1)
    exact = true_size = None
    if labelings <= MAX_LABELINGS:
        chosen = combinations(range(n), n1)
        sums = np.fromiter((ranks[list(places)].sum() for places in chosen), float, labelings)
        away = np.abs(sums - expected)
        exact = float(np.mean(away >= abs(total - expected) - 1e-9))
        if variance > 0:
            true_size = float(np.mean(2 * ndtr(-away / math.sqrt(variance)) <= 0.05))
    return RankTest(
        u=total - n1 * (n1 + 1) / 2,
        z=z,
        p_asymptotic=None if z is None else float(2 * ndtr(-abs(z))),
        p_exact=exact,
        labelings=labelings,
        smallest_p=min(1.0, 2 / labelings),
        true_size=true_size,
    )
