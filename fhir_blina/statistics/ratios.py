"""The hazard ratio of two groups by each of the methods that papers use.

They agree where the effect is small, and differ by several per cent where it is not or where times are tied;
a published number can be recomputed only by the method that gave it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.cox import FURTHEST, firth_cox
from fhir_blina.statistics.logrank import counts
from fhir_blina.statistics.pointwise import normal
from fhir_blina.statistics.times import Floats, Vector, checked, observed

#: Each method in words; the first is the usual one.
RATIO_METHODS = {
    "efron": "Cox, ties by Efron (R: coxph)",
    "breslow": "Cox, ties by Breslow (SPSS and SAS unless told)",
    "firth": "Cox, Firth's penalty (Heinze and Schemper 2001)",
    "peto": "Peto: exp((O - E) / V) of the log-rank test (Mantel-Haenszel in Prism)",
    "logrank": "ratio of O / E of the log-rank test (logrank in Prism)",
}
_TESTS = {"efron": "Wald", "breslow": "Wald", "firth": "penalised likelihood ratio", "peto": "log-rank"}
_INTERVALS = {
    "efron": "Wald",
    "breslow": "Wald",
    "firth": "profile penalised likelihood",
    "peto": "normal, 1 / V",
    "logrank": "normal, 1 / E",
}
_MONOTONE = "not estimable: the likelihood has no maximum; every event, or none, is in one group"


@dataclass(frozen=True)
class Ratio:
    """A hazard ratio.

    Attributes:
        value: Of the second group against the first; ``None`` where it is not estimable.
        low: Lower end of the 95 % interval.
        high: Upper end; ``None`` beside a ``low`` where it has none.
        p: Two-sided; ``None`` where the method has no test of its own.
        test: Name of the test.
        interval: Name of the interval.
        note: Why there is no value, else empty.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    test: str | None = None
    interval: str | None = None
    note: str = ""


def hazard_ratio(durations: Vector, events: Vector, second: Vector, method: str = "efron") -> Ratio:
    """The hazard ratio of two groups by a method.

    Args:
        durations: Time to event or censoring.
        events: True where the event was observed.
        second: True for who is in the second group.
        method: A key of ``RATIO_METHODS``.

    Raises:
        AnalysisError: times or events that cannot be used, or an unknown method.
    """
    if method not in RATIO_METHODS:
        raise AnalysisError(f'no method is called "{method}". Known: {", ".join(RATIO_METHODS)}')
    t, d, start = checked(durations, events, None)
    other = observed(second)
    if not d.any():
        return Ratio(None, note="there is no event")
    if other.all() or not other.any():
        return Ratio(None, note="not estimable: there is nobody in one of the groups")
    if method == "firth":
        found = firth_cox(t, d, other.astype(float))
        if found.hazard_ratio is None:
            return Ratio(None, note=found.note)
        return Ratio(
            value=found.hazard_ratio,
            low=found.low,
            high=found.high,
            p=found.p,
            test=_TESTS[method],
            interval=_INTERVALS[method],
        )
    log, error = _LOGS[method](*counts(t, d, start, other.astype(np.intp), 2))
    if log is None or error is None:
        return Ratio(None, note=_REASONS.get(method, _MONOTONE))
    half = normal(0.95) * error
    from scipy.special import ndtr

    return Ratio(
        value=math.exp(log),
        low=math.exp(log - half),
        high=math.exp(log + half),
        p=None if method == "logrank" else float(2 * ndtr(-abs(log / error))),
        test=_TESTS.get(method),
        interval=_INTERVALS[method],
    )


def _efron(at_risk: Floats, died: Floats) -> tuple[float | None, float | None]:
    """Of tied events each in turn leaves its share of all of them behind."""
    total = died.sum(axis=1).astype(int)
    begin = np.repeat(np.cumsum(total) - total, total)
    gone = (np.arange(total.sum()) - begin) / np.repeat(total, total)
    left = np.repeat(at_risk, total, axis=0) - gone[:, None] * np.repeat(died, total, axis=0)
    return _root(left, float(died[:, 1].sum()))


def _breslow(at_risk: Floats, died: Floats) -> tuple[float | None, float | None]:
    """Of tied events all stay in the risk set."""
    return _root(np.repeat(at_risk, died.sum(axis=1).astype(int), axis=0), float(died[:, 1].sum()))


def _root(at_risk: Floats, mine: float) -> tuple[float | None, float | None]:
    """Log of the ratio and its error: the root of the score, one row of numbers at risk for each event."""
    from scipy.optimize import brentq

    first, second = at_risk.T

    def share(beta: float) -> Floats:
        return np.asarray(second * math.exp(beta) / (first + second * math.exp(beta)), dtype=float)

    if mine >= (second > 0).sum() or mine <= (first == 0).sum():
        return None, None
    beta = float(
        brentq(lambda beta: mine - float(share(beta).sum()), -FURTHEST, FURTHEST, xtol=1e-14, rtol=1e-14)
    )
    part = share(beta)
    return beta, 1 / math.sqrt(float((part * (1 - part)).sum()))


def _expected(at_risk: Floats, died: Floats) -> tuple[Floats, Floats, float]:
    """Observed and expected events of each group, and the hypergeometric variance."""
    n, total = at_risk.sum(axis=1), died.sum(axis=1)
    part = at_risk / n[:, None]
    rest = np.divide(n - total, n - 1, out=np.zeros_like(n), where=n > 1)
    variance = float((total * part[:, 0] * part[:, 1] * rest).sum())
    return died.sum(axis=0), (total[:, None] * part).sum(axis=0), variance


def _peto(at_risk: Floats, died: Floats) -> tuple[float | None, float | None]:
    seen, expected, variance = _expected(at_risk, died)
    if variance <= 0:
        return None, None
    return float(seen[1] - expected[1]) / variance, 1 / math.sqrt(variance)


def _log_rank(at_risk: Floats, died: Floats) -> tuple[float | None, float | None]:
    seen, expected, _ = _expected(at_risk, died)
    if not seen.all() or not expected.all():
        return None, None
    log = math.log(seen[1] / expected[1]) - math.log(seen[0] / expected[0])
    return log, math.sqrt(float((1 / expected).sum()))


_LOGS = {"efron": _efron, "breslow": _breslow, "peto": _peto, "logrank": _log_rank}
_REASONS = {
    "peto": "not estimable: the groups are never at risk together",
    "logrank": "not estimable: a group has no event",
}
