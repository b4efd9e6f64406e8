"""Records of the hazard ratio of two groups: ours, and by each method that a paper may have used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from fhir_blina.analysis.estimates import sources
from fhir_blina.endpoints import Endpoint
from fhir_blina.results import Record
from fhir_blina.statistics import RATIO_METHODS, Ratio, hazard_ratio

FEW_EVENTS = 10  # below, the ordinary Cox estimate is not to be trusted


def describe_ratios(endpoint: Endpoint, groups: Mapping[str, Mapping[str, pd.DataFrame]]) -> Iterator[Record]:
    """The hazard ratio of the second label against the first, of each group that has two.

    Firth's, which stands for itself, is in ``contrasts``.
    """
    for name, parts in groups.items():
        if len(parts) != 2:
            continue
        found, why = ratio_of(parts)
        yield ratio_record(f"{endpoint.name}.hazard_ratio", parts, found, endpoint, (why, f"by {name}"))
        for method in RATIO_METHODS:
            if method != "firth":
                one = method, hazard_ratio(*arrays(parts), method)
                yield ratio_record(
                    f"{endpoint.name}.{method}_hazard_ratio", parts, one, endpoint, (f"by {name}",)
                )


def arrays(parts: Mapping[str, pd.DataFrame]) -> tuple[Any, Any, Any]:
    """Times, events, and who is of the second of two labels."""
    frame = pd.concat(list(parts.values()))
    first, second = (len(part) for part in parts.values())
    return (
        frame["duration_days"].to_numpy(dtype=float),
        frame["event_observed"].to_numpy(dtype=bool),
        np.repeat([False, True], [first, second]),
    )


def ratio_of(parts: Mapping[str, pd.DataFrame]) -> tuple[tuple[str, Ratio], str]:
    """Our choice of method with its ratio, and why it was chosen where it is not the usual one."""
    given = arrays(parts)
    events = int(given[1].sum())
    usual = hazard_ratio(*given)
    if usual.value is not None and events >= FEW_EVENTS:
        return ("efron", usual), ""
    penalised = hazard_ratio(*given, "firth")
    if penalised.value is None:
        return ("efron", usual), ""
    if usual.value is None:
        return ("firth", penalised), "Firth's penalty, as the ordinary Cox estimate is infinite"
    return ("firth", penalised), f"Firth's penalty, as there are fewer than {FEW_EVENTS} events"


def ratio_record(
    name: str,
    parts: Mapping[str, pd.DataFrame],
    found: tuple[str, Ratio],
    endpoint: Endpoint,
    said: tuple[str, ...],
    inside: str = "",
) -> Record:
    """The record of a ratio; ``inside`` names the subgroup that it is of, which has no P of its own."""
    (first, one), (second, two) = parts.items()
    method, ratio = found
    both = pd.concat([one, two])
    cause = "cause-specific: competing events count as censored" if endpoint.competing else ""
    by_arm = "; ".join(
        f"{label}: {int(part['event_observed'].sum())} events of {len(part)}" for label, part in parts.items()
    )
    known = ratio.value is not None
    return Record(
        name,
        f"{second} v {first}{inside}",
        value=ratio.value,
        ci_low=ratio.low,
        ci_high=ratio.high,
        ci_method=ratio.interval,
        method=RATIO_METHODS[method],
        n=len(both),
        events=int(both["event_observed"].sum()),
        p_value=None if inside else ratio.p,
        test=None if inside or not known else ratio.test,
        note="; ".join(text for text in (ratio.note, *said, by_arm, cause) if text),
        derived_from=sources(both),
    )
