"""Records of how far a comparison carries: patients lost to follow-up, and power."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pandas as pd

from fhir_blina.analysis.comparisons import compare
from fhir_blina.analysis.descriptive import SHOWN_P
from fhir_blina.analysis.estimates import sources
from fhir_blina.endpoints import Endpoint, PowerAsked
from fhir_blina.results import Record
from fhir_blina.statistics import in_words, smallest_p

FEW_EVENTS = 20  # below, Schoenfeld's normal approximation is too optimistic


def describe_lost(
    endpoint: Endpoint, frame: pd.DataFrame, groups: Mapping[str, Mapping[str, pd.DataFrame]]
) -> Iterator[Record]:
    """Log-rank tests with those lost to follow-up having the event a day later, or never."""
    gone = frame["censor_reason"].eq(endpoint.lost).to_numpy(dtype=bool) & bool(endpoint.lost)
    lost = frame["patient_id"][gone] if gone.any() else None
    if lost is None:
        return
    end = float(frame["duration_days"].max())
    for name, parts in groups.items():
        for kind, said in (
            ("lost_event", "the event on the day after they were lost"),
            ("lost_no_event", "no event until the last follow-up of all"),
        ):
            changed = {}
            for label, part in parts.items():
                mine = part["patient_id"].isin(lost)
                later = part["duration_days"] + 1 if kind == "lost_event" else end
                times = part["duration_days"].where(~mine, later)
                events = part["event_observed"] | (mine if kind == "lost_event" else False)
                changed[label] = part.assign(duration_days=times, event_observed=events)
            note = f"sensitivity: {len(lost)} lost to follow-up taken to have {said}; by {name}"
            for record in compare(endpoint.name, changed, note):
                if record.name.split(".")[1] in ("log_rank", "log_rank_exact"):
                    name_of = f"{endpoint.name}.{kind}_{record.name.split('.')[1]}"
                    yield replace(record, name=name_of, note=note)


def describe_power(asked: PowerAsked, parts: Mapping[str, pd.DataFrame]) -> Iterator[Record]:
    """What a comparison of two groups of this size, with this many events, can show.

    Schoenfeld (1983): log HR is detected with power Φ(√(events p q) |log HR| - z(1 - α/2)).
    """
    from scipy.special import ndtr, ndtri

    if len(parts) != 2 or not all(len(part) for part in parts.values()):
        return
    (first, one), (second, two) = parts.items()
    pair, n = f"{first} v {second}", len(one) + len(two)
    share = len(one) / n
    events = int(one["event_observed"].sum() + two["event_observed"].sum())
    alpha, wanted = float(asked.alpha), float(asked.power)
    z, beta = float(ndtri(1 - alpha / 2)), float(ndtri(wanted))
    name, method = asked.endpoint, "Schoenfeld 1983"
    made = sources(pd.concat([one, two]))
    few = f"; with fewer than {FEW_EVENTS} events it flatters" if events < FEW_EVENTS else ""
    for ratio in asked.hazard_ratios:
        effect = abs(math.log(float(ratio)))
        slug = str(ratio).replace(".", "_")
        power = float(ndtr(math.sqrt(events * share * (1 - share)) * effect - z))
        needed = math.ceil((z + beta) ** 2 / (share * (1 - share) * effect**2))
        yield Record(
            f"{name}.power_hazard_ratio_{slug}",
            pair,
            value=power,
            method=f"{method}, alpha {alpha:g}, two-sided",
            n=n,
            events=events,
            derived_from=made,
            note=f"asymptotic{few}",
        )
        yield Record(
            f"{name}.events_needed_hazard_ratio_{slug}",
            pair,
            value=needed,
            method=f"{method}, power {wanted:g}, alpha {alpha:g}, two-sided",
            n=n,
            events=events,
            derived_from=made,
        )
    detectable = math.exp((z + beta) / math.sqrt(events * share * (1 - share))) if events else None
    yield Record(
        f"{name}.detectable_hazard_ratio",
        pair,
        value=detectable,
        method=f"{method}: smallest ratio above 1 found with power {wanted:g}",
        n=n,
        events=events,
        note="" if events else "there is no event",
        derived_from=made,
    )
    smallest = smallest_p(n, len(one), mirrored=len(one) == len(two))
    if smallest < SHOWN_P:
        return
    yield Record(
        f"{name}.smallest_exact_p",
        pair,
        value=smallest,
        method=f"smallest two-sided P of an exact rank test over {in_words(n, len(one))} labelings",
        n=n,
        events=events,
        note="no exact two-sided test of these sizes can give a smaller P",
        derived_from=made,
    )
