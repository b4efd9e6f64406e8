"""Cox regression with Firth's penalty, for samples in which the ordinary estimate is infinite.

No Python library has it. Ties by Breslow's method; penalty and profile likelihood after Heinze and Schemper
(2001), "A solution to the problem of monotone likelihood in Cox regression", Biometrics 57:114-119.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.times import Floats, Vector, checked, numbers

FURTHEST = 50.0  # log hazard ratios beyond this are infinite for every purpose


@dataclass(frozen=True)
class FirthCox:
    """A penalised hazard ratio of one covariate.

    Attributes:
        hazard_ratio: Of one unit of the covariate; ``None`` where it is not estimable.
        low: Lower end of the profile penalised likelihood interval; 0 where it has none.
        high: Upper end; ``None`` where it has none.
        p: Two-sided, penalised likelihood ratio test of a ratio of 1.
        monotone: The ordinary likelihood has no maximum: its estimate is infinite and its P must not be used.
        note: Why nothing was estimated, else empty.
    """

    hazard_ratio: float | None
    low: float | None
    high: float | None
    p: float | None
    monotone: bool
    note: str = ""


@dataclass(frozen=True)
class _Sums:
    """At each event: sums over the risk set by distinct covariate value, so that one pass is cheap."""

    values: Floats
    at_risk: Floats
    total: Floats
    deaths: Floats

    def penalised(self, beta: float) -> float:
        """Log partial likelihood plus half the log of the information."""
        likelihood, information = self.parts(beta)
        return likelihood + 0.5 * math.log(information) if information > 0 else -math.inf

    def parts(self, beta: float) -> tuple[float, float]:
        """Log partial likelihood and information at a log hazard ratio."""
        shift = beta * self.values
        highest = shift.max()
        risk = self.at_risk * np.exp(shift - highest)
        s0 = risk.sum(axis=1)
        mean = risk @ self.values / s0
        square = risk @ self.values**2 / s0
        likelihood = beta * self.total.sum() - float((self.deaths * (np.log(s0) + highest)).sum())
        return likelihood, float((self.deaths * np.maximum(square - mean**2, 0)).sum())

    def slope(self, beta: float) -> float:
        """Derivative of ``penalised``, which is 0 at its maximum."""
        shift = beta * self.values
        risk = self.at_risk * np.exp(shift - shift.max())
        moments = [risk @ self.values**power / risk.sum(axis=1) for power in (1, 2, 3)]
        mean, square, cube = moments
        spread = np.maximum(square - mean**2, 0)
        third = cube - 3 * mean * square + 2 * mean**3
        score = float(self.total.sum()) - float((self.deaths * mean).sum())
        return score + 0.5 * float((self.deaths * third).sum()) / float((self.deaths * spread).sum())


def _sums(t: Floats, d: npt.NDArray[np.bool_], start: Floats, x: Floats) -> _Sums:
    times = np.unique(t[d])
    values = np.unique(x)
    at_risk = np.zeros((len(times), len(values)))
    for column, value in enumerate(values):
        mine = x == value
        entered = np.searchsorted(np.sort(start[mine]), times, side="left")
        entered = np.where(times == 0, mine.sum(), entered)
        at_risk[:, column] = entered - np.searchsorted(np.sort(t[mine]), times, side="left")
    place = np.searchsorted(times, t[d])
    total = np.bincount(place, weights=x[d], minlength=len(times)).astype(float)
    deaths = np.bincount(place, minlength=len(times)).astype(float)
    return _Sums(values, at_risk, total, deaths)


def firth_cox(
    durations: Vector, events: Vector, covariate: Vector, *, entry: Vector | None = None
) -> FirthCox:
    """The hazard ratio of one covariate, for example group membership as 0 and 1.

    Args:
        durations: Time to event or censoring.
        events: True where the event was observed.
        covariate: One number per subject; time is linear in its number of distinct values.
        entry: Time from which each subject is at risk.

    Raises:
        AnalysisError: times or events that cannot be used, or a covariate that is missing.
    """
    t, d, start = checked(durations, events, entry)
    x = numbers(covariate, "a covariate")
    if x.shape != t.shape or not np.isfinite(x).all():
        raise AnalysisError("the covariate needs one number for each subject; some are missing or infinite")
    if not d.any():
        return FirthCox(None, None, None, None, monotone=False, note="there is no event")
    sums = _sums(t, d, start, x)
    if sums.parts(0.0)[1] <= 0:
        reason = "not estimable: at no event time do the subjects at risk differ in the covariate"
        return FirthCox(None, None, None, None, monotone=True, note=reason)
    scale = float(np.ptp(sums.values))
    limit = FURTHEST / scale
    best = _polished(sums, _maximum(sums.penalised, limit), 1e-3 / scale)
    top = sums.penalised(best)
    from scipy.special import chdtrc, chdtri

    drop = float(chdtri(1, 0.05)) / 2
    low = _end(sums.penalised, best, top - drop, -limit)
    high = _end(sums.penalised, best, top - drop, limit)
    p = float(chdtrc(1, max(2 * (top - sums.penalised(0.0)), 0.0)))
    return FirthCox(
        math.exp(best),
        0.0 if low is None else math.exp(low),
        None if high is None else math.exp(high),
        p,
        _monotone(sums),
    )


def _maximum(function: Callable[[float], float], limit: float) -> float:
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda beta: -function(float(beta)),
        bounds=(-limit, limit),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return float(found.x)


def _polished(sums: _Sums, near: float, step: float) -> float:
    """The maximum as the root of the slope: a flat top hides digits that the slope still shows."""
    from scipy.optimize import brentq

    if not sums.slope(near - step) > 0 > sums.slope(near + step):
        return near
    return float(brentq(sums.slope, near - step, near + step, xtol=1e-14, rtol=1e-14))


def _end(function: Callable[[float], float], best: float, level: float, bound: float) -> float | None:
    from scipy.optimize import brentq

    if function(bound) > level:
        return None
    return float(brentq(lambda beta: function(float(beta)) - level, best, bound, xtol=1e-10))


def _monotone(sums: _Sums) -> bool:
    """Whether every event has the highest, or every event the lowest, covariate value at risk."""
    at_risk = sums.at_risk > 0
    highest = np.array([sums.values[row].max() for row in at_risk])
    lowest = np.array([sums.values[row].min() for row in at_risk])
    return bool(
        np.allclose(sums.total, highest * sums.deaths) or np.allclose(sums.total, lowest * sums.deaths)
    )
