"""The record of an estimate: value and interval together, the interval's name only where there is one."""

from __future__ import annotations

from fhir_blina.analysis.descriptive import whole
from fhir_blina.results import Record
from fhir_blina.statistics import Estimate


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
