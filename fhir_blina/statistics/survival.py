"""Kaplan-Meier: curves, every named interval, medians by named rules, follow-up, restricted means.

Greenwood's formula is written out here, its intervals in ``pointwise``, because lifelines has the log-log
interval only. All of it equals R's ``survfit`` where R has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.pointwise import BETA_PRODUCT, INTERVALS, beta_product, named_intervals, normal
from fhir_blina.statistics.times import Floats, Vector, checked, snapped

TOLERANCE = 1.5e-8  # R's: two survival probabilities closer than this are equal
NOT_REACHED = "not reached"


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error and 95 % interval; ``None`` where it cannot be estimated."""

    value: float | None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Curve:
    """A product-limit curve, a right-continuous step function ready to draw with steps after.

    Attributes:
        times: 0 and each distinct time of an event or censoring, ascending.
        survival: Probability just after each time.
        standard_error: Greenwood's, of ``survival``.
        intervals: ``(low, high)`` after each time by name; ``nan`` where not defined.
        at_risk: Subjects at risk just before each time.
        events: Events at each time.
        censored: Censorings at each time.
        n: Subjects.
        entered: Subjects that enter at each time after 0 (left truncation).
        confidence: Two-sided level of the intervals.
    """

    times: Floats
    survival: Floats
    standard_error: Floats
    intervals: dict[str, tuple[Floats, Floats]]
    at_risk: npt.NDArray[np.int64]
    events: npt.NDArray[np.int64]
    censored: npt.NDArray[np.int64]
    n: int
    entered: npt.NDArray[np.int64]
    confidence: float = 0.95

    @cached_property
    def _beta_product(self) -> tuple[Floats, Floats]:
        if self.entered[1:].any():
            raise AnalysisError("beta products are not defined where somebody enters later than at 0")
        return beta_product(self.at_risk, self.events, self.confidence)

    def bounds(self, interval: str) -> tuple[Floats, Floats]:
        """Lower and upper limit after each time by the interval's name, ``bpcp`` too.

        Raises:
            AnalysisError: beta products of a curve with delayed entry.
        """
        if interval == BETA_PRODUCT and self.n:
            return self._beta_product
        return self.intervals["log-log" if interval == BETA_PRODUCT else interval]

    def _index(self, time: float) -> int:
        return int(np.searchsorted(self.times, snapped(time, self.times), side="right")) - 1

    def defined_at(self, time: float) -> bool:
        """Whether the curve reaches ``time``: somebody was followed that long, or it is at 0."""
        time = snapped(time, self.times)
        return self.n > 0 and time >= 0 and (time <= self.times[-1] or bool(self.survival[-1] == 0))

    def at(self, time: float, interval: str = "log-log") -> Estimate:
        """Survival at a time, with an interval by name."""
        if not self.defined_at(time):
            return Estimate(None, note="nobody was followed that long" if self.n else "the group is empty")
        index = self._index(time)
        low, high = (float(bound[index]) for bound in self.bounds(interval))
        value, error = float(self.survival[index]), float(self.standard_error[index])
        if np.isnan(low):
            reason = "no event yet" if value == 1 else "the curve has reached 0"
            return Estimate(value, error, note=f"no {interval} interval: {reason}")
        return Estimate(value, error, low, high)

    def number_at_risk(self, time: float) -> int:
        """Subjects at risk just before a time."""
        index = int(np.searchsorted(self.times, snapped(time, self.times), side="left"))
        return int(self.at_risk[index]) if index < len(self.times) else 0

    def events_until(self, time: float) -> int:
        """Events up to and including a time."""
        return int(self.events[: self._index(time) + 1].sum())

    def quantile(self, p: float = 0.5, *, midpoint: bool = False) -> float | None:
        """First time at which survival is ``p`` or less; ``None`` where it never is.

        With ``midpoint``, where survival equals ``p`` over an interval, the middle of that interval: the
        rule of R's ``survfit``. Equal means within 1.5e-8.
        """
        return _crossing(self.times, self.survival, p, midpoint=midpoint)

    def median(self, interval: str = "log-log", *, midpoint: bool = False) -> Estimate:
        """Median with the interval from inverting the pointwise one (Brookmeyer and Crowley 1982).

        ``interval`` is also ``percentile-SE``: median ± z · SE, see ``percentile_error``.
        """
        return self.percentile(0.5, interval, midpoint=midpoint)

    def percentile(self, p: float, interval: str = "log-log", *, midpoint: bool = False) -> Estimate:
        """Time at which survival falls to ``p``, with its interval; each of the three may not be reached.

        One that is not reached still has its lower limit where the lower bound of the curve falls to ``p``.
        """
        value = self.quantile(p, midpoint=midpoint)
        unreached = f"{NOT_REACHED}: survival does not fall to {p:g}" if self.n else "the group is empty"
        if interval == "percentile-SE":
            error = None if value is None else self.percentile_error(p)
            if value is None or not error:
                reason = (
                    f"survival does not pass from {p + 0.05:g} to {p - 0.05:g}, or the percentile is its end"
                )
                return Estimate(value, note=unreached if value is None else reason)
            half = normal(self.confidence) * error
            if value < half:
                return Estimate(value, error, note="its percentile-SE interval would begin before time 0")
            return Estimate(value, error, value - half, value + half)
        if not self.n:
            return Estimate(None, note=unreached)
        # before the first event both bounds are 1; at 0 the lower is 0 and the upper is not defined
        low, high = (np.where(np.isnan(bound), self.survival, bound) for bound in self.bounds(interval))
        high = np.where((self.survival == 0) & (high == 0), 1.0, high)
        ends = [_crossing(self.times, bound, p, midpoint=midpoint) for bound in (low, high)]
        upper = "" if ends[1] is not None else f"upper limit {NOT_REACHED}"
        return Estimate(value, None, ends[0], ends[1], upper if value is not None else unreached)

    def percentile_error(self, p: float = 0.5, margin: float = 0.05) -> float | None:
        """Standard error of a percentile by the slope of the curve around it.

        SE[S(t)] / f with f = (S(u) - S(l)) / (l - u), u the last event time with S >= p + margin and l the
        first with S <= p - margin (Collett, Modelling Survival Data in Medical Research, section 2.4). It
        is the form that SPSS prints.
        """
        median = self.quantile(p)
        at_event = self.events > 0
        upper = np.flatnonzero(at_event & (self.survival >= p + margin - TOLERANCE))
        lower = np.flatnonzero(at_event & (self.survival <= p - margin + TOLERANCE))
        if median is None or not len(upper) or not len(lower):
            return None
        u, low = upper[-1], lower[0]
        slope = (self.survival[u] - self.survival[low]) / (self.times[low] - self.times[u])
        return float(self.standard_error[self._index(median)] / slope)

    def restricted_mean(self, limit: float) -> Estimate:
        """Area under the curve from 0 to ``limit`` with its standard error.

        Variance: the sum over event times of (area to the right, up to the limit)² d / (n (n - d))
        (Klein and Moeschberger, formula 4.5.2; R's ``print(survfit, rmean=)``). lifelines gives the variance
        of the restricted time itself, which is another quantity.
        """
        if not self.defined_at(limit):
            return Estimate(None, note="nobody was followed to the limit")
        inside = self.times < limit
        edges = np.append(self.times[inside], limit)
        areas = self.survival[inside] * np.diff(edges)
        right = areas[::-1].cumsum()[::-1]
        n, d = self.at_risk[inside].astype(float), self.events[inside].astype(float)
        hazard = np.divide(d, n * (n - d), out=np.zeros_like(d), where=(n > d) & (d > 0))
        error = float(np.sqrt(np.sum(right**2 * hazard)))
        half = normal(self.confidence) * error
        return Estimate(float(areas.sum()), error, float(areas.sum()) - half, float(areas.sum()) + half)


