"""Response: medians, proportions with exact intervals, and the two-sample rank test.

scipy gives the distributions; the exact one of the rank sum is worked out here, because scipy's assumes that
there are no ties.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.labelings import Choice, choose, labelings, smallest_p
from fhir_blina.statistics.survival import Estimate
from fhir_blina.statistics.times import Floats, numbers

MOST_EXACT = 100  # subjects of both samples up to which the exact distribution is worked out


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


def _clopper_pearson(count: int, total: int) -> tuple[float, float]:
    """The exact interval, as quantiles of beta distributions (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv

    return (
        float(betaincinv(count, total - count + 1, 0.025)) if count else 0.0,
        float(betaincinv(count + 1, total - count, 0.975)) if count < total else 1.0,
    )


def _wilson(count: int, total: int) -> tuple[float, float]:
    """The score interval (Wilson 1927; Newcombe 1998, method 3)."""
    from scipy.special import ndtri

    z = float(ndtri(0.975))
    middle = (2 * count + z**2) / (2 * (total + z**2))
    half = z / (2 * (total + z**2)) * math.sqrt(4 * count * (total - count) / total + z**2)
    return middle - half if count else 0.0, middle + half if count < total else 1.0


PROPORTION_INTERVALS: dict[str, Callable[[int, int], tuple[float, float]]] = {
    "Clopper-Pearson": _clopper_pearson,
    "Wilson": _wilson,
}


def proportion(count: int, total: int, interval: str = "Clopper-Pearson") -> Estimate:
    """``count`` of ``total`` with a 95 % interval, ``Clopper-Pearson`` or ``Wilson`` (no correction).

    Of no subjects there is no proportion; the value is ``None``.
    """
    if not 0 <= count <= total:
        raise AnalysisError(f"{count} of {total} is not a proportion")
    if total == 0:
        return Estimate(None, note="there is nobody in the denominator")
    low, high = PROPORTION_INTERVALS[interval](count, total)
    return Estimate(count / total, None, low, high)


@dataclass(frozen=True)
class RankTest:
    """Mann-Whitney test of two samples.

    Attributes:
        u: Pairs in which the first sample's value is the larger, ties counting half.
        z: Standard normal statistic of the first sample's rank sum, variance corrected for ties, without
            continuity correction; ``None`` where all values are equal.
        p_asymptotic: Two-sided, of ``z``.
        p_exact: Two-sided, from all labelings: those at least as far from the expected rank sum; ``None``
            with more than 100 subjects.
        p_monte_carlo: The same from labelings drawn, where they are too many for all and few enough to draw.
        error: Standard error of ``p_monte_carlo``.
        choice: Which labelings were worked out.
        smallest_p: The smallest two-sided exact P that these sizes allow without ties.
        true_size: Share of labelings that the asymptotic test calls significant at 0.05: its true error of
            the first kind; ``None`` where there is no exact P or all values are equal.
    """

    u: float
    z: float | None
    p_asymptotic: float | None
    p_exact: float | None
    p_monte_carlo: float | None
    error: float | None
    choice: Choice
    smallest_p: float
    true_size: float | None


def _exact(doubled: npt.NDArray[np.int64], n1: int) -> tuple[Floats, Floats]:
    """Doubled rank sums of ``n1`` of the subjects, and the share of labelings that has each.

    One subject after the other is added (Streitberg and Röhmel 1986), so that ties cost nothing.
    """
    highest = int(np.sort(doubled)[-n1:].sum())
    ways = np.zeros((n1 + 1, highest + 1))
    ways[0, 0] = 1
    for rank in doubled:
        ways[1:, rank:] += ways[:-1, : highest + 1 - rank].copy()
    share = ways[n1] / ways[n1].sum()
    return np.arange(highest + 1, dtype=float), share


def mann_whitney(first: Sequence[float | Decimal], second: Sequence[float | Decimal]) -> RankTest:
    """Compare two samples by ranks.

    Raises:
        AnalysisError: a sample is empty, or a value is missing or infinite.
    """
    if not len(first) or not len(second):
        raise AnalysisError("the rank test needs two samples that are not empty")
    from scipy.special import ndtr

    pooled = np.concatenate([numbers(values, "a value of the rank test") for values in (first, second)])
    if not np.isfinite(pooled).all():
        raise AnalysisError("a value of the rank test is missing or infinite. Leave it out, and say so")
    n1, n2 = len(first), len(second)
    n = n1 + n2
    _, place, counts = np.unique(pooled, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # ties share their mean rank
    expected = n1 * (n + 1) / 2
    total = float(ranks[:n1].sum())
    ties = counts.astype(float)
    variance = n1 * n2 / 12 * (n + 1 - float((ties**3 - ties).sum()) / (n * (n - 1)))
    z = (total - expected) / math.sqrt(variance) if (counts < n).all() else None
    choice = Choice("exact", n, n1, labelings(n, n1)) if n <= MOST_EXACT else choose(n, n1)
    exact = sampled = error = true_size = None
    far = abs(total - expected) - 1e-9
    if choice.kind == "exact":
        sums, share = _exact(np.rint(2 * ranks).astype(np.int64), n1)
        away = np.abs(sums / 2 - expected)
        exact = min(1.0, float(share[away >= far].sum()))
        if z is not None:
            true_size = float(share[2 * ndtr(-away / math.sqrt(variance)) <= 0.05].sum())
    elif choice.kind == "Monte Carlo":
        as_far = sum(int((np.abs(masks @ ranks - expected) >= far).sum()) for masks in choice.masks())
        sampled, error = choice.p(as_far), choice.error(as_far)
    return RankTest(
        u=total - n1 * (n1 + 1) / 2,
        z=z,
        p_asymptotic=None if z is None else float(2 * ndtr(-abs(z))),
        p_exact=exact,
        p_monte_carlo=sampled,
        error=error,
        choice=choice,
        smallest_p=smallest_p(n, n1),
        true_size=true_size,
    )
