"""The weighted log-rank family: asymptotic, and by permutation.

lifelines has the asymptotic tests but not what they are made of (observed, expected, variance), which the
permutation tests, delayed entry and the reason "not estimable" need; so the sums are written out here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.labelings import Choice, choose
from fhir_blina.statistics.times import Floats, Vector, checked, grouped, numbers

WEIGHTS = {
    "log-rank": "weight 1 (Mantel 1966, Cox 1972)",
    "Gehan-Breslow": "weight n, the number at risk (SPSS: Breslow)",
    "Tarone-Ware": "weight square root of n",
    "Peto-Peto": "weight the product of 1 - d / (n + 1) (Peto and Peto 1972; Prentice 1978)",
    "Fleming-Harrington (1,0)": "weight S(t-) of the pooled sample (R: survdiff rho = 1)",
    "Fleming-Harrington (0,1)": "weight 1 - S(t-): late differences",
}


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


def counts(
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
    strata: Sequence[Hashable] | npt.NDArray[Any] | None = None,
    trend: Sequence[float] | None = None,
) -> LogRank:
    """Compare the survival of two or more groups.

    Args:
        durations: Time to event or censoring.
        events: True where the event was observed.
        groups: Label of each subject; the groups stand in the order in which they first appear.
        weight: A key of ``WEIGHTS``.
        entry: Time from which each subject is at risk.
        strata: A label of each subject within which the groups are compared; the parts are added up.
        trend: A score of each group, in the order of the groups, for a test of trend with one degree of
            freedom (Tarone 1975).

    Returns:
        The test; without a statistic, and with the reason, where there are no two groups, no event, or no
        event time at which subjects of two groups are at risk.

    Raises:
        AnalysisError: times, events, groups or strata that cannot be used, or an unknown weight.
    """
    t, d, start = checked(durations, events, entry)
    labels, codes = grouped(groups, len(t))
    every = [0] * len(t) if strata is None else strata
    parts, places = grouped(every, len(t), "a stratum")
    observed, expected = np.zeros(len(labels)), np.zeros(len(labels))
    covariance, count = np.zeros((len(labels), len(labels))), 0.0
    for stratum in range(len(parts)):
        here = places == stratum
        found = _sums(t[here], d[here], start[here], codes[here], len(labels), weight)
        observed, expected, covariance = observed + found[0], expected + found[1], covariance + found[2]
        count += found[3]
    variance = float(covariance[0, 0]) if labels else 0.0
    df = max(len(labels) - 1, 0)
    none = LogRank(
        chi2=None,
        p=None,
        df=df,
        observed=tuple(map(float, observed)),
        expected=tuple(map(float, expected)),
        variance=variance,
    )
    if df == 0:
        return replace(none, note="there are no two groups")
    if not count:
        return replace(none, note="there is no event")
    from scipy.special import chdtrc

    if trend is not None:
        scores = numbers(trend, "a score of the trend")
        if scores.shape != observed.shape or not np.isfinite(scores).all():
            raise AnalysisError("a trend needs one score for each group")
        spread = float(scores @ covariance @ scores)
        if spread <= 1e-12:
            return replace(none, df=1, note="not estimable: the scores at risk do not differ")
        statistic = float(scores @ (observed - expected)) ** 2 / spread
        return replace(none, chi2=statistic, p=float(chdtrc(1, statistic)), df=1)
    rank = int(np.linalg.matrix_rank(covariance, tol=1e-9 * max(1.0, float(np.abs(covariance).max()))))
    if rank < df:
        reason = "not estimable: at no event time are subjects of different groups at risk together"
        if rank:
            reason = "not estimable: a group has nobody at risk beside the others"
        return replace(none, note=reason)
    gap = (observed - expected)[:-1]
    statistic = float(gap @ np.linalg.solve(covariance[:-1, :-1], gap))
    return replace(none, chi2=statistic, p=float(chdtrc(df, statistic)))


def _sums(
    t: Floats, d: npt.NDArray[np.bool_], start: Floats, codes: npt.NDArray[np.intp], groups: int, weight: str
) -> tuple[Floats, Floats, Floats, float]:
    """Weighted observed, expected, their hypergeometric covariance, and how many events there are."""
    at_risk, deaths = counts(t, d, start, codes, groups)
    some = at_risk.sum(axis=1) > 0
    at_risk, deaths = at_risk[some], deaths[some]
    n, k = at_risk.sum(axis=1), deaths.sum(axis=1)
    w = weights(n, k, weight)
    share = at_risk / n[:, None]
    spread = w**2 * k * np.divide(n - k, n - 1, out=np.zeros_like(n), where=n > 1)
    return (
        (w[:, None] * deaths).sum(axis=0),
        (w[:, None] * share * k[:, None]).sum(axis=0),
        np.diag(spread @ share) - (share * spread[:, None]).T @ share,
        float(k.sum()),
    )


@dataclass(frozen=True)
class Permutation:
    """Log-rank test of two groups by permutation: over all labelings, or over a sample of them.

    Attributes:
        p_statistic: P of the chi-square, worked out for each labeling with its own hypergeometric variance.
            Labelings without a statistic count as 0.
        p_scores: P of the sum of log-rank scores (R's ``coin::logrank_test``).
        choice: Which labelings were worked out; ``exact``, ``Monte Carlo`` or, for neither, ``asymptotic``.
        error_statistic: Standard error of a Monte Carlo ``p_statistic``, else ``None``.
        error_scores: The same of ``p_scores``.
        note: Why nothing was worked out, else empty.
    """

    p_statistic: float | None
    p_scores: float | None
    choice: Choice
    error_statistic: float | None = None
    error_scores: float | None = None
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
    """The log-rank test by permutation of the labels, exact where there are few enough of them.

    It assumes that censoring does not depend on the group. ``labelings.choose`` says when it is exact, when
    Monte Carlo, and when the asymptotic test has to do.
    """
    t, d, _ = checked(durations, events)
    labels, codes = grouped(groups, len(t))
    if len(labels) != 2:
        return Permutation(None, None, choose(len(t), 0), note="the permutation test compares two groups")
    order = np.argsort(t, kind="stable")
    t, d, first = t[order], d[order], (codes == 0)[order]
    choice = choose(len(t), int(first.sum()))
    if choice.kind == "asymptotic":
        return Permutation(None, None, choice, note=choice.words())
    moments = _moments(t, d)
    gap, variance = moments(first[None, :])
    if variance[0] <= 1e-12:
        return Permutation(None, None, choice, note="the observed labeling has no statistic")
    observed, far = float(gap[0] ** 2 / variance[0]), abs(float(gap[0]))
    by_statistic = by_scores = 0
    for masks in choice.masks():
        gap, variance = moments(masks)
        some = variance > 1e-12
        chi2 = np.divide(gap**2, variance, out=np.zeros_like(gap), where=some)
        by_statistic += int((chi2 >= observed - 1e-9).sum())
        by_scores += int((np.abs(gap) >= far - 1e-9).sum())
    return Permutation(
        choice.p(by_statistic),
        choice.p(by_scores),
        choice,
        choice.error(by_statistic),
        choice.error(by_scores),
    )


def _moments(t: Floats, d: npt.NDArray[np.bool_]) -> Callable[[npt.NDArray[np.bool_]], tuple[Floats, Floats]]:
    """A function from labelings to their observed less expected, and its hypergeometric variance.

    Observed less expected is the sum of the first group's scores. ``t`` ascends.
    """
    scores = log_rank_scores(t, d)
    times = np.unique(t[d])
    first = np.searchsorted(t, times, side="left")
    n = (len(t) - first).astype(float)
    k = np.searchsorted(t[d], times, side="right") - np.searchsorted(t[d], times, side="left")
    spread = k * np.divide(n - k, n - 1, out=np.zeros_like(n), where=n > 1)

    def moments(masks: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
        at_risk = masks[:, ::-1].cumsum(axis=1, dtype=np.int32)[:, ::-1][:, first]
        share = at_risk / n
        return masks @ scores, (share * (1 - share)) @ spread

    return moments
