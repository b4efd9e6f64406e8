"""Records of harder contrasts: landmarks, states entered during follow-up, the penalised hazard ratio."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from fhir_blina.analysis.comparisons import compare
from fhir_blina.analysis.descriptive import whole
from fhir_blina.analysis.estimates import estimated, sources
from fhir_blina.analysis.outcomes import by_group
from fhir_blina.endpoints import Endpoint, Facts, Population, State
from fhir_blina.results import Record
from fhir_blina.statistics import TIMEFIX, Estimate, firth_cox, landmark, mantel_byar, simon_makuch


def _arrays(frame: pd.DataFrame) -> tuple[Any, Any]:
    return frame["duration_days"].to_numpy(dtype=float), frame["event_observed"].to_numpy(dtype=bool)


def describe_firth(endpoint: Endpoint, name: str, parts: Mapping[str, pd.DataFrame]) -> Iterator[Record]:
    """Firth-penalised hazard ratio of the second group against the first."""
    if len(parts) != 2:
        return
    first, second = parts
    frame = pd.concat(list(parts.values()))
    t, d = _arrays(frame)
    x = np.array([0.0] * len(parts[first]) + [1.0] * len(parts[second]))
    empty = [label for label, part in parts.items() if not len(part)]
    found = firth_cox(t, d, x)
    if empty or found.hazard_ratio is None:
        reason = f"not estimable: nobody is in {', '.join(empty)}" if empty else found.note
        yield Record(
            f"{endpoint.name}.firth_hazard_ratio",
            f"{second} v {first}",
            method="Cox, Firth's penalty",
            n=len(frame),
            events=int(d.sum()),
            note=reason,
            derived_from=sources(frame),
        )
        return
    note = f"by {name}; "
    if found.monotone:
        note += "the ordinary Cox estimate is infinite, and its P-value is not reported"
    else:
        note += "ties by Breslow"
    yield Record(
        f"{endpoint.name}.firth_hazard_ratio",
        f"{second} v {first}",
        value=found.hazard_ratio,
        ci_low=found.low,
        ci_high=found.high,
        ci_method="profile penalised likelihood",
        method="Cox, Firth's penalty (Heinze and Schemper 2001)",
        n=len(frame),
        events=int(d.sum()),
        p_value=found.p,
        test="penalised likelihood ratio",
        note=note,
        derived_from=sources(frame),
    )


def describe_landmarks(
    facts: Facts, endpoint: Endpoint, frame: pd.DataFrame, groups: Mapping[str, Mapping[str, str]]
) -> Iterator[Record]:
    """Comparisons of those still at risk at each landmark, by group and by state reached by then."""
    t, d = _arrays(frame)
    for day in endpoint.landmark_days:
        kept = landmark(t, d, day)
        rest = frame.iloc[kept.kept].assign(duration_days=kept.durations, event_observed=kept.events)
        said = f"landmark day {day}: {len(rest)} at risk, {kept.excluded} left before"
        for name, labels in groups.items():
            for record in compare(
                endpoint.name,
                by_group(rest, facts.group(name), labels),
                f"{said}; by {name}",
                only="log-rank",
            ):
                yield _at_landmark(record, f"{endpoint.name}.landmark_log_rank", day)
        if endpoint.state:
            name = endpoint.state.name
            rest = _known_state(facts, endpoint.state, rest)
            entered = _entered(facts, endpoint.state, rest)
            inside = pd.Series(entered <= day + TIMEFIX, index=rest.index)
            parts = {f"{name} by then": rest[inside], f"no {name} by then": rest[~inside]}
            for record in compare(endpoint.name, parts, f"{said}; by {name}", only="log-rank"):
                yield _at_landmark(record, f"{endpoint.name}.landmark_{name}_log_rank", day)


def _at_landmark(record: Record, name: str, day: int) -> Record:
    return replace(record, name=name, time_days=day, method=f"{record.method}; times from the landmark")


def _known_state(facts: Facts, state: State, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows without those who entered the state on a day that nobody knows."""
    reasons = facts.no_day(state.time)
    return frame[~frame["patient_id"].isin(list(reasons))]


def _entered(facts: Facts, state: State, frame: pd.DataFrame) -> Any:
    """Days from the endpoint's start to the state, by row; ``nan`` for never."""
    times = facts.timed(state.time)
    return np.array(
        [
            float(whole(times[key][0]) - whole(start)) if key in times else math.nan
            for key, start in zip(frame["patient_id"], frame["start_day"], strict=True)
        ]
    )


def describe_state(facts: Facts, endpoint: Endpoint, frame: pd.DataFrame) -> Iterator[Record]:
    """Mantel-Byar test, Simon-Makuch curves and, labelled as biased, the naive contrast of a state."""
    state = endpoint.state
    if not state or not len(frame):
        return
    name = state.name
    reasons = facts.no_day(state.time)
    out = {key: reasons[key][0] for key in frame["patient_id"] if key in reasons}
    if out:
        size = len(frame)
        title = f"{endpoint.name}: {name}"
        facts.account.count(Population(kind="state", name=title, of=size, n=size - len(out), out=out))
    frame = _known_state(facts, state, frame)
    if not len(frame):
        return
    t, d = _arrays(frame)
    entered = _entered(facts, state, frame)
    test = mantel_byar(t, d, entered)
    events = test.log_rank.observed
    observed = ", ".join(f"{value:g}" for value in events)
    same_day = int(np.isclose(entered, t, rtol=0, atol=TIMEFIX).sum())
    by_log_rank = (
        ""
        if test.chi2 is None
        else (f"with the variance of the log-rank test: {test.log_rank.chi2:.6g}, P {test.log_rank.p:.4g}")
    )
    ended = f"{same_day} ended on the day of entering, in the state" if same_day else ""
    yield Record(
        f"{endpoint.name}.mantel_byar",
        f"no {name} v {name}",
        value=test.chi2,
        method="chi-square, state entered during follow-up (Mantel and Byar 1974); ties by Efron (R: coxph)",
        n=len(frame),
        events=int(d.sum()),
        p_value=test.p,
        test="Mantel-Byar, 1 degree of freedom",
        note="; ".join(
            text
            for text in (test.note, f"events outside and inside the state: {observed}", ended, by_log_rank)
            if text
        ),
        derived_from=sources(frame),
    )
    reached = entered[~np.isnan(entered)]
    first = float(reached.min()) if len(reached) else 0.0
    for inside, curve in simon_makuch(t, d, entered).items():
        group = name if inside else f"no {name}"
        days = [float(t.max()) if day == "last" else float(day) for day in endpoint.survival_at_days]
        for asked in dict.fromkeys(days):
            estimate = curve.at(asked)
            known = estimate.value is not None and not (inside and asked < first)
            yield estimated(
                f"{endpoint.name}.simon_makuch",
                group,
                estimate if known else Estimate(None),
                time_days=asked,
                ci_method="log-log",
                method="Simon-Makuch: Kaplan-Meier with delayed entry into the state",
                n=curve.n,
                events=curve.events_until(asked) if known else 0,
                note=(estimate.note or f"at risk: {curve.number_at_risk(asked)}")
                if known
                else (estimate.note if estimate.value is None else "nobody is in the state yet"),
                derived_from=sources(frame),
            )
    naive = facts.endpoints.groups[state.group]
    parts = by_group(frame, facts.group(naive.name), {label: label for label in naive.labels.values()})
    warning = f"biased, a contrast only: those with {name} had to survive until it (immortal time)"
    for record in compare(endpoint.name, parts, warning, only="log-rank"):
        yield replace(record, name=f"{endpoint.name}.naive_{name}_log_rank")
