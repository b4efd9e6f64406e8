"""Derivation: duration and event of each patient and endpoint, and from which resources."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fhir_blina.endpoints.definition import Endpoint, Endpoints
from fhir_blina.endpoints.facts import Facts, Tables
from fhir_blina.errors import AnalysisError

CENSORED = "censored"
DERIVATION_COLUMNS = (
    "endpoint",
    "patient_id",
    "study_subject",
    "group",
    "start_day",
    "stop_day",
    "duration_days",
    "event_observed",
    "event",
    "censor_reason",
    "start_from",
    "stop_from",
)


def days(values: pd.Series[Any]) -> pd.Series[Any]:
    """Days as floats, which hold every whole and half day exactly."""
    return pd.to_numeric(values.map(float), errors="raise").astype(float)


def derive_endpoint(facts: Facts, endpoint: Endpoint) -> pd.DataFrame:
    """One row per patient at risk of an endpoint, with the columns of ``derive``.

    Raises:
        AnalysisError: an event or last contact before the start, neither event nor last contact, or dates
            beside study days.
    """
    state = (endpoint.state["time"],) if endpoint.state else ()
    times = (endpoint.start, *endpoint.events, *endpoint.competing, endpoint.censor, *state)
    facts.one_clock(f'endpoint "{endpoint.name}"', *times)
    members = facts.members(endpoint.among)
    start = facts.time(endpoint.start)
    members = members[members.isin(start.index)]
    begin = days(start["value"].reindex(members))
    stop = pd.Series(float("inf"), index=members)
    event = pd.Series(CENSORED, index=members, dtype=object)
    stop_from = pd.Series("", index=members, dtype=object)
    for name in (*endpoint.events, *endpoint.competing):
        found = facts.time(name)
        day = days(found["value"]).reindex(members)
        earlier = day.notna() & (day < stop)
        stop = stop.where(~earlier, day)
        event = event.where(~earlier, name)
        stop_from = stop_from.where(~earlier, found["source"].reindex(members))
    contact = facts.time(endpoint.censor)
    last = days(contact["value"]).reindex(members)
    censored = last.notna() & (last < stop)
    stop = stop.where(~censored, last)
    event = event.where(~censored, CENSORED)
    stop_from = stop_from.where(~censored, contact["source"].reindex(members))
    endless = stop == float("inf")
    if endless.any():
        raise AnalysisError(
            f'{facts.endpoints.path}: endpoint "{endpoint.name}": {int(endless.sum())} patients '
            f'have neither an event nor a day in "{endpoint.censor}"'
        )
    if (stop < begin).any():
        raise AnalysisError(
            f'{facts.endpoints.path}: endpoint "{endpoint.name}": {int((stop < begin).sum())} patients '
            f'stop before they start ("{endpoint.start}")'
        )
    reason = pd.Series(None, index=members, dtype=object)
    if endpoint.censor_reason:
        said = facts.measure(endpoint.censor_reason)["value"].reindex(members)
        reason = _or_none(said, (event == CENSORED) & said.notna())
    labels = pd.Series(None, index=members, dtype=object)
    names = (*endpoint.compare, *endpoint.not_compared)
    if names:
        label = facts.group(names[0]).reindex(members)
        labels = _or_none(label, label.notna())
    return pd.DataFrame(
        {
            "endpoint": endpoint.name,
            "patient_id": members.to_numpy(),
            "study_subject": facts.subjects.reindex(members).to_numpy(),
            "group": labels.to_numpy(),
            "start_day": begin.to_numpy(),
            "stop_day": stop.to_numpy(),
            "duration_days": (stop - begin).to_numpy(),
            "event_observed": event.isin(endpoint.events).to_numpy(),
            "event": event.to_numpy(),
            "censor_reason": reason.to_numpy(),
            "start_from": [(item,) for item in start["source"].reindex(members)],
            "stop_from": [(item,) for item in stop_from],
        },
        columns=list(DERIVATION_COLUMNS),
    )


def derive(tables: Tables, endpoints: Endpoints) -> pd.DataFrame:
    """The derivation: one row per patient and endpoint.

    Columns: ``endpoint``, ``patient_id``, ``study_subject``, ``group`` (label in the first group named),
    ``start_day``, ``stop_day``, ``duration_days`` (study days), ``event_observed`` (its own event),
    ``event`` (name of the event or competing event, or ``censored``), ``censor_reason``, ``start_from`` and
    ``stop_from`` (tuples of ``Type/id``).

    Raises:
        AnalysisError: a table, column or day that the definitions need is absent or contradicts another.
    """
    facts = Facts(tables, endpoints)
    frames = [derive_endpoint(facts, endpoint) for endpoint in endpoints.endpoints.values()]
    found = pd.concat(frames, ignore_index=True)
    for column in ("group", "censor_reason"):
        found[column] = _or_none(found[column], found[column].notna())
    return found


def _or_none(values: pd.Series[Any], kept: pd.Series[bool]) -> pd.Series[Any]:
    """The values that are kept, ``None`` for the others."""
    both = zip(values, kept, strict=True)
    return pd.Series([value if keep else None for value, keep in both], index=values.index, dtype=object)
