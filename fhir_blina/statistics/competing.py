"""Competing risks: the Aalen-Johansen cumulative incidence.

Written out here because lifelines' ``AalenJohansenFitter`` breaks ties by random jitter and understates
incidence on a custom timeline. Estimates and standard errors are those of R's ``survfit``; ``cmprsk`` gives
the same estimates with another variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.survival import NOT_REACHED, TOLERANCE, Estimate
from fhir_blina.statistics.times import Floats, Vector, checked, numbers, snapped

NO_EVENT = 0


@dataclass(frozen=True)
class Incidence:
    """Cumulative incidence of one cause, a right-continuous step function.

    Attributes:
        times: 0 and each distinct time, ascending.
        incidence: Probability of the cause up to and including each time.
        standard_error: By the delta method, as in R's ``survfit``.
        at_risk: Subjects at risk just before each time.
        events: Events of the cause at each time.
        n: Subjects.
        complete: Whether everybody had some event, so that the incidence is known for ever after.
    """

    times: Floats
    incidence: Floats
    standard_error: Floats
    at_risk: npt.NDArray[np.int64]
    events: npt.NDArray[np.int64]
    n: int
    complete: bool

    def defined_at(self, time: float) -> bool:
        """Whether the incidence is known at ``time``: somebody was followed that long, or nobody is left."""
        time = snapped(time, self.times)
        return self.n > 0 and time >= 0 and (time <= self.times[-1] or self.complete)

    def at(self, time: float) -> Estimate:
        """Incidence at a time with the log-log interval; not defined after the last follow-up."""
        if not self.n:
            return Estimate(None, note="nobody is at risk")
        if not self.defined_at(time):
            return Estimate(None, note="nobody was followed that long")
        index = int(np.searchsorted(self.times, snapped(time, self.times), side="right")) - 1
        value, error = float(self.incidence[index]), float(self.standard_error[index])
        low, high = (float(bound[index]) for bound in self.interval())
        if np.isnan(low):
            return Estimate(value, error, note="no interval at 0 or 1")
        return Estimate(value, error, low, high)

    def interval(self, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """The log-log interval after each time; ``nan`` where the incidence is 0 or 1."""
        from scipy.special import ndtri

        inner = (self.incidence > 0) & (self.incidence < 1) & (self.standard_error > 0)
        value = np.where(inner, self.incidence, 0.5)
        half = float(ndtri(1 - (1 - confidence) / 2)) * self.standard_error / (value * np.log(value))
        ends = value ** np.exp(-half), value ** np.exp(half)
        return np.where(inner, ends[0], np.nan), np.where(inner, ends[1], np.nan)

    def number_at_risk(self, time: float) -> int:
        """Subjects at risk just before a time."""
        index = int(np.searchsorted(self.times, snapped(time, self.times), side="left"))
        return int(self.at_risk[index]) if index < len(self.times) else 0

    def events_until(self, time: float) -> int:
        """Events of the cause up to and including a time."""
        last = int(np.searchsorted(self.times, snapped(time, self.times), side="right"))
        return int(self.events[:last].sum())

    def quantile(self, p: float = 0.5) -> float | None:
        """First time at which the incidence is ``p`` or more; ``None`` where it never is."""
        return _first(self.times, self.incidence, p)

    def median(self) -> Estimate:
        """Time by which half have had the event, others having had a competing one before.

        The interval inverts the pointwise one. R has no quantiles of such a curve.
        """
        value = self.quantile()
        if not self.n:
            return Estimate(None, note="nobody is at risk")
        low, high = self.interval()
        # the curve stays where it is once everybody has had some event
        ends = (
            _first(self.times, np.where(np.isnan(high), self.incidence, high), 0.5),
            _first(self.times, np.where(np.isnan(low), self.incidence, low), 0.5),
        )
        if value is None:
            return Estimate(None, None, ends[0], None, f"{NOT_REACHED}: the incidence does not rise to 0.5")
        return Estimate(value, None, *ends, "" if ends[1] is not None else f"upper limit {NOT_REACHED}")


def whole_causes(causes: Vector) -> Floats:
    """Causes as numbers: 0 for censored, 1, 2 … for the cause of the event.

    Raises:
        AnalysisError: a cause that is missing, or no whole number of 0 or more.
    """
    kinds = numbers(causes, "a cause")
    if not np.isfinite(kinds).all() or (kinds < 0).any() or (kinds != np.rint(kinds)).any():
        raise AnalysisError("a cause is missing, or no whole number of 0 or more")
    return kinds


def _first(times: Floats, values: Floats, p: float) -> float | None:
    above = np.flatnonzero(values >= p - TOLERANCE)
    return float(times[above[0]]) if len(above) else None


def cumulative_incidence(
    durations: Vector, causes: Vector, cause: int, *, entry: Vector | None = None
) -> Incidence:
    """The Aalen-Johansen estimate of one cause among several.

    Args:
        durations: Time to the first event of any cause, or to censoring.
        causes: 0 for censored, 1, 2 … for the cause of the event.
        cause: The cause wanted.
        entry: Time from which each subject is at risk.

    The variance is that of the delta method (Marubini and Valsecchi 1995, formula 10.12).

    Raises:
        AnalysisError: times that cannot be used, a cause that is missing, or a wanted cause below 1.
    """
    if cause <= NO_EVENT:
        raise AnalysisError("a cause is 1 or more; 0 is censored")
    kind = whole_causes(causes)
    t, d, start = checked(durations, kind != NO_EVENT, entry)
    if not len(t):
        empty = np.zeros(1, dtype=np.int64)
        return Incidence(
            times=np.zeros(1),
            incidence=np.zeros(1),
            standard_error=np.zeros(1),
            at_risk=empty,
            events=empty,
            n=0,
            complete=False,
        )
    times = np.unique(np.concatenate([[0.0], t]))
    ends, begins = np.sort(t), np.sort(start)
    entered = np.searchsorted(begins, times, side="left")
    entered[0] = np.searchsorted(begins, 0.0, side="right")
    at_risk = entered - np.searchsorted(ends, times, side="left")
    place = np.searchsorted(times, t)
    any_cause = np.bincount(place, weights=d, minlength=len(times)).astype(float)
    mine = np.bincount(place, weights=kind == cause, minlength=len(times)).astype(float)
    n = np.maximum(at_risk, 1).astype(float)
    survival = np.cumprod(1 - any_cause / n)
    before = np.concatenate([[1.0], survival[:-1]])
    incidence = np.cumsum(before * mine / n)
    return Incidence(
        times=times,
        incidence=incidence,
        standard_error=np.sqrt(np.maximum(_variance(n, any_cause, mine, before, incidence), 0)),
        at_risk=at_risk.astype(np.int64),
        events=mine.astype(np.int64),
        n=len(t),
        complete=bool(survival[-1] <= 0),
    )


def _variance(n: Floats, any_cause: Floats, mine: Floats, before: Floats, incidence: Floats) -> Floats:
    """Sum over earlier times of the three terms; each is a polynomial in F(t), so running sums do."""
    left = n - any_cause
    a = np.divide(any_cause, n * left, out=np.zeros_like(n), where=left > 0)
    b = before**2 * mine * (n - mine) / n**3
    c = before * mine / n**2
    f = incidence
    sum_a, sum_af, sum_aff = np.cumsum(a), np.cumsum(a * f), np.cumsum(a * f**2)
    sum_c, sum_cf = np.cumsum(c), np.cumsum(c * f)
    first = f**2 * sum_a - 2 * f * sum_af + sum_aff
    return np.asarray(first + np.cumsum(b) - 2 * (f * sum_c - sum_cf), dtype=float)
