"""Tables that may leave the house: counts by group and survival in steps, small numbers hidden on request."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from fhir_blina.derivation import derive_endpoint
from fhir_blina.endpoints import Endpoints
from fhir_blina.errors import AnalysisError, did_you_mean
from fhir_blina.facts import Facts, Tables
from fhir_blina.suppression import Interval, life_table, suppress
from fhir_blina.survival import kaplan_meier

Cell = tuple[str, str, str]
HIDDEN = "hidden"


def shared_tables(
    tables: Tables, endpoints: Endpoints, *, threshold: int | None = None, endpoint: str = ""
) -> dict[str, pd.DataFrame]:
    """``counts`` and ``survival`` as tables of numbers, without a patient in them.

    ``counts`` has a row for each set of the definitions and each group: how many patients have the property,
    how many have not. ``survival`` has the steps of one endpoint.

    Args:
        tables: View tables by name.
        endpoints: Definitions.
        threshold: Counts of 1 to threshold - 1 are hidden, with what they would follow from; steps are
            widened until none is so small. None hides nothing.
        endpoint: Whose survival; the first endpoint where it is empty. Two endpoints of the same patients
            side by side would tell apart the few in whom they differ, so there is one.

    Raises:
        AnalysisError: no such endpoint, or a threshold below 2.
    """
    name = endpoint or next(iter(endpoints.endpoints))
    if name not in endpoints.endpoints:
        raise AnalysisError(f'there is no endpoint "{name}". {did_you_mean(name, endpoints.endpoints)}')
    facts = Facts(tables, endpoints)
    frame = derive_endpoint(facts, endpoints.endpoints[name])
    cells = _cells(facts) | {
        (f"{name}: followed", "all", "yes"): frozenset(frame["patient_id"]),
        (f"{name}: event", "all", "yes"): frozenset(frame.loc[frame["event_observed"] == 1, "patient_id"]),
    }
    cells |= {
        (what, group, "no"): cells[("patients", group, "yes")] - patients
        for (what, group, _), patients in list(cells.items())
        if what != "patients"
    }
    shown: Mapping[Cell, int | None] = (
        suppress(cells, threshold) if threshold is not None else {key: len(one) for key, one in cells.items()}
    )
    rows = [
        (what, group, *(_cell(shown.get((what, group, answer), "")) for answer in ("yes", "no")))
        for what, group, answer in cells
        if answer == "yes"
    ]
    counts = pd.DataFrame(rows, columns=["property", "group", "patients", "others"])
    both = [(f"{name}: {what}", "all", "yes") for what in ("followed", "event")]
    steps = _steps(frame, threshold) if all(shown[key] is not None for key in both) else []
    survival = pd.DataFrame(
        [
            (name, one.start, one.end, one.at_risk, one.events, one.censored, f"{one.survival:.4f}")
            for one in steps
        ],
        columns=["endpoint", "after_days", "until_days", "at_risk", "events", "censored", "survival"],
    )
    return {"counts": counts, "survival": survival}


def _cells(facts: Facts) -> dict[Cell, frozenset[str]]:
    """Who has which property, in each group and in all."""
    groups = {"all": frozenset(facts.subjects.index)}
    for name in facts.endpoints.groups:
        labels = facts.group(name)
        groups |= {f"{name}: {label}": frozenset(labels.index[labels == label]) for label in labels.unique()}
    cells = {("patients", group, "yes"): patients for group, patients in groups.items()}
    for what in facts.endpoints.sets:
        members = frozenset(facts.members(what))
        cells |= {(what, group, "yes"): members & patients for group, patients in groups.items()}
    return cells


def _cell(count: int | str | None) -> str:
    return HIDDEN if count is None else str(count)


def _steps(frame: pd.DataFrame, threshold: int | None) -> list[Interval]:
    durations = frame["duration_days"].map(float).to_numpy()
    curve = kaplan_meier(durations, frame["event_observed"].map(int).to_numpy())
    return life_table(
        [float(time) for time in curve.times],
        [int(number) for number in curve.events],
        [int(number) for number in curve.censored],
        threshold or 1,
    )
