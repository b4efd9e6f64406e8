"""Records of rates, and of the log-rank tests by strata and for trend that an endpoint names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from fhir_blina.analysis.estimates import sources
from fhir_blina.analysis.outcomes import all_parts
from fhir_blina.endpoints import Endpoint, Facts
from fhir_blina.results import Record
from fhir_blina.statistics import log_rank, rate

DAYS_PER_YEAR = 365.25
Groups = Mapping[str, Mapping[str, pd.DataFrame]]


def describe_rates(endpoint: Endpoint, frame: pd.DataFrame, groups: Groups) -> Iterator[Record]:
    """Events in person-time, of all and of each group, where an endpoint has ``rate_per_years``."""
    per = endpoint.rate_per_years
    if not per:
        return
    for group, part in all_parts(frame, groups).items():
        years = float(part["duration_days"].astype(float).sum()) / DAYS_PER_YEAR
        events = int(part["event_observed"].sum())
        found = rate(events, years / per)
        yield Record(
            f"{endpoint.name}.rate",
            group,
            value=found.value,
            unit="1",
            ci_low=found.low,
            ci_high=found.high,
            ci_method=None if found.low is None else "exact Poisson",
            method=f"events in {per} person-years",
            n=len(part),
            events=events,
            note=found.note or f"{years:.6g} person-years",
            derived_from=sources(part),
        )


def describe_strata_and_trend(
    facts: Facts, endpoint: Endpoint, frame: pd.DataFrame, groups: Groups
) -> Iterator[Record]:
    """Log-rank tests within each group of ``stratify``, and for trend over three labels or more."""
    for name, parts in groups.items():
        present = {label: part for label, part in parts.items() if len(part)}
        for stratum in endpoint.stratify:
            labels = facts.group(stratum)
            inside = {label: part[part["patient_id"].isin(labels.index)] for label, part in present.items()}
            whole = pd.concat(list(inside.values())) if inside else frame.iloc[:0]
            strata = whole["patient_id"].map(labels).to_numpy()
            out = sum(map(len, present.values())) - len(whole)
            said = f"by {name}; without {out} in no stratum" if out else f"by {name}"
            yield _tested(endpoint, f"log_rank_by_{stratum}", inside, whole, said, strata=strata)
        if endpoint.trend and len(present) > 2:
            whole = pd.concat(list(present.values()))
            scores = [float(place) for place in range(len(present))]
            yield _tested(endpoint, "log_rank_trend", present, whole, f"by {name}", trend=scores)


def _tested(
    endpoint: Endpoint,
    name: str,
    parts: Mapping[str, pd.DataFrame],
    whole: pd.DataFrame,
    said: str,
    *,
    strata: np.ndarray | None = None,
    trend: list[float] | None = None,
) -> Record:
    test = log_rank(
        whole["duration_days"].to_numpy(dtype=float),
        whole["event_observed"].to_numpy(dtype=bool),
        [label for label, part in parts.items() for _ in range(len(part))],
        strata=strata,
        trend=trend,
    )
    method = "chi-square, summed over strata" if trend is None else "chi-square for trend (Tarone 1975)"
    kind = "stratified log-rank" if trend is None else "log-rank for trend"
    degrees = f", {test.df} degree{'s' * (test.df != 1)} of freedom" if test.df else ""
    return Record(
        f"{endpoint.name}.{name}",
        " v ".join(parts),
        value=test.chi2,
        method=method,
        n=len(whole),
        events=int(whole["event_observed"].sum()),
        p_value=test.p,
        test=f"{kind}{degrees}",
        note="; ".join(text for text in (test.note, said) if text),
        derived_from=sources(whole),
    )
