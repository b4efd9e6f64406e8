"""The weighted log-rank family: asymptotic, and exact by permutation.

lifelines has the asymptotic tests but not what they are made of (observed, expected, variance), which the
permutation tests, delayed entry and the reason "not estimable" need; so the sums are written out here.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.survival import Floats, Vector, checked

WEIGHTS = {
    "log-rank": "weight 1 (Mantel 1966, Cox 1972)",
    "Gehan-Breslow": "weight n, the number at risk (SPSS: Breslow)",
    "Tarone-Ware": "weight square root of n",
    "Peto-Peto": "weight the product of 1 - d / (n + 1) (Peto and Peto 1972; Prentice 1978)",
    "Fleming-Harrington (1,0)": "weight S(t-) of the pooled sample (R: survdiff rho = 1)",
    "Fleming-Harrington (0,1)": "weight 1 - S(t-): late differences",
}
MAX_LABELINGS = 20_000


@dataclass(frozen=True)
class LogRank:
    """A weighted log-rank test.

    Attributes:
        chi2: The statistic; ``None`` where it is not estimable.
        p: Two-sided P from chi-square with ``df`` degrees of freedom.
        df: Groups less one.
        observed: Weighted events by group.
        expected: Weighted expected events by group.
        variance: Hypergeometric variance of the first group's observed less expected.
        note: Why there is no statistic, else empty.
    """

    chi2: float | None
    p: float | None
    df: int
    observed: tuple[float, ...]
    expected: tuple[float, ...]
    variance: float
    note: str = ""


def _counts(
    t: Floats, d: npt.NDArray[np.bool_], start: Floats, codes: npt.NDArray[np.intp], groups: int
) -> tuple[Floats, Floats]:
    """At risk and events by event time (rows) and group (columns); a subject enters just after ``start``."""
    times = np.unique(t[d])
    at_risk = np.zeros((len(times), groups))
    events = np.zeros((len(times), groups))
    for group in range(groups):
        mine = codes == group
        ends, begins = np.sort(t[mine]), np.sort(start[mine])
        entered = np.searchsorted(begins, times, side="left")
        entered = np.where(times == 0, np.searchsorted(begins, times, side="right"), entered)
        at_risk[:, group] = entered - np.searchsorted(ends, times, side="left")
        deaths = np.sort(t[mine & d])
        until = np.searchsorted(deaths, times, side="right")
        events[:, group] = until - np.searchsorted(deaths, times, side="left")
    return at_risk, events


def weights(n: Floats, d: Floats, name: str = "log-rank") -> Floats:
    """The weight at each event time, from the pooled number at risk and of events."""
    if name == "log-rank":
        return np.ones_like(n)
    if name == "Gehan-Breslow":
        return n
    if name == "Tarone-Ware":
        return np.sqrt(n)
    if name == "Peto-Peto":
        return np.asarray(np.cumprod(1 - d / (n + 1)), dtype=float)
    before = np.concatenate([[1.0], np.cumprod(1 - d / n)[:-1]]) if len(n) else n
    if name == "Fleming-Harrington (1,0)":
        return before
    if name == "Fleming-Harrington (0,1)":
        return 1 - before
    raise AnalysisError(f'no weight is called "{name}". Known: {", ".join(WEIGHTS)}')


def log_rank(
    durations: Vector,
    events: Vector,
    groups: Sequence[Hashable] | npt.NDArray[Any],
    *,
    weight: str = "log-rank",
    entry: Vector | None = None,
) -> LogRank:
    """Compare the survival of two or more groups.

    Args:
        durations: Time to event or censoring.
        events: True where the event was observed.
        groups: Label of each subject; the groups stand in the order in which they first appear.
        weight: A key of ``WEIGHTS``.
        entry: Time from which each subject is at risk.

    Returns:
        The test; without a statistic, and with the reason, where there are no two groups, no event, or no
        event time at which subjects of two groups are at risk.
    """
    t, d, start = checked(durations, events, entry)
    labels = list(dict.fromkeys(groups))
    place = {label: index for index, label in enumerate(labels)}
    codes = np.array([place[label] for label in groups], dtype=np.intp)
    if len(codes) != len(t):
        raise AnalysisError("durations and groups must be of one length")
    at_risk, deaths = _counts(t, d, start, codes, len(labels))
    some = at_risk.sum(axis=1) > 0
    at_risk, deaths = at_risk[some], deaths[some]
    n, k = at_risk.sum(axis=1), deaths.sum(axis=1)
    w = weights(n, k, weight)
    share = at_risk / n[:, None]
    observed = (w[:, None] * deaths).sum(axis=0)
    expected = (w[:, None] * share * k[:, None]).sum(axis=0)
    spread = w**2 * k * np.divide(n - k, n - 1, out=np.zeros_like(n), where=n > 1)
    covariance = np.diag(spread @ share) - (share * spread[:, None]).T @ share
    variance = float(covariance[0, 0]) if labels else 0.0
    df = max(len(labels) - 1, 0)
    parts = (tuple(map(float, observed)), tuple(map(float, expected)))
    if df == 0:
        return LogRank(None, None, 0, *parts, variance, "there are no two groups")
    if not k.sum():
        return LogRank(None, None, df, *parts, variance, "there is no event")
    rank = int(np.linalg.matrix_rank(covariance, tol=1e-9 * max(1.0, float(np.abs(covariance).max()))))
    if rank < df:
        reason = "not estimable: at no event time are subjects of different groups at risk together"
        if rank:
            reason = "not estimable: a group has nobody at risk beside the others"
        return LogRank(None, None, df, *parts, variance, reason)
    from scipy.stats import chi2

    gap = (observed - expected)[:-1]
    statistic = float(gap @ np.linalg.solve(covariance[:-1, :-1], gap))
    return LogRank(statistic, float(chi2.sf(statistic, df)), df, *parts, variance)


@dataclass(frozen=True)
class Permutation:
    """Exact log-rank test of two groups over all labelings.

    Attributes:
        p_statistic: Share of labelings whose chi-square, each with its own hypergeometric variance, is at
            least the observed one. Labelings without a statistic count as 0.
        p_scores: Share of labelings whose sum of log-rank scores is at least as far from its mean (R's
            ``coin::logrank_test(distribution = "exact")``).
        labelings: How many there are.
        note: Why nothing was worked out, else empty.
    """

    p_statistic: float | None
    p_scores: float | None
    labelings: int
    note: str = ""


def log_rank_scores(durations: Vector, events: Vector) -> Floats:
    """Log-rank scores: event less the Nelson-Aalen hazard up to and including each time."""
    t, d, _ = checked(durations, events)
    times, place = np.unique(t, return_inverse=True)
    deaths = np.bincount(place, weights=d, minlength=len(times))
    leaving = np.bincount(place, minlength=len(times))
    at_risk = leaving[::-1].cumsum()[::-1]
    return np.asarray(d - np.cumsum(deaths / at_risk)[place], dtype=float)


def permutation_log_rank(
    durations: Vector, events: Vector, groups: Sequence[Hashable] | npt.NDArray[Any]
) -> Permutation:
    """The exact log-rank test, by working out every labeling (20 for three against three).

    It assumes that censoring does not depend on the group.
    """
    labels = list(dict.fromkeys(groups))
    if len(labels) != 2:
        return Permutation(None, None, 0, "the exact test compares two groups")
    t, d, start = checked(durations, events)
    first = np.array([label == labels[0] for label in groups])
    n, size = len(t), int(first.sum())
    labelings = math.comb(n, size)
    if labelings > MAX_LABELINGS:
        reason = f"more than {MAX_LABELINGS} labelings: use the asymptotic test"
        return Permutation(None, None, labelings, reason)
    scores = log_rank_scores(t, d)
    mean = scores.mean() * size
    observed = _chi2(t, d, start, first)
    far = abs(float(scores[first].sum()) - mean)
    if observed is None:
        return Permutation(None, None, labelings, "the observed labeling has no statistic")
    by_statistic = by_scores = 0
    for chosen in combinations(range(n), size):
        mask = np.zeros(n, dtype=bool)
        mask[list(chosen)] = True
        by_statistic += int((_chi2(t, d, start, mask) or 0.0) >= observed - 1e-9)
        by_scores += int(abs(float(scores[mask].sum()) - mean) >= far - 1e-9)
    return Permutation(by_statistic / labelings, by_scores / labelings, labelings)


def _chi2(t: Floats, d: npt.NDArray[np.bool_], start: Floats, first: npt.NDArray[np.bool_]) -> float | None:
    at_risk, deaths = _counts(t, d, start, (~first).astype(np.intp), 2)
    n, k = at_risk.sum(axis=1), deaths.sum(axis=1)
    share = at_risk[:, 0] / n
    spread = np.divide(n - k, n - 1, out=np.zeros_like(n), where=n > 1)
    variance = float((k * share * (1 - share) * spread).sum())
    gap = float((deaths[:, 0] - k * share).sum())
    return gap**2 / variance if variance > 1e-12 else None
