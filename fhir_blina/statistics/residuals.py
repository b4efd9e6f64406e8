"""Residuals of a Cox model with Efron's ties, as R's ``residuals.coxph`` has them, and lifelines has not."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.regression import cox_regression
from fhir_blina.statistics.times import Floats, Vector, checked, grouped, numbers


@dataclass(frozen=True)
class CoxResiduals:
    """Residuals of a Cox model.

    Attributes:
        martingale: Of each row: 1 or 0 for its event, less the events expected of it.
        schoenfeld: Of each event, in the order of their times (within a stratum): its covariates less their
            mean among those at risk.
        times: The time of each row of ``schoenfeld``.
        dfbeta: Of each row: by how much each coefficient changes, nearly, where the row is left out.
    """

    martingale: Floats
    schoenfeld: Floats
    times: Floats
    dfbeta: Floats


def cox_residuals(
    durations: Vector,
    events: Vector,
    covariates: Mapping[str, Vector],
    *,
    entry: Vector | None = None,
    strata: Sequence[Hashable] | npt.NDArray[Any] | None = None,
) -> CoxResiduals:
    """The residuals of the model that ``cox_regression`` fits to the same data.

    Raises:
        AnalysisError: data that cannot be used, or a model that cannot be estimated, with the reason.
    """
    model = cox_regression(durations, events, covariates, entry=entry, strata=strata)
    if not model.coefficients:
        raise AnalysisError(f"no residuals: {model.note}")
    t, d, start = checked(durations, events, entry)
    x = np.column_stack([numbers(values, f'covariate "{name}"') for name, values in covariates.items()])
    _, places = grouped([0] * len(t) if strata is None else strata, len(t), "a stratum")
    shift = x @ np.log([one.hazard_ratio for one in model.coefficients])
    risk = np.exp(shift - shift.max())
    expected, scores = np.zeros(len(t)), np.zeros_like(x)
    information = np.zeros((x.shape[1], x.shape[1]))
    rows: list[Floats] = []
    times: list[float] = []
    for stratum in np.unique(places):
        here = places == stratum
        for time in np.unique(t[d & here]):
            at_risk = np.flatnonzero(here & (t >= time) & ((start < time) | ((time == 0) & (start == 0))))
            dying = (d & (t == time))[at_risk]
            count, means = int(dying.sum()), []
            for gone in np.arange(count) / count:
                weight = risk[at_risk] * np.where(dying, 1 - gone, 1.0)
                share = weight / weight.sum()
                mean = share @ x[at_risk]
                away = x[at_risk] - mean
                means.append(mean)
                expected[at_risk] += share
                scores[at_risk] += away * (dying / count - share)[:, None]
                information += (away * share[:, None]).T @ away
            rows += list(x[at_risk][dying] - np.mean(means, axis=0))
            times += [float(time)] * count
    return CoxResiduals(
        martingale=d - expected,
        schoenfeld=np.array(rows),
        times=np.array(times),
        dfbeta=scores @ np.linalg.inv(information),
    )
