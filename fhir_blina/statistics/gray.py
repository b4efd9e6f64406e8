"""Gray's test: whether the cumulative incidence of one cause differs between groups.

Gray (1988), "A class of K-sample tests for comparing the cumulative incidence of a competing risk", Annals of
Statistics 16:1141-1154, with rho = 0; sums and variance as in R's ``cmprsk``. No Python library has it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.competing import whole_causes
from fhir_blina.statistics.times import Floats, Vector, checked, grouped


@dataclass(frozen=True)
class GrayTest:
    """Gray's test of one cause.

    Attributes:
        chi2: The statistic; ``None`` where it is not estimable.
        p: Two-sided P from chi-square with ``df`` degrees of freedom.
        df: Groups less one.
        note: Why there is no statistic, else empty.
    """

    chi2: float | None
    p: float | None
    df: int
    note: str = ""


@dataclass
class _Sums:
    """What the test adds up over the times of events."""

    score: Floats
    covariance: Floats
    c: Floats
    v2: Floats
    v3: Floats


def gray_test(
    durations: Vector,
    causes: Vector,
    groups: Sequence[Hashable] | npt.NDArray[Any],
    cause: int = 1,
) -> GrayTest:
    """Compare the cumulative incidence of a cause in two or more groups.

    Args:
        durations: Time to the first event of any cause, or to censoring.
        causes: 0 for censored, 1, 2 … for the cause of the event.
        groups: Label of each subject.
        cause: The cause compared; every other one competes.

    Raises:
        AnalysisError: times, causes or groups that cannot be used.
    """
    if cause < 1:
        raise AnalysisError("a cause is 1 or more; 0 is censored")
    kinds = whole_causes(causes)
    t, _, _ = checked(durations, kinds > 0)
    labels, codes = grouped(groups, len(t))
    df = max(len(labels) - 1, 0)
    if df == 0:
        return GrayTest(None, None, 0, "there are no two groups")
    mine, other = kinds == cause, (kinds > 0) & (kinds != cause)
    if not mine.any():
        return GrayTest(None, None, df, "there is no event of the cause")
    sums = _add_up(t, mine, other, codes, len(labels))
    c, v2 = sums.c[:df], sums.v2[:df]
    covariance = sums.covariance + (c * sums.v3) @ c.T + c @ v2.T + v2 @ c.T
    if np.linalg.matrix_rank(covariance, tol=1e-9 * max(1.0, float(np.abs(covariance).max()))) < df:
        return GrayTest(None, None, df, "not estimable: a group has nobody at risk beside the others")
    from scipy.special import chdtrc

    statistic = float(sums.score @ np.linalg.solve(covariance, sums.score))
    return GrayTest(statistic, float(chdtrc(df, statistic)), df)


def _add_up(
    t: Floats,
    mine: npt.NDArray[np.bool_],
    other: npt.NDArray[np.bool_],
    codes: npt.NDArray[np.intp],
    count: int,
) -> _Sums:
    df = count - 1
    sums = _Sums(
        np.zeros(df), np.zeros((df, df)), np.zeros((count, count)), np.zeros((count, count)), np.zeros(count)
    )
    times = np.unique(t[mine | other])
    at_risk, own, competing = (np.zeros((len(times), count)) for _ in range(3))
    for group in range(count):
        here = codes == group
        at_risk[:, group] = here.sum() - np.searchsorted(np.sort(t[here]), times, side="left")
        for counts, which in ((own, mine), (competing, other)):
            ends = np.sort(t[here & which])
            counts[:, group] = np.searchsorted(ends, times, "right") - np.searchsorted(ends, times, "left")
    survival, incidence, pooled = np.ones(count), np.zeros(count), 0.0
    for n, d1, d2 in zip(at_risk, own, competing, strict=True):
        pooled, survival, incidence = _add_time(sums, n, d1, d2, pooled, survival, incidence)
    return sums


def _add_time(
    sums: _Sums, n: Floats, d1: Floats, d2: Floats, pooled: float, survival: Floats, incidence: Floats
) -> tuple[float, Floats, Floats]:
    """Add the terms of one time; survival and incidence just before it become those just after it."""
    some = n > 0
    size = np.where(some, n, 1.0)
    df = len(sums.score)
    after = np.where(some, survival * (size - d1 - d2) / size, survival)
    weight = np.where(some, n / np.where(some, survival, 1.0), 0.0)
    total, events = float(weight.sum()), float(d1.sum())
    pooled_after = pooled + events / total
    a = np.diag(weight) - np.outer(weight, weight) / total
    sums.c += a * events / (total * (1 - pooled))
    expected = weight * (1 - incidence)
    sums.score += (d1 - events * expected / expected.sum())[:df]
    left = np.where(after > 0, (1 - pooled_after) / np.where(after > 0, after, 1.0), 0.0)
    if events > 0:
        tied = np.ones_like(n)
        if events > 1:
            tied = 1 - (events - 1) / (total * survival - 1)
        _spread(sums, a, 1 - left, np.where(some, tied * survival * events / (total * size), 0.0))
    if d2.any():
        tied = np.where(d2 > 1, 1 - (d2 - 1) / np.maximum(size - 1, 1), 1.0)
        share = np.where((after > 0) & (d2 > 0), tied * survival**2 * d2 / size**2, 0.0)
        _spread(sums, np.zeros_like(a), -left, share)
    grown = np.where(some, incidence + survival * d1 / size, incidence)
    return pooled_after, after, grown


def _spread(sums: _Sums, a: Floats, rest: Floats, share: Floats) -> None:
    """Add to the parts of the variance: of each group the share, by what is left of its incidence."""
    df = len(sums.score)
    term = a - rest * sums.c
    sums.v3 += rest**2 * share
    sums.v2 += term * rest * share
    sums.covariance += (term[:df] * share) @ term[:df].T