def restricted_mean_difference(first: Curve, second: Curve, limit: float) -> Estimate:
    """Restricted mean of the second group less that of the first, with its normal interval."""
    one, two = first.restricted_mean(limit), second.restricted_mean(limit)
    if one.value is None or two.value is None or one.standard_error is None or two.standard_error is None:
        return Estimate(None, note="a group was not followed to the limit")
    error = float(np.hypot(one.standard_error, two.standard_error))
    gap, half = two.value - one.value, normal(first.confidence) * error
    return Estimate(gap, error, gap - half, gap + half)


def _crossing(times: Floats, values: Floats, p: float, *, midpoint: bool) -> float | None:
    below = np.flatnonzero(values <= p + TOLERANCE)
    if not len(below):
        return None
    first = below[0]
    if not midpoint or values[first] < p - TOLERANCE:
        return float(times[first])
    lower = np.flatnonzero(values < p - TOLERANCE)
    end = times[lower[0]] if len(lower) else times[-1]
    return float((times[first] + end) / 2)


def _at(times: Floats, found: Floats) -> npt.NDArray[np.int64]:
    """How many of ``found`` are at each of ``times``, which ascend and hold them all."""
    ends = np.searchsorted(np.sort(found), times, side="right")
    return np.diff(ends, prepend=0).astype(np.int64)


