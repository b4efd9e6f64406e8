"""Records of time-to-event endpoints: curves, medians, follow-up, restricted means.

An endpoint with competing events has no survival curve: what it has is in ``incidences``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from fhir_blina.analysis.descriptive import MOST_SUBJECTS, whole
from fhir_blina.analysis.estimates import curve_of, estimated, sources
from fhir_blina.analysis.restricted import restricted_mean_record
from fhir_blina.endpoints import Endpoint, Endpoints
from fhir_blina.results import DerivedTime, Record
from fhir_blina.statistics import (
    BETA_PRODUCT,
    INTERVALS,
    Curve,
    Estimate,
    kaplan_meier,
    median,
    reverse_kaplan_meier,
)

FEW = 30  # below, the beta product interval stands beside the others

_BETA = "Kaplan-Meier, interval from beta products by moments (Fay, Brittain and Proschan 2013)"


def shown_labels(endpoints: Endpoints, endpoint: Endpoint) -> dict[str, dict[str, str]]:
    """For each group that an endpoint is compared by: each label, in order, and what the records call it.

    That is the label itself, unless another of the groups has it too; then the group's name stands before it.
    """
    labels = {name: list(endpoints.groups[name].labels.values()) for name in endpoint.compare}
    counts = Counter(["all", *(label for used in labels.values() for label in dict.fromkeys(used))])
    return {
        name: {label: label if counts[label] == 1 else f"{name} {label}" for label in used}
        for name, used in labels.items()
    }


def by_group(
    frame: pd.DataFrame, labels: pd.Series[Any], shown: Mapping[str, str]
) -> dict[str, pd.DataFrame]:
    """The rows of a derivation by shown label, in order; a label nobody has gives an empty frame."""
    mine = frame["patient_id"].map(labels)
    return {title: frame[mine == label] for label, title in shown.items()}


def describe_endpoint(
    endpoint: Endpoint, frame: pd.DataFrame, groups: Mapping[str, Mapping[str, pd.DataFrame]]
) -> Iterator[Record]:
    """Durations, curves, medians, restricted means and follow-up of one endpoint.

    Args:
        endpoint: Its definition.
        frame: Its rows of the derivation.
        groups: For each group to compare, its rows by label.
    """
    yield from _durations(endpoint, frame)
    if not endpoint.competing:
        yield from _curves(endpoint, frame, groups)
    yield from _followup(endpoint, frame)


def _durations(endpoint: Endpoint, frame: pd.DataFrame) -> Iterator[Record]:
    if len(frame) > MOST_SUBJECTS:
        return
    ends = ", ".join((*endpoint.events, *endpoint.competing))
    for row in frame.to_dict(orient="records"):
        said = (
            row["event"] if row["event_observed"] else f"{row['event']} {row['censor_reason'] or ''}".strip()
        )
        yield Record(
            f"{endpoint.name}.duration",
            str(row["study_subject"]),
            value=whole(row["duration_days"]),
            unit="d",
            method=f"from {endpoint.start} to the earliest of {ends}, else {endpoint.censor}",
            n=1,
            events=int(row["event_observed"]),
            note=said,
            derived_from=tuple(dict.fromkeys((*row["start_from"], *row["stop_from"]))),
        )


def survival_curve(rows: Sequence[DerivedTime]) -> Curve:
    """The Kaplan-Meier curve of derived times of one endpoint."""
    return kaplan_meier(
        np.array([row.duration_days for row in rows], dtype=float),
        np.array([row.event_observed for row in rows], dtype=bool),
    )


def all_parts(
    frame: pd.DataFrame, groups: Mapping[str, Mapping[str, pd.DataFrame]]
) -> dict[str, pd.DataFrame]:
    """Everybody as ``all``, then the rows of each label of each group."""
    return {"all": frame} | {label: part for split in groups.values() for label, part in split.items()}


def asked_days(endpoint: Endpoint, last: float, own: float, *, complete: bool) -> list[float]:
    """The days asked for, and in any case the last: that of all, or the group's own where it is earlier.

    Args:
        endpoint: Its definition.
        last: Last follow-up of all.
        own: Last follow-up of the group.
        complete: Whether the group's curve is known for ever after.
    """
    listed = [last if day == "last" else float(day) for day in endpoint.survival_at_days]
    reached = last if complete else own
    return list(dict.fromkeys([*(reached if day == last else day for day in listed), reached]))


def _curves(
    endpoint: Endpoint, frame: pd.DataFrame, groups: Mapping[str, Mapping[str, pd.DataFrame]]
) -> Iterator[Record]:
    last = float(frame["duration_days"].max()) if len(frame) else 0.0
    for group, part in all_parts(frame, groups).items():
        curve, made = curve_of(part), sources(part)
        own = float(curve.times[-1])
        for day in asked_days(endpoint, last, own, complete=bool(curve.survival[-1] == 0)):
            yield from _survival(endpoint, group, curve, day, made)
        yield from _medians(endpoint, group, curve, made)
        for limit in endpoint.restrict_at_days:
            yield restricted_mean_record(endpoint, group, curve, limit, made)


def _kinds(endpoint: Endpoint, curve: Curve) -> tuple[str, ...]:
    """The intervals of a curve, that of the definitions first; beta products where asked for or few."""
    few = (BETA_PRODUCT,) if 0 < curve.n < FEW else ()
    return tuple(dict.fromkeys((endpoint.interval, *INTERVALS, *few)))


def _survival(
    endpoint: Endpoint, group: str, curve: Curve, day: float, made: tuple[str, ...]
) -> Iterator[Record]:
    """A record for each interval that is defined at a day, or one without."""
    found = {interval: curve.at(day, interval) for interval in _kinds(endpoint, curve)}
    defined: dict[str | None, Estimate] = {
        interval: estimate for interval, estimate in found.items() if estimate.low is not None
    }
    known = curve.defined_at(day)
    if not known and curve.n:
        why = f"nobody was followed that long; last follow-up: day {whole(curve.times[-1])}"
    else:
        why = next(iter(found.values())).note
    if not defined or (defined.keys() == {BETA_PRODUCT} and endpoint.interval != BETA_PRODUCT):
        defined = {None: replace(next(iter(found.values())), low=None, high=None), **defined}
    for interval, estimate in defined.items():
        yield estimated(
            f"{endpoint.name}.survival",
            group,
            estimate,
            time_days=day,
            ci_method=interval,
            method=_BETA if interval == BETA_PRODUCT else "Kaplan-Meier, Greenwood variance",
            n=curve.n,
            events=curve.events_until(day),
            note="; ".join(
                text
                for text in (
                    why if interval is None else "",
                    "no event yet: the interval has no width" if estimate.low == 1 else "",
                    f"at risk: {curve.number_at_risk(day)}",
                )
                if text
            ),
            derived_from=made,
        )


def _medians(endpoint: Endpoint, group: str, curve: Curve, made: tuple[str, ...]) -> Iterator[Record]:
    """A record for each interval that has at least a lower limit; without any, one that says why."""
    rules = (
        ("median", False, "first time at which survival is 0.5 or less"),
        ("median_midpoint", True, "middle of the interval on which survival is 0.5 (R)"),
    )
    for name, midpoint, rule in rules:
        kinds = (*_kinds(endpoint, curve), *(() if midpoint else ("percentile-SE",)))
        found = {interval: curve.median(interval, midpoint=midpoint) for interval in kinds}
        kept: dict[str | None, Estimate] = {
            interval: estimate for interval, estimate in found.items() if estimate.low is not None
        }
        last = found[kinds[-1]]
        if kept.keys() <= {BETA_PRODUCT} - {endpoint.interval}:
            kept = {None: replace(found[kinds[0]], low=None, high=None), **kept}
        elif not midpoint and last.low is None and last.value is not None:
            kept[None] = last
        for interval, estimate in kept.items():
            yield estimated(
                f"{endpoint.name}.{name}",
                group,
                estimate,
                unit="d",
                ci_method=interval,
                method=f"{_BETA if interval == BETA_PRODUCT else 'Kaplan-Meier'}, {rule}",
                n=curve.n,
                events=int(curve.events.sum()),
                note=estimate.note if curve.n else "nobody is in the group",
                derived_from=made,
            )


def _followup(endpoint: Endpoint, frame: pd.DataFrame) -> Iterator[Record]:
    durations = [whole(value) for value in frame["duration_days"]]
    ended = frame["event"].to_numpy() != "censored"
    made = sources(frame)
    curve = reverse_kaplan_meier(frame["duration_days"].to_numpy(dtype=float), ended)
    estimate = curve.median("log")
    yield estimated(
        f"{endpoint.name}.followup_reverse",
        "all",
        estimate,
        unit="d",
        ci_method="log",
        method="reverse Kaplan-Meier: censoring is the event, first time at 0.5 or less",
        n=len(frame),
        events=int((~ended).sum()),
        note=estimate.note if len(frame) else "nobody is at risk",
        derived_from=made,
    )
    censored = [value for value, end in zip(durations, ended, strict=True) if not end]
    for name, values, method in (
        ("followup_all", durations, "median of all times, events counted as follow-up"),
        ("followup_censored", censored, "median of the times without event"),
    ):
        yield Record(
            f"{endpoint.name}.{name}",
            value=whole(median(values)) if values else None,
            unit="d",
            method=method,
            n=len(values),
            note="" if values else "there are none",
            derived_from=made,
        )
