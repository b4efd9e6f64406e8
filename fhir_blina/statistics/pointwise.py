"""Pointwise intervals of a survival curve: by a scale and Greenwood's variance, and by beta products.

The beta product is for few patients or heavy censoring, where the others miss their 95 %: without censoring
it is the exact interval of Clopper and Pearson (Fay, Brittain and Proschan 2013, Biostatistics 14:723-736).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fhir_blina.statistics.times import Floats

INTERVALS = ("log-log", "plain", "log", "logit", "arcsine")
BETA_PRODUCT = "bpcp"


def normal(confidence: float) -> float:
    """The quantile of the standard normal distribution for a two-sided level."""
    from scipy.special import ndtri

    return float(ndtri(1 - (1 - confidence) / 2))


def named_intervals(
    survival: Floats, variance_of_log: Floats, confidence: float = 0.95
) -> dict[str, tuple[Floats, Floats]]:
    """Pointwise intervals of a survival curve by name, within [0, 1]; R's ``conf.type``.

    ``variance_of_log`` is Greenwood's sum of d / (n (n - d)). Where survival is 1, plain and log intervals
    are from 1 to 1, the others are not defined (``nan``); where it is 0, none is. That is as R has it.
    """
    z = normal(confidence)
    inner = (survival > 0) & (survival < 1)
    s = np.where(inner, survival, 0.5)
    error = np.sqrt(np.where(inner, variance_of_log, 0.0))
    logs = np.log(s)
    with np.errstate(over="ignore"):
        odds, half = np.log(s / (1 - s)), z * error / (1 - s)
        angle, turn = np.arcsin(np.sqrt(s)), 0.5 * z * error * np.sqrt(s / (1 - s))
        ends = {
            "log-log": (np.exp(logs * np.exp(-z * error / logs)), np.exp(logs * np.exp(z * error / logs))),
            "plain": (np.clip(s - z * s * error, 0, 1), np.clip(s + z * s * error, 0, 1)),
            "log": (np.exp(logs - z * error), np.clip(np.exp(logs + z * error), 0, 1)),
            "logit": (1 / (1 + np.exp(half - odds)), 1 / (1 + np.exp(-odds - half))),
            "arcsine": (
                np.sin(np.clip(angle - turn, 0, np.pi / 2)) ** 2,
                np.sin(np.clip(angle + turn, 0, np.pi / 2)) ** 2,
            ),
        }
    edge = {name: np.where((survival == 1) & (name in ("plain", "log")), 1.0, np.nan) for name in ends}
    return {
        name: (np.where(inner, low, edge[name]), np.where(inner, high, edge[name]))
        for name, (low, high) in ends.items()
    }


def beta_product(
    at_risk: npt.NDArray[np.int64], events: npt.NDArray[np.int64], confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """The beta product confidence procedure by the method of moments; ``bpcp`` in R's package of that name.

    What survives a time with d events among n is Beta(n - d + 1, d); a product of such variables is taken for
    the beta variable of the same mean and variance. The upper limit holds from each time on; the lower one
    looks ahead to the next, as though somebody died there, so that it falls at censorings too and is 0 from
    the last follow-up on.

    Args:
        at_risk: Subjects at risk just before each time; nobody may enter later than at the first.
        events: Events at each time.
        confidence: Two-sided level.
    """
    from scipy.special import betaincinv

    n, d = at_risk.astype(float), events.astype(float)
    a = n - d + 1
    # log of the mean of the product, and log of its second moment by its squared mean
    mean, spread = np.cumsum(np.log1p(-d / (n + 1))), np.cumsum(np.log1p(d / (a * (n + 2))))
    later = n[1:]
    tail = (1 - confidence) / 2

    def quantile(log_mean: Floats, log_spread: Floats, share: float) -> Floats:
        fixed = log_spread == 0  # no event yet: the product is 1
        excess = np.where(fixed, 1.0, np.expm1(log_spread))
        gap = -np.expm1(np.where(fixed, -1.0, log_mean + log_spread)) / excess
        rest = gap * -np.expm1(log_mean) / np.exp(log_mean)
        return np.where(fixed, 1.0, betaincinv(gap, np.where(fixed, 1.0, rest), share))

    high = quantile(mean, spread, 1 - tail)
    ahead = quantile(
        mean[:-1] + np.log(later / (later + 1)), spread[:-1] + np.log1p(1 / (later * (later + 2))), tail
    )
    low = np.append(ahead, 0.0)
    return np.minimum.accumulate(low), np.minimum.accumulate(high)
