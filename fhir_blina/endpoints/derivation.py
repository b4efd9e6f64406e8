"""Derivation: duration and event of each patient and endpoint, and from which resources."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fhir_blina.endpoints.dates import Number
from fhir_blina.endpoints.definition import Endpoint, Endpoints
from fhir_blina.endpoints.evidence import Tables
from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.populations import Population
from fhir_blina.endpoints.remarks import patients_of
from fhir_blina.errors import AnalysisError

CENSORED = "censored"
CUTOFF = "administrative cutoff"
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


def derive_endpoint(facts: Facts, endpoint: Endpoint) -> pd.DataFrame:
    """One row per patient at risk of an endpoint, with the columns of ``derive``.

    The earliest event counts, whenever the last contact was; who has none is censored at the last contact, or
    at the endpoint's ``cutoff`` where that is earlier. Who has no start, an event without a day, neither an
    event nor a last contact, or a stop before the start is left out with the reason, in ``facts.account``.

    Raises:
        AnalysisError: dates beside study days.
    """
    state = (endpoint.state.time,) if endpoint.state else ()
    ends = (*endpoint.events, *endpoint.competing)
    facts.one_clock(
        f'endpoint "{endpoint.name}"', endpoint.start, *ends, *endpoint.censored_by, endpoint.censor, *state
    )
    members = facts.members(endpoint.among)
    maker = _Maker(facts, endpoint)
    rows = [row for row in map(maker.row, members) if row is not None]
    out = dict.fromkeys(facts.unknown(endpoint.among), f'not known whether in "{endpoint.among}"') | maker.out
    could = len(members) + len(out) - len(maker.out)
    facts.account.count(
        Population(kind="endpoint", name=endpoint.name, of=could, n=len(rows), out=out, sources=maker.sources)
    )
    maker.remark()
    if endpoint.lost and endpoint.censor_reason:
        facts.remark_words(f'endpoint "{endpoint.name}"', endpoint.censor_reason, [endpoint.lost])
    labels = _labels(facts, endpoint)
    said = facts.measure(endpoint.censor_reason)["value"].to_dict() if endpoint.censor_reason else {}
    subjects = facts.subjects.to_dict()
    found = [
        (
            endpoint.name,
            one.patient,
            subjects[one.patient],
            labels.get(one.patient),
            float(one.begin),
            float(one.stop),
            float(one.stop - one.begin),
            one.event in endpoint.events,
            one.event,
            (one.why or said.get(one.patient)) if one.event == CENSORED else None,
            (one.start_from,),
            (one.stop_from,),
        )
        for one in rows
    ]
    frame = pd.DataFrame(found, columns=list(DERIVATION_COLUMNS), dtype=object)
    numbers = dict.fromkeys(("start_day", "stop_day", "duration_days"), float)
    return frame.astype({**numbers, "event_observed": bool})


def _labels(facts: Facts, endpoint: Endpoint) -> dict[Any, Any]:
    names = (*endpoint.compare, *endpoint.not_compared)
    return facts.group(names[0]).to_dict() if names else {}


@dataclass(frozen=True, kw_only=True)
class _Row:
    """From where to where one patient is followed; days are exact. ``why`` is set where that is cut short."""

    patient: Any
    begin: Number
    stop: Number
    event: str
    start_from: str
    stop_from: str
    why: str


class _Maker:
    """Rows of one endpoint, patient by patient, and who has none."""

    def __init__(self, facts: Facts, endpoint: Endpoint) -> None:
        self.facts, self.endpoint = facts, endpoint
        self.ends = (*endpoint.events, *endpoint.competing)
        names = dict.fromkeys((endpoint.start, *self.ends, *endpoint.censored_by, endpoint.censor))
        self.days = {name: facts.days(name) for name in names}
        self.no_day = {name: facts.no_day(name) for name in names}
        self.out: dict[Any, str] = {}
        self.sources: dict[Any, str] = {}
        self.later: list[Any] = []
        self.cut: list[Any] = []

    def row(self, patient: Any) -> _Row | None:
        """The row of a patient, ``None`` with a reason in ``out``."""
        found = self._followed(patient)
        if isinstance(found, _Row):
            return found
        self.out[patient], self.sources[patient] = found
        return None

    def _followed(self, patient: Any) -> _Row | tuple[str, str]:
        endpoint = self.endpoint
        for name in (endpoint.start, *self.ends, *endpoint.censored_by):
            if patient in self.no_day[name]:
                return self.no_day[name][patient]
        start = self.days[endpoint.start].get(patient)
        if start is None:
            return f'no day of "{endpoint.start}"', ""
        ends = [(self.days[name][patient], name, "") for name in self.ends if patient in self.days[name]]
        others = [
            (self.days[name][patient], CENSORED, name)
            for name in endpoint.censored_by
            if patient in self.days[name]
        ]
        for (day, made), _, name in others:
            if day < start[0]:
                return f'"{name}" is before "{endpoint.start}"', made
        last = self.days[endpoint.censor].get(patient)
        if not ends and last is not None:
            others.append((last, CENSORED, ""))
        if not ends and not others:
            neither = f'neither an event nor a day of "{endpoint.censor}"'
            return self.no_day[endpoint.censor].get(patient, (neither, ""))
        (stop, made_from), event, why = min((*ends, *others), key=lambda one: one[0][0])
        if event != CENSORED and last is not None and last[0] < stop:
            self.later.append(patient)
        end = self._cutoff(start[0])
        if end is not None and stop > end:
            stop, event, made_from, why = end, CENSORED, "", CUTOFF
            self.cut.append(patient)
        cut = why == CUTOFF
        if stop < start[0]:
            reason = f'"{endpoint.start}" is after the cutoff' if cut else self._before(event)
            return reason, made_from or start[1]
        return _Row(
            patient=patient,
            begin=start[0],
            stop=stop,
            event=event,
            start_from=start[1],
            stop_from=made_from,
            why=why,
        )

    def _before(self, event: str) -> str:
        what = self.endpoint.censor if event == CENSORED else event
        return f'stops before the start: "{what}" is before "{self.endpoint.start}"'

    def _cutoff(self, start: Number) -> Number | None:
        cutoff = self.endpoint.cutoff
        if cutoff is None:
            return None
        if cutoff.kind == "days":
            return start + int(cutoff.day)
        if (cutoff.kind == "date") != self.facts.dated(self.endpoint.start):
            other = "study_day" if cutoff.kind == "date" else "date"
            raise AnalysisError(
                f'{self.facts.endpoints.path}: endpoint "{self.endpoint.name}": its times are '
                f"{'study days' if cutoff.kind == 'date' else 'dates'}. Write cutoff: {{{other}: …}}"
            )
        if cutoff.kind == "study_day":
            return int(cutoff.day)
        return dt.date.fromisoformat(str(cutoff.day)).toordinal()

    def remark(self) -> None:
        """What a reader must know of all rows together."""
        about = f'endpoint "{self.endpoint.name}"'
        account = self.facts.account
        if self.later:
            account.remark(
                rule="event-after-last-contact",
                severity="warning",
                about=about,
                title="Events after the last contact",
                printed=f"{patients_of(len(self.later))} with an event after the day of "
                f'"{self.endpoint.censor}"',
                follows="They have the event; only who has none is censored. "
                "An administrative end is said by cutoff",
                patients=self.later,
            )
        if self.cut:
            account.remark(
                rule="censored-at-cutoff",
                severity="information",
                about=about,
                title="Followed beyond the cutoff",
                printed=f"{patients_of(len(self.cut))} with an event or a last contact after it",
                follows="They are censored on the day of the cutoff",
                patients=self.cut,
            )
        reasons: dict[str, list[Any]] = {}
        for patient, reason in self.out.items():
            reasons.setdefault(reason, []).append(patient)
        for reason, patients in reasons.items():
            account.remark(
                rule="patient-left-out",
                severity="warning",
                about=about,
                title=f"Left out: {reason}",
                printed=patients_of(len(patients)),
                follows="They are in no number of this endpoint; results.json names them under left_out",
                patients=patients,
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
    return pd.concat(frames, ignore_index=True)