def kaplan_meier(
    durations: Vector, events: Vector, *, entry: Vector | None = None, confidence: float = 0.95
) -> Curve:
    """The Kaplan-Meier curve of right-censored, possibly left-truncated durations.

    Args:
        durations: Time to event or censoring, 0 or more.
        events: True where the event was observed.
        entry: Time from which each subject is at risk; 0 where absent.
        confidence: Two-sided level of the intervals.

    Returns:
        The curve; with no subject at all a curve of n = 0 at which nothing is defined.

    Raises:
        AnalysisError: times that cannot be used, see ``checked``.
    """
    t, d, start = checked(durations, events, entry)
    if not len(t):
        one, zero = np.ones(1), np.zeros(1, dtype=np.int64)
        empty = {name: (np.full(1, np.nan), np.full(1, np.nan)) for name in INTERVALS}
        return Curve(
            times=np.zeros(1),
            survival=one,
            standard_error=np.zeros(1),
            intervals=empty,
            at_risk=zero,
            events=zero,
            censored=zero,
            n=0,
            entered=zero,
            confidence=confidence,
        )
    times = np.unique(np.concatenate([[0.0], t, start]))
    removed, observed, entered = (_at(times, here) for here in (t, t[d], start))
    # as R has it: who enters at a time after 0 is at risk after it only
    before = np.cumsum(entered) - np.where(times > 0, entered, 0)
    at_risk = before - (np.cumsum(removed) - removed)
    fraction = np.divide(observed, at_risk, out=np.zeros(len(times)), where=at_risk > 0)
    survival = np.cumprod(1 - fraction)
    left = at_risk - observed
    some = (observed > 0) & (left > 0)
    terms = np.divide(observed, at_risk * left, out=np.zeros(len(times)), where=some)
    variance = np.cumsum(terms)
    intervals = named_intervals(survival, variance, confidence)
    for bound in (end for ends in intervals.values() for end in ends):
        bound[times < t.min()] = 1.0  # as in R: before anybody ends, every interval is from 1 to 1
    return Curve(
        times=times,
        survival=survival,
        standard_error=survival * np.sqrt(variance),
        intervals=intervals,
        at_risk=at_risk,
        events=observed,
        censored=removed - observed,
        n=len(t),
        entered=entered,
        confidence=confidence,
    )


def reverse_kaplan_meier(durations: Vector, events: Vector) -> Curve:
    """Follow-up: censoring is the event (Schemper and Smith 1996); the median is the median follow-up."""
    t, d, _ = checked(durations, events)
    return kaplan_meier(t, ~d)
