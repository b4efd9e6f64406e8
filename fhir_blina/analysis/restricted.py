"""Records of restricted means: areas under Kaplan-Meier curves up to a day, and their differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pandas as pd

from fhir_blina.analysis.estimates import curve_of, estimated, sources
from fhir_blina.endpoints import Endpoint
from fhir_blina.results import Record
from fhir_blina.statistics import Curve, restricted_mean_difference

SMALL_GROUP = 10  # below, a restricted mean has no interval: its normal theory does not hold


def restricted_mean_record(
    endpoint: Endpoint, group: str, curve: Curve, limit: int, made: tuple[str, ...]
) -> Record:
    """The area under a curve; of few patients without interval."""
    mean = curve.restricted_mean(limit)
    note = mean.note or f"standard error {mean.standard_error:.6g}"
    if curve.n < SMALL_GROUP and mean.value is not None:
        mean = replace(mean, low=None, high=None)
        note += f"; no interval with fewer than {SMALL_GROUP} patients"
    return estimated(
        f"{endpoint.name}.restricted_mean",
        group,
        mean,
        time_days=limit,
        unit="d",
        ci_method="normal, Greenwood",
        method=f"area under the Kaplan-Meier curve to day {limit}",
        n=curve.n,
        events=curve.events_until(limit),
        note=note,
        derived_from=made,
    )


def describe_mean_differences(
    endpoint: Endpoint, groups: Mapping[str, Mapping[str, pd.DataFrame]]
) -> Iterator[Record]:
    """Difference of the restricted means of two groups, each of ten patients or more."""
    for name, parts in groups.items():
        if endpoint.competing or len(parts) != 2 or min(map(len, parts.values())) < SMALL_GROUP:
            continue
        (first, one), (second, two) = parts.items()
        for limit in endpoint.restrict_at_days:
            gap = restricted_mean_difference(curve_of(one), curve_of(two), limit)
            error = "" if gap.standard_error is None else f"standard error {gap.standard_error:.6g}"
            yield estimated(
                f"{endpoint.name}.restricted_mean_difference",
                f"{second} less {first}",
                gap,
                time_days=limit,
                unit="d",
                ci_method="normal, Greenwood",
                method=f"difference of the areas under the Kaplan-Meier curves to day {limit}",
                n=len(one) + len(two),
                events=int(one["event_observed"].sum() + two["event_observed"].sum()),
                note="; ".join(text for text in (gap.note, error, f"by {name}") if text),
                derived_from=sources(pd.concat([one, two])),
            )
