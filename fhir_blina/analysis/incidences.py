"""Records of endpoints with competing events: cumulative incidence and its median, of all and by group.

Kaplan-Meier would count who had a competing event as if the event could still follow; so there is none here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from fhir_blina.analysis.descriptive import whole
from fhir_blina.analysis.estimates import estimated, sources
from fhir_blina.analysis.outcomes import all_parts, asked_days
from fhir_blina.endpoints import Endpoint
from fhir_blina.results import Record
from fhir_blina.statistics import Incidence, cumulative_incidence, gray_test

METHOD = "Aalen-Johansen, variance by the delta method"


def causes(endpoint: Endpoint) -> dict[str, set[str]]:
    """The event of an endpoint, then each competing one: a label and the events that it stands for."""
    return {"+".join(endpoint.events): set(endpoint.events)} | {name: {name} for name in endpoint.competing}


def _numbered(endpoint: Endpoint, frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    """The number of each row's cause, in the order of ``causes``; 0 for censored."""
    kinds = np.zeros(len(frame), dtype=np.int64)
    for number, names in enumerate(causes(endpoint).values(), start=1):
        kinds[frame["event"].isin(names).to_numpy(dtype=bool)] = number
    return kinds


def incidence_curves(endpoint: Endpoint, frame: pd.DataFrame) -> dict[str, Incidence]:
    """The cumulative incidence of each cause from rows of the derivation."""
    kinds, t = _numbered(endpoint, frame), frame["duration_days"].to_numpy(dtype=float)
    return {
        cause: cumulative_incidence(t, kinds, number)
        for number, cause in enumerate(causes(endpoint), start=1)
    }


def describe_incidence(
    endpoint: Endpoint, frame: pd.DataFrame, groups: Mapping[str, Mapping[str, pd.DataFrame]]
) -> Iterator[Record]:
    """Cumulative incidence of each cause at the endpoint's days, and the median of the endpoint's event."""
    if not endpoint.competing:
        return
    last = float(frame["duration_days"].max()) if len(frame) else 0.0
    for label, part in all_parts(frame, groups).items():
        made = sources(part)
        for place, (cause, curve) in enumerate(incidence_curves(endpoint, part).items()):
            group = cause if label == "all" else f"{label}: {cause}"
            own = float(curve.times[-1])
            for day in asked_days(endpoint, last, own, complete=curve.complete):
                yield _incidence(endpoint, group, curve, day, made)
            if place == 0:
                yield _median(endpoint, label, curve, made)


def describe_gray(endpoint: Endpoint, groups: Mapping[str, Mapping[str, pd.DataFrame]]) -> Iterator[Record]:
    """Gray's test of each cause for each group that an endpoint with competing events is compared by."""
    if not endpoint.competing:
        return
    for name, parts in groups.items():
        frame = pd.concat(list(parts.values()))
        labels = [label for label, part in parts.items() for _ in range(len(part))]
        empty = [label for label, part in parts.items() if not len(part)]
        kinds = _numbered(endpoint, frame)
        pair = " v ".join(parts)
        for number, cause in enumerate(causes(endpoint), start=1):
            test = gray_test(frame["duration_days"].to_numpy(dtype=float), kinds, labels, number)
            reason = f"not estimable: nobody is in {', '.join(empty)}" if empty else test.note
            yield Record(
                f"{endpoint.name}.gray",
                pair if number == 1 else f"{pair}: {cause}",
                value=None if empty else test.chi2,
                method=f"chi-square, cumulative incidence of {cause.replace('_', ' ')} (Gray 1988)",
                n=len(frame),
                events=int((kinds == number).sum()),
                p_value=None if empty else test.p,
                test=f"Gray, {test.df} degree{'s' * (test.df != 1)} of freedom",
                note="; ".join(text for text in (reason, f"by {name}") if text),
                derived_from=sources(frame),
            )


def _incidence(endpoint: Endpoint, group: str, curve: Incidence, day: float, made: tuple[str, ...]) -> Record:
    estimate = curve.at(day)
    note = estimate.note or f"standard error {estimate.standard_error:.6g}"
    if estimate.value is None and curve.n:
        note = f"{note}; last follow-up: day {whole(curve.times[-1])}"
    return estimated(
        f"{endpoint.name}.cumulative_incidence",
        group,
        estimate,
        time_days=day,
        ci_method="log-log",
        method=METHOD,
        n=curve.n,
        events=curve.events_until(day),
        note=f"{note}; at risk: {curve.number_at_risk(day)}",
        derived_from=made,
    )


def _median(endpoint: Endpoint, label: str, curve: Incidence, made: tuple[str, ...]) -> Record:
    median = curve.median()
    return estimated(
        f"{endpoint.name}.median",
        label,
        median,
        unit="d",
        ci_method="log-log",
        method="first time at which the cumulative incidence is 0.5 or more (Aalen-Johansen)",
        n=curve.n,
        events=curve.events_until(float(curve.times[-1])),
        note=median.note,
        derived_from=made,
    )
