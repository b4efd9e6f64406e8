"""Cox regression of several covariates: estimated by lifelines, polished, and with R's errors and tests.

Ties by Efron. lifelines' robust errors leave ties aside, and its test of proportional hazards is an
approximation that R's ``survival`` gave up with 3.0; both are written out here as R has them. For few events
there is Firth's penalty in ``cox``.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.survival import kaplan_meier
from fhir_blina.statistics.times import Floats, Vector, checked, grouped, numbers


@dataclass(frozen=True)
class Coefficient:
    """A covariate of a Cox model.

    Attributes:
        name: Of the covariate.
        hazard_ratio: Of one unit of it, the others held.
        low: Lower end of the Wald interval.
        high: Upper end.
        p: Two-sided, Wald.
        standard_error: Of the log hazard ratio; robust where that was asked for.
        proportional_chi2: Statistic of the test that the ratio does not change with time (R: ``cox.zph``).
        proportional_p: Its P.
    """

    name: str
    hazard_ratio: float
    low: float
    high: float
    p: float
    standard_error: float
    proportional_chi2: float
    proportional_p: float


@dataclass(frozen=True)
class CoxModel:
    """A fitted Cox model.

    Attributes:
        coefficients: In the order of the covariates; empty where nothing was estimated.
        log_likelihood: Partial, at the estimate.
        likelihood_ratio: Statistic of the model against none.
        likelihood_ratio_p: Its P.
        proportional_chi2: Global test of proportional hazards.
        proportional_p: Its P.
        n: Rows.
        events: Events.
        note: Why nothing was estimated, else empty.
    """

    coefficients: tuple[Coefficient, ...]
    log_likelihood: float | None
    likelihood_ratio: float | None
    likelihood_ratio_p: float | None
    proportional_chi2: float | None
    proportional_p: float | None
    n: int
    events: int
    note: str = ""


def cox_regression(
    durations: Vector,
    events: Vector,
    covariates: Mapping[str, Vector],
    *,
    entry: Vector | None = None,
    strata: Sequence[Hashable] | npt.NDArray[Any] | None = None,
    robust: bool = False,
    clusters: Sequence[Hashable] | npt.NDArray[Any] | None = None,
    confidence: float = 0.95,
) -> CoxModel:
    """Fit a Cox model.

    Args:
        durations: Time to event or censoring.
        events: True where the event was observed.
        covariates: Numbers by name; a category is as many columns of 0 and 1 as it has values, less one.
        entry: Time from which each row is at risk.
        strata: A label of each row; each stratum has its own baseline.
        robust: Standard errors by the sandwich (Lin and Wei 1989).
        clusters: Which rows belong to one subject; makes the errors robust.
        confidence: Two-sided level of the intervals.

    Returns:
        The model; without coefficients, and with the reason, where the likelihood has no maximum.

    Raises:
        AnalysisError: times, events, labels or covariates that cannot be used.
    """
    t, d, start = checked(durations, events, entry)
    names = list(covariates)
    columns = [numbers(covariates[name], f'covariate "{name}"') for name in names]
    if not names or any(column.shape != t.shape or not np.isfinite(column).all() for column in columns):
        raise AnalysisError("each covariate needs one number for each row; some are missing or infinite")
    x = np.column_stack(columns)
    nothing = (None, None, None, None, None, len(t), int(d.sum()))
    if not d.any():
        return CoxModel((), *nothing, "there is no event")
    constant = [name for name, column in zip(names, columns, strict=True) if np.ptp(column) == 0]
    if constant:
        return CoxModel((), *nothing, f"not estimable: {', '.join(constant)} has one value only")
    _, places = grouped([0] * len(t) if strata is None else strata, len(t), "a stratum")
    together = None if clusters is None else grouped(clusters, len(t), "a cluster")[1]
    data = _Data(t, d, start, x, places)
    fitted = _fit(data, late=entry is not None)
    if isinstance(fitted, str):
        return CoxModel((), *nothing, fitted)
    beta, likelihood, ratio = fitted
    for _ in range(2):  # lifelines stops at a small step; two more leave rounding
        sums = _add_up(data, beta)
        beta = beta + np.linalg.solve(sums.i11, sums.score)
    sums = _add_up(data, beta)
    variance = np.linalg.inv(sums.i11)
    if robust or together is not None:
        residuals = sums.residuals
        if together is not None:
            residuals = np.array([residuals[together == one].sum(axis=0) for one in np.unique(together)])
        variance = variance @ residuals.T @ residuals @ variance
    return _model(names, beta, np.sqrt(np.diag(variance)), likelihood, ratio, data, sums, confidence)


@dataclass(frozen=True)
class _Data:
    """What a model is fitted to: times, events, entries, covariates by column, stratum of each row."""

    t: Floats
    d: npt.NDArray[np.bool_]
    start: Floats
    x: Floats
    strata: npt.NDArray[np.intp]


def _fit(data: _Data, *, late: bool) -> tuple[Floats, float, float] | str:
    """Estimate, log likelihood and likelihood ratio; or why there are none."""
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning
    from pandas import DataFrame

    frame = DataFrame(data.x, columns=[f"x{place}" for place in range(data.x.shape[1])])
    frame = frame.assign(t=data.t, d=data.d.astype(int))
    more: dict[str, Any] = {}
    if len(np.unique(data.strata)) > 1:
        frame, more["strata"] = frame.assign(stratum=data.strata), ["stratum"]
    if late:
        frame, more["entry_col"] = frame.assign(start=data.start), "start"
    separated = (
        "not estimable: the likelihood has no maximum, as a covariate separates those with event from the "
        "others or follows from the others. Take Firth's penalty, or leave it out"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            fitter = CoxPHFitter().fit(frame, "t", "d", fit_options={"precision": 1e-10}, **more)
        except (ConvergenceError, ConvergenceWarning):
            return separated
    beta = fitter.params_.to_numpy(dtype=float)
    ratio = float(fitter.log_likelihood_ratio_test().test_statistic)
    return beta, float(fitter.log_likelihood_), ratio


def _model(
    names: list[str],
    beta: Floats,
    error: Floats,
    likelihood: float,
    ratio: float,
    data: _Data,
    sums: _Sums,
    confidence: float,
) -> CoxModel:
    from scipy.special import chdtrc, ndtr, ndtri

    z = float(ndtri(1 - (1 - confidence) / 2))
    spread = sums.i22 - sums.i12.T @ np.linalg.solve(sums.i11, sums.i12)
    each = sums.changing**2 / np.diag(spread)
    overall = float(sums.changing @ np.linalg.solve(spread, sums.changing))
    coefficients = tuple(
        Coefficient(
            name=name,
            hazard_ratio=math.exp(beta[place]),
            low=math.exp(beta[place] - z * error[place]),
            high=math.exp(beta[place] + z * error[place]),
            p=float(2 * ndtr(-abs(beta[place] / error[place]))),
            standard_error=float(error[place]),
            proportional_chi2=float(each[place]),
            proportional_p=float(chdtrc(1, each[place])),
        )
        for place, name in enumerate(names)
    )
    df = len(names)
    return CoxModel(
        coefficients=coefficients,
        log_likelihood=likelihood,
        likelihood_ratio=ratio,
        likelihood_ratio_p=float(chdtrc(df, max(ratio, 0.0))),
        proportional_chi2=overall,
        proportional_p=float(chdtrc(df, overall)),
        n=len(data.t),
        events=int(data.d.sum()),
    )


@dataclass
class _Sums:
    """Sums over the events, for the coefficients and for the same times 1 - S(t-), and what each row adds.

    The second are those of the score test of ``cox.zph`` with ``transform = "km"`` (Grambsch and Therneau
    1994).
    """

    score: Floats
    changing: Floats
    i11: Floats
    i12: Floats
    i22: Floats
    residuals: Floats


def _add_up(data: _Data, beta: Floats) -> _Sums:
    t, d, start, x = data.t, data.d, data.start, data.x
    curve = kaplan_meier(t, d, entry=start if start.any() else None)
    before = np.concatenate([[1.0], curve.survival[:-1]])
    size = x.shape[1]
    i11, i12, i22 = (np.zeros((size, size)) for _ in range(3))
    sums = _Sums(
        score=np.zeros(size), changing=np.zeros(size), i11=i11, i12=i12, i22=i22, residuals=np.zeros_like(x)
    )
    shift = x @ beta
    risk = np.exp(shift - shift.max())
    for stratum in np.unique(data.strata):
        here = data.strata == stratum
        for time in np.unique(t[d & here]):
            g = float(1 - before[int(np.searchsorted(curve.times, time))])
            at_risk = np.flatnonzero(here & (t >= time) & ((start < time) | ((time == 0) & (start == 0))))
            dying = (d & (t == time))[at_risk]
            _add_time(sums, x[at_risk], risk[at_risk], dying, at_risk, g)
    return sums


def _add_time(
    sums: _Sums, x: Floats, risk: Floats, dying: npt.NDArray[np.bool_], rows: npt.NDArray[np.intp], g: float
) -> None:
    """Add one time with events; of tied ones, each in turn leaves its share behind (Efron)."""
    count = int(dying.sum())
    sums.score += x[dying].sum(axis=0)
    sums.changing += g * x[dying].sum(axis=0)
    for gone in np.arange(count) / count:
        weight = risk * np.where(dying, 1 - gone, 1.0)
        total = weight.sum()
        mean = weight @ x / total
        away = x - mean
        variance = (away * weight[:, None]).T @ away / total
        sums.score -= mean
        sums.changing -= g * mean
        sums.i11 += variance
        sums.i12 += g * variance
        sums.i22 += g**2 * variance
        sums.residuals[rows] += away * (dying / count - weight / total)[:, None]
