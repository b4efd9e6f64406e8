"""States entered during follow-up, and landmarks: comparisons without immortal time.

A subject counts in the state only from the day it enters it. The naive comparison of those who ever entered
with those who never did gives the former the days that they had to survive to enter.

One rule for the day itself, here and at landmarks: who ends, by event or censoring, on the day on which the
state begins, ends in the state. As in a counting process (R's ``heart`` data), everybody else is at risk in
the state after that day, so that others' events of that day find him outside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.logrank import LogRank, counts, log_rank
from fhir_blina.statistics.survival import Curve, kaplan_meier
from fhir_blina.statistics.times import Floats, Vector, checked, numbers, tied


@dataclass(frozen=True)
class Split:
    """Follow-up cut where each subject enters the state; one row per stretch.

    Attributes:
        subject: Position of the subject.
        start: Time at which the stretch begins.
        stop: Time at which it ends.
        event: Whether it ends with the event.
        inside: Whether the subject is in the state.
    """

    subject: npt.NDArray[np.int64]
    start: Floats
    stop: Floats
    event: npt.NDArray[np.bool_]
    inside: npt.NDArray[np.bool_]


def split(durations: Vector, events: Vector, entered: Vector) -> Split:
    """Cut follow-up at the time of entering a state.

    Args:
        durations: Time to event or censoring.
        events: True where the event was observed.
        entered: Time of entering; ``nan`` for never, below 0 for before the beginning. After the end of
            follow-up counts as never. At the end itself, the subject enters between its last time and the
            one before of all: its end is in the state.

    Raises:
        AnalysisError: times or events that cannot be used.
    """
    t, d, when = _states(durations, events, entered)
    never = np.isnan(when) | (when > t)
    known = np.unique(np.concatenate([[0.0], t, when[~np.isnan(when)]]))
    last = ~never & (when == t) & (t > 0)
    before = known[np.clip(np.searchsorted(known, t, side="left") - 1, 0, None)]
    when = np.where(last, (before + t) / 2, when)
    if (d & (t == 0)).any() and len(known) > 1:  # whoever enters on day 0 is outside for events of that day
        when = np.where((when == 0) & (t > 0), known[known > 0][0] / 2, when)
    subjects = np.arange(len(t))
    switch = ~never & (when > 0)
    inside_only = ~never & (when <= 0)
    rows = [
        (subjects[never], np.zeros(never.sum()), t[never], d[never], np.zeros(never.sum(), dtype=bool)),
        (
            subjects[switch],
            np.zeros(switch.sum()),
            when[switch],
            np.zeros(switch.sum(), dtype=bool),
            np.zeros(switch.sum(), dtype=bool),
        ),
        (subjects[switch], when[switch], t[switch], d[switch], np.ones(switch.sum(), dtype=bool)),
        (
            subjects[inside_only],
            np.zeros(inside_only.sum()),
            t[inside_only],
            d[inside_only],
            np.ones(inside_only.sum(), dtype=bool),
        ),
    ]
    return Split(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def _states(
    durations: Vector, events: Vector, entered: Vector
) -> tuple[Floats, npt.NDArray[np.bool_], Floats]:
    """Durations, events and days of entering, times that are one made equal."""
    t, d, _ = checked(durations, events)
    when = numbers(entered, "a day of entering")
    if when.shape != t.shape or np.isinf(when).any():
        raise AnalysisError("days of entering must be one for each subject, and not infinite")
    t, when = tied(t, when)
    return t, d, when


@dataclass(frozen=True)
class StateTest:
    """Test of a state entered during follow-up.

    Attributes:
        chi2: Score statistic of Cox's model with the state as covariate, ties by Efron's method, as R's
            ``coxph`` has it; ``None`` where it is not estimable. Without ties it is the log-rank statistic.
        p: Two-sided P from chi-square with one degree of freedom.
        log_rank: The same comparison as a log-rank test, with the hypergeometric variance for ties; its
            ``observed`` are the events outside and inside the state.
        note: Why there is no statistic, else empty.
    """

    chi2: float | None
    p: float | None
    log_rank: LogRank
    note: str = ""


def mantel_byar(durations: Vector, events: Vector, entered: Vector) -> StateTest:
    """The test of a state entered during follow-up (Mantel and Byar 1974).

    Not estimable, with the reason, where at no event time somebody is in the state and somebody else is not.
    """
    parts = split(durations, events, entered)
    if not len(parts.subject):
        nothing = log_rank([], [], [])
        return StateTest(None, None, nothing, nothing.note)
    order = np.argsort(parts.inside, kind="stable")
    labels = np.where(parts.inside[order], "in the state", "not in the state").tolist()
    test = log_rank(parts.stop[order], parts.event[order], labels, entry=parts.start[order])
    if test.chi2 is None:
        return StateTest(None, None, test, test.note)
    gap, variance = _efron_score(parts)
    from scipy.special import chdtrc

    statistic = gap**2 / variance
    return StateTest(statistic, float(chdtrc(1, statistic)), test)


def _efron_score(parts: Split) -> tuple[float, float]:
    """Score and information at a hazard ratio of 1; of tied events, each in turn leaves its share behind."""
    at_risk, deaths = counts(parts.stop, parts.event, parts.start, parts.inside.astype(np.intp), 2)
    n, d = at_risk.sum(axis=1), deaths.sum(axis=1)
    each = np.repeat(np.arange(len(d)), d.astype(int))  # a row for each event
    first = np.concatenate([[0], np.cumsum(d.astype(int))[:-1]])
    gone = (np.arange(len(each)) - first[each]) / d[each]
    share = (at_risk[each, 1] - gone * deaths[each, 1]) / (n[each] - gone * d[each])
    return float(deaths[:, 1].sum() - share.sum()), float((share * (1 - share)).sum())


def simon_makuch(
    durations: Vector, events: Vector, entered: Vector, landmark: float = 0.0
) -> dict[bool, Curve]:
    """Curves of those in the state (True) and not in it (False), after Simon and Makuch (1984).

    Times count from ``landmark``; those still at risk on that day are followed, as by ``landmark``. A subject
    changes from one curve to the other when it enters the state. A curve may start with few at risk, or with
    nobody: read it with its numbers at risk.
    """
    t, d, when = _states(durations, events, entered)
    t, when, (landmark,) = tied(t, when, np.array([landmark], dtype=float))
    keep = t >= landmark
    parts = split(t[keep] - landmark, d[keep], when[keep] - landmark)  # before 0: in it from the beginning
    curves = {}
    for inside in (False, True):
        mine = parts.inside == inside
        curves[inside] = kaplan_meier(parts.stop[mine], parts.event[mine], entry=parts.start[mine])
    return curves


@dataclass(frozen=True)
class Landmark:
    """Follow-up from a landmark on, of those still at risk then.

    Attributes:
        kept: Positions of the subjects at risk at the landmark.
        durations: Their times from the landmark.
        events: Their events.
        excluded: How many had an event or were censored before it.
    """

    kept: npt.NDArray[np.int64]
    durations: Floats
    events: npt.NDArray[np.bool_]
    excluded: int


def landmark(durations: Vector, events: Vector, day: float) -> Landmark:
    """Those at risk on ``day``, followed from it (Anderson, Cain and Gelber 1983).

    Who ends on the day itself is still at risk on it, with a time of 0.
    """
    t, d, _ = checked(durations, events)
    t, (day,) = tied(t, np.array([day], dtype=float))
    kept = np.flatnonzero(t >= day)
    return Landmark(kept, t[kept] - day, d[kept], len(t) - len(kept))
