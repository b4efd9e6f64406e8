"""Records of Cox models that an endpoint names: hazard ratios adjusted for one another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from fhir_blina.analysis.estimates import sources
from fhir_blina.endpoints import CoxAsked, Endpoint, Facts
from fhir_blina.errors import AnalysisError
from fhir_blina.results import Record
from fhir_blina.statistics import cox_regression

FEW_PER_COVARIATE = 10  # events for each covariate, below which a Cox model is not to be trusted

Columns = dict[str, dict[Any, float]]


def describe_models(facts: Facts, endpoint: Endpoint, frame: pd.DataFrame) -> Iterator[Record]:
    """The hazard ratio of each covariate of each model, and the model's test of proportional hazards.

    Raises:
        AnalysisError: a covariate whose values are words; it should be a group.
    """
    for name, model in endpoint.cox.items():
        columns: Columns = {}
        for used in model.covariates:
            columns |= _columns(facts, used)
        strata = facts.group(model.strata) if model.strata else None
        yield from _model(endpoint, name, model, frame, columns, strata)


def _columns(facts: Facts, name: str) -> Columns:
    """Numbers by patient: of a group a column for each label but the first, of a set 0 and 1."""
    endpoints = facts.endpoints
    if name in endpoints.groups:
        labels = facts.group(name)
        first, *others = dict.fromkeys(endpoints.groups[name].labels.values())
        return {
            f"{other} v {first}": {key: float(label == other) for key, label in labels.items()}
            for other in others
        }
    if name in endpoints.measures:
        found = facts.measured(name)
        if any(isinstance(value, str | bool) for value, _ in found.values()):
            raise AnalysisError(
                f'{endpoints.path}: covariate "{name}" has words for values. Name a group of them instead'
            )
        return {name: {key: float(value) for key, (value, _) in found.items()}}
    unknown, members = set(facts.unknown(name)), set(facts.members(name))
    return {name: {key: float(key in members) for key in facts.subjects.index if key not in unknown}}


def _model(
    endpoint: Endpoint,
    name: str,
    model: CoxAsked,
    frame: pd.DataFrame,
    columns: Columns,
    strata: pd.Series[Any] | None,
) -> Iterator[Record]:
    keys = frame["patient_id"]
    known = np.array([all(key in values for values in columns.values()) for key in keys], dtype=bool)
    if strata is not None:
        known &= keys.isin(strata.index).to_numpy(dtype=bool)
    kept = frame[known]
    given = {title: [values[key] for key in kept["patient_id"]] for title, values in columns.items()}
    events = int(kept["event_observed"].sum())
    fitted = cox_regression(
        kept["duration_days"].to_numpy(dtype=float),
        kept["event_observed"].to_numpy(dtype=bool),
        given,
        strata=None if strata is None else strata.reindex(kept["patient_id"]).tolist(),
        robust=model.robust,
    )
    said = [f"{len(kept)} of {len(frame)}: the others lack a covariate"] if len(kept) < len(frame) else []
    if events < FEW_PER_COVARIATE * len(columns):
        said.append(f"fewer than {FEW_PER_COVARIATE} events for each covariate: read with care")
    if endpoint.competing:
        said.append("cause-specific: competing events count as censored")
    method = "Cox, ties by Efron" + (f", strata by {model.strata}" if strata is not None else "")
    base: dict[str, Any] = {"n": len(kept), "events": events, "derived_from": sources(kept)}
    if fitted.note:
        yield Record(
            f"{endpoint.name}.cox_{name}_hazard_ratio",
            ", ".join(columns),
            method=method,
            note="; ".join([fitted.note, *said]),
            **base,
        )
        return
    for one in fitted.coefficients:
        others = [title for title in columns if title != one.name]
        adjusted = f", adjusted for {', '.join(others)}" if others else ""
        yield Record(
            f"{endpoint.name}.cox_{name}_hazard_ratio",
            one.name,
            value=one.hazard_ratio,
            ci_low=one.low,
            ci_high=one.high,
            ci_method="Wald, robust" if model.robust else "Wald",
            method=method + adjusted,
            p_value=one.p,
            test="Wald",
            note="; ".join([f"proportional hazards: P {one.proportional_p:.3g}", *said]),
            **base,
        )
    yield Record(
        f"{endpoint.name}.cox_{name}_proportional_hazards",
        ", ".join(columns),
        value=fitted.proportional_chi2,
        method="chi-square of covariates times 1 - S(t-), all together (R: cox.zph)",
        p_value=fitted.proportional_p,
        test=f"score test, {len(columns)} degree{'s' * (len(columns) != 1)} of freedom",
        note="; ".join(said),
        **base,
    )
