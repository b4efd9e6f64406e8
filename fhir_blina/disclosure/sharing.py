"""What may leave the house: counts by group and survival in steps, small numbers hidden on request.

``shared_tables`` gives them as tables, ``suppressed_results`` as the records of ``results.json``. Both are
made from the counts that may be shown and from the definitions alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from fhir_blina.analysis import counted_in, proportion_records
from fhir_blina.disclosure.life_table import Interval, life_table
from fhir_blina.disclosure.suppression import suppress
from fhir_blina.disclosure.withheld import withheld
from fhir_blina.endpoints import Endpoints, Facts, Tables, derive_endpoint
from fhir_blina.errors import AnalysisError, did_you_mean
from fhir_blina.results import Record, Results
from fhir_blina.statistics import PROPORTION_INTERVALS, kaplan_meier

Cell = tuple[str, str, str]
Cells = dict[Cell, frozenset[str]]
HIDDEN = "hidden"
NO_COUNT = "suppressed: does not follow from the counts that are shown"
WEEK = 7
PATIENTS = "all patients"  # no set can have that name
EVERYONE = (PATIENTS, "all", "yes")


@dataclass(frozen=True)
class Shown:
    """What may be shown.

    Attributes:
        endpoint: Whose survival, empty where there is none.
        counts: Patients by property, group and answer (``yes``, ``no``); None where hidden.
        steps: Survival.
    """

    endpoint: str
    counts: Mapping[Cell, int | None]
    steps: tuple[Interval, ...]


def shown_numbers(tables: Tables, endpoints: Endpoints, threshold: int | None, endpoint: str) -> Shown:
    """The counts of the definitions and the steps of one endpoint.

    Args:
        tables: View tables by name.
        endpoints: Definitions.
        threshold: As for ``shared_tables``.
        endpoint: Name of an endpoint; empty for none.
    """
    facts = Facts(tables, endpoints)
    if not endpoints.subjects.of_patients:
        text = f"small numbers are those of patients, and what is counted is a {endpoints.subjects.unit}"
        raise AnalysisError(f"{endpoints.path}: {text}. Define subjects by patient_id to share results")
    cells = _cells(facts)
    steps: list[Interval] = []
    at_steps: Cells = {}
    if endpoint:
        frame = derive_endpoint(facts, endpoints.endpoints[endpoint])
        followed = frozenset(frame["patient_id"])
        event = frozenset(frame.loc[frame["event_observed"].astype(bool), "patient_id"])
        cells |= {
            (f"{endpoint}: followed", "all", "yes"): followed,
            (f"{endpoint}: followed", "all", "no"): cells[EVERYONE] - followed,
            (f"{endpoint}: event", "all", "yes"): event,
            (f"{endpoint}: event", "all", "no"): followed - event,
        }
        steps, at_steps = _steps(frame, event, threshold)
    if threshold is None:
        return Shown(endpoint, {key: len(one) for key, one in cells.items()}, tuple(steps))
    shown = suppress(cells | at_steps, threshold, keep=at_steps)
    if any(shown[key] is None for key in at_steps):  # all steps or none
        steps, shown = [], suppress(cells, threshold)
    elif any(shown[key] is None for key in cells if key[0].startswith(f"{endpoint}: ")):
        steps = []
    rows = {key[:2] for key in cells if shown[key] is None}
    # a zero beside a hidden number would say that all of a few have a property, or none
    counts = {key: None if shown[key] == 0 and key[:2] in rows else shown[key] for key in cells}
    return Shown(endpoint, counts, tuple(steps))


def shared_tables(
    tables: Tables, endpoints: Endpoints, *, threshold: int | None = None, endpoint: str = ""
) -> dict[str, pd.DataFrame]:
    """``counts`` and ``survival`` as tables of numbers, without a patient in them.

    ``counts`` has a row for each set of the definitions and each group, and for each proportion among a
    part of the patients: how many have the property, how many have not, of how many nobody knows.
    ``survival`` has the steps of one endpoint.

    Args:
        tables: View tables by name.
        endpoints: Definitions.
        threshold: Counts of 1 to threshold - 1 are hidden, with what they would follow from; steps are whole
            weeks, as many as it takes until none is so small. None hides nothing.
        endpoint: Whose survival; the first endpoint without competing events where it is empty. Two
            endpoints of the same patients side by side would tell apart the few in whom they differ, so
            there is one.

    Raises:
        AnalysisError: no such endpoint, none at all, one with competing events, or a threshold below 2.
    """
    if not endpoints.endpoints:
        raise AnalysisError(
            f"{endpoints.path}: there is no endpoint, so no survival to share. Define one under endpoints"
        )
    name = endpoint or _first(endpoints)
    if endpoint and name not in endpoints.endpoints:
        raise AnalysisError(f'there is no endpoint "{name}". {did_you_mean(name, endpoints.endpoints)}')
    if not name or endpoints.endpoints[name].competing:
        which = f'endpoint "{name}" has' if name else "every endpoint has"
        raise AnalysisError(f"{endpoints.path}: {which} competing events and no survival. Name one without")
    shown = shown_numbers(tables, endpoints, threshold, name)
    rows = [
        (
            what,
            group,
            *(_cell(shown.counts.get((what, group, answer), "")) for answer in ("yes", "no")),
            _cell(shown.counts.get((what, group, "unknown"), 0)),
        )
        for what, group, answer in shown.counts
        if answer == "yes"
    ]
    counts = pd.DataFrame(rows, columns=["property", "group", "patients", "others", "unknown"])
    survival = pd.DataFrame(
        [
            (name, one.start, one.end, one.at_risk, one.events, one.censored, f"{one.survival:.4f}")
            for one in shown.steps
        ],
        columns=["endpoint", "after_days", "until_days", "at_risk", "events", "censored", "survival"],
    )
    return {"counts": counts, "survival": survival}


def _first(endpoints: Endpoints) -> str:
    """The first endpoint that has a survival curve; empty where none has."""
    return next((name for name, one in endpoints.endpoints.items() if not one.competing), "")


def suppressed_results(tables: Tables, endpoints: Endpoints, threshold: int) -> Results:
    """Results without a patient and without a small number.

    Counts, proportions and the survival of the first endpoint are those of ``shared_tables`` at the same
    threshold. Medians, other endpoints and comparisons are there by name, without a value: they are functions
    of single patients. Derivation, claims and findings are empty. Nothing but shown counts and definitions
    goes in.

    Args:
        tables: View tables by name.
        endpoints: Definitions.
        threshold: The smallest count that may be shown, but for 0.

    Raises:
        AnalysisError: a threshold below 2.
    """
    shown = shown_numbers(tables, endpoints, threshold, _first(endpoints))
    few = f"suppressed: fewer than {threshold}, or needed to hide such a number"
    records = [*_counted(endpoints, shown, few), *_survival(shown, few)]
    known = {(one.name, one.group) for one in records}
    others = (one for one in dict.fromkeys(withheld(endpoints)) if one not in known)
    return Results((*records, *(Record(name, group, note=NO_COUNT) for name, group in others)))


def _counted(endpoints: Endpoints, shown: Shown, few: str) -> Iterator[Record]:
    """How many there are, and the proportions."""
    count = shown.counts[EVERYONE]
    yield Record(
        "subjects.count",
        value=count,
        method="rows of the table of patients",
        n=count,
        note=few if count is None else "",
    )
    for name, asked in endpoints.sections.proportions.items():
        wanted, among = asked.wanted, asked.among
        having, others = (shown.counts[_among(wanted, among, answer)] for answer in ("yes", "no"))
        if having is None or others is None:
            for interval in PROPORTION_INTERVALS:
                yield Record(f"{name}.proportion", ci_method=interval, note=few)
        else:
            yield from proportion_records(name, wanted, among, having, having + others)


def _survival(shown: Shown, few: str) -> Iterator[Record]:
    name = f"{shown.endpoint}.survival"
    if shown.endpoint and not shown.steps:
        yield Record(name, note=few)
    events = 0
    for step in shown.steps:
        events += step.events
        yield Record(
            name,
            time_days=int(step.end),
            value=step.survival,
            method="actuarial estimate from the numbers of the steps (Cutler and Ederer 1958)",
            n=shown.steps[0].at_risk,
            events=events,
            note=f"since day {int(step.start)}: {step.at_risk} at risk, {step.events} with event, "
            f"{step.censored} censored",
        )


def _cells(facts: Facts) -> Cells:
    """Who has which property and who has not, in each group and in all, and among parts of the patients."""
    groups = {"all": frozenset(facts.subjects.index)}
    for name in facts.endpoints.groups:
        labels = facts.group(name)
        groups |= {f"{name}: {label}": frozenset(labels.index[labels == label]) for label in labels.unique()}
    cells: Cells = {(PATIENTS, group, "yes"): patients for group, patients in groups.items()}
    for what in facts.endpoints.sets:
        members, unknown = frozenset(facts.members(what)), frozenset(facts.unknown(what))
        for group, patients in groups.items():
            cells |= {
                (what, group, "yes"): members & patients,
                (what, group, "no"): patients - members - unknown,
            }
            if unknown:
                cells[what, group, "unknown"] = unknown & patients
    for asked in facts.endpoints.sections.proportions.values():
        wanted, among = asked.wanted, asked.among
        counted, having = map(frozenset, counted_in(facts, asked))
        cells |= {_among(wanted, among, "yes"): having, _among(wanted, among, "no"): counted - having}
        if unknown := frozenset(facts.unknown(wanted)) & frozenset(facts.members(among)):
            cells[_among(wanted, among, "unknown")] = unknown
    return cells


def _among(wanted: str, among: str, answer: str) -> Cell:
    return (wanted if among == "all" else f"{wanted} of {among}", "all", answer)


def _cell(count: int | str | None) -> str:
    return HIDDEN if count is None else str(count)


def _steps(frame: pd.DataFrame, event: frozenset[str], threshold: int | None) -> tuple[list[Interval], Cells]:
    """The steps of a derivation, and who is counted in each and after the last."""
    days = frame["duration_days"].map(float)
    if threshold is not None:  # no time of a single patient: the end of its week
        days = days.map(lambda day: WEEK * max(1, math.ceil(day / WEEK)))
    curve = kaplan_meier(days.to_numpy(), frame["event_observed"].map(int).to_numpy())
    steps = life_table(
        [float(time) for time in curve.times],
        [int(number) for number in curve.events],
        [int(number) for number in curve.censored],
        threshold or 1,
    )
    cells: Cells = {}
    ends = [(one.start, one.end) for one in steps]
    for start, end in [*ends, (ends[-1][1], math.inf)] if ends else ():
        here = frozenset(frame["patient_id"][(days > start) & (days <= end)])
        cells[f"after {start:g} days", "all", "event"] = here & event
        cells[f"after {start:g} days", "all", "censored"] = here - event
    return steps, cells
