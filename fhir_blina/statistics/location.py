"""Where values lie and how they spread: quantiles, mean, standard deviation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import sqrt

from fhir_blina.errors import AnalysisError

Number = int | float | Decimal


@dataclass(frozen=True)
class Spread:
    """A summary of values.

    Attributes:
        n: How many values.
        mean: Their mean.
        sd: Standard deviation with ``n - 1``; ``None`` for one value.
        first_quartile: Lower quartile, by R's type 7 (the default of R, numpy and spreadsheets).
        third_quartile: Upper quartile, by the same rule.
    """

    n: int
    mean: float
    sd: float | None
    first_quartile: Decimal
    third_quartile: Decimal


def quantile(values: Sequence[Number], share: Fraction) -> Decimal:
    """A quantile by R's type 7: linear between the values in order, exact for decimals.

    Args:
        values: At least one.
        share: Between 0 and 1.

    Raises:
        AnalysisError: no values, or a share outside 0 and 1.
    """
    if not values or not 0 <= share <= 1:
        raise AnalysisError("a quantile needs values, and a share between 0 and 1")
    ordered = sorted(Decimal(str(value)) if isinstance(value, float) else Decimal(value) for value in values)
    place = (len(ordered) - 1) * share
    below = place.numerator // place.denominator
    part = place - below
    low = ordered[below]
    if not part:
        return low
    return low + (ordered[below + 1] - low) * part.numerator / part.denominator


def spread(values: Sequence[Number]) -> Spread:
    """Mean, standard deviation and quartiles.

    Raises:
        AnalysisError: no values.
    """
    low, high = quantile(values, Fraction(1, 4)), quantile(values, Fraction(3, 4))
    exact = [Fraction(value) for value in values]
    mean = sum(exact, Fraction()) / len(exact)
    squares = sum(((value - mean) ** 2 for value in exact), Fraction())
    sd = sqrt(squares / (len(exact) - 1)) if len(exact) > 1 else None
    return Spread(len(exact), float(mean), sd, low, high)


def mean_interval(
    values: Sequence[float], confidence: float = 0.95
) -> tuple[float, float | None, float | None]:
    """The mean with its interval by Student's t; no interval of a single value.

    Raises:
        AnalysisError: no values.
    """
    from scipy.special import stdtrit

    found = spread(values)
    if found.sd is None:
        return found.mean, None, None
    half = float(stdtrit(found.n - 1, (1 + confidence) / 2)) * found.sd / sqrt(found.n)
    return found.mean, found.mean - half, found.mean + half
