"""Rates: events in person-time, with exact intervals."""

from __future__ import annotations

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.survival import Estimate


def rate(events: int, person_time: float, confidence: float = 0.95) -> Estimate:
    """Events by unit of person-time with the exact Poisson interval (Garwood 1936), as R's ``poisson.test``.

    Args:
        events: How many.
        person_time: Time at risk of all, in the unit of the rate.
        confidence: Of the interval.

    Raises:
        AnalysisError: a negative count or time.
    """
    from scipy.special import gammaincinv

    if events < 0 or person_time < 0:
        raise AnalysisError("events and person-time cannot be negative")
    if not person_time:
        return Estimate(value=None, note="no time at risk")
    tail = (1 - confidence) / 2
    # half a quantile of chi-square with 2 k degrees of freedom is one of gamma with the shape k
    low = float(gammaincinv(events, tail)) if events else 0.0
    high = float(gammaincinv(events + 1, 1 - tail))
    return Estimate(value=events / person_time, low=low / person_time, high=high / person_time)
