"""The record of an estimate: value and interval together, where it comes from, the curve behind it."""

from __future__ import annotations

import pandas as pd

from fhir_blina.analysis.descriptive import whole
from fhir_blina.results import Record
from fhir_blina.statistics import Curve, Estimate, kaplan_meier


def estimated(
    name: str,
    group: str,
    estimate: Estimate,
    *,
    ci_method: str | None,
    method: str,
    n: int,
    events: int,
    note: str,
    derived_from: tuple[str, ...],
    time_days: float | None = None,
    unit: str = "1",
) -> Record:
    """A record of an estimate.

    Args:
        name: Name of the record.
        group: Whom it is of.
        estimate: Its value and limits.
        ci_method: What the interval is called; without a lower limit the record names none.
        method: How the value was worked out.
        n: Subjects counted.
        events: Events until then.
        note: What a reader must know.
        derived_from: ``Type/id`` of the resources behind it.
        time_days: The time that it belongs to.
        unit: UCUM.
    """
    return Record(
        name,
        group,
        time_days=None if time_days is None else whole(time_days),
        value=estimate.value,
        unit=unit,
        ci_low=estimate.low,
        ci_high=estimate.high,
        ci_method=ci_method if estimate.low is not None else None,
        method=method,
        n=n,
        events=events,
        note=note,
        derived_from=derived_from,
    )


def sources(frame: pd.DataFrame) -> tuple[str, ...]:
    """The resources behind the rows of a derivation, each once; more than 100 become table names."""
    found = list(dict.fromkeys(item for cell in frame["stop_from"] for item in cell if item))
    return tuple(found) if len(found) <= 100 else tuple(sorted({item.split("/")[0] for item in found}))


def curve_of(frame: pd.DataFrame) -> Curve:
    """The Kaplan-Meier curve of the rows of a derivation."""
    return kaplan_meier(
        frame["duration_days"].to_numpy(dtype=float), frame["event_observed"].to_numpy(dtype=bool)
    )
