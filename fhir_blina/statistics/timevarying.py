"""States entered during follow-up, and landmarks: comparisons without immortal time.

A subject counts in the state only from the day it enters it. The naive comparison of those who ever entered
with those who never did gives the former the days that they had to survive to enter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fhir_blina.statistics.logrank import LogRank, log_rank
from fhir_blina.statistics.survival import Curve, Floats, Vector, checked, kaplan_meier


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
        entered: Time of entering; ``nan`` for never. At or after the end of follow-up counts as never: a
            subject is in the state from just after the day on which it enters.
    """
    t, d, _ = checked(durations, events)
    when = np.asarray(entered, dtype=float)
    never = np.isnan(when) | (when >= t)
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


def mantel_byar(durations: Vector, events: Vector, entered: Vector) -> LogRank:
    """The log-rank test of a state entered during follow-up (Mantel and Byar 1974).

    Equal to the score test of a Cox model with the state as a time-dependent covariate. Not estimable, with
    the reason, where at no event time somebody is in the state and somebody else is not.
    """
    parts = split(durations, events, entered)
    if not len(parts.subject):
        return log_rank([], [], [])
    order = np.argsort(parts.inside, kind="stable")
    labels = np.where(parts.inside[order], "in the state", "not in the state").tolist()
    return log_rank(parts.stop[order], parts.event[order], labels, entry=parts.start[order])


def simon_makuch(
    durations: Vector, events: Vector, entered: Vector, landmark: float = 0.0
) -> dict[bool, Curve]:
    """Curves of those in the state (True) and not in it (False), after Simon and Makuch (1984).

    Times count from ``landmark``; only those at risk then are followed. A subject changes from one curve to
    the other when it enters the state. A curve may start with few at risk, or with nobody: read it with its
    numbers at risk.
    """
    t, d, _ = checked(durations, events)
    when = np.asarray(entered, dtype=float)
    keep = t > landmark
    later = np.maximum(when[keep] - landmark, 0)
    parts = split(t[keep] - landmark, d[keep], later)
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
    """Those at risk on ``day``, followed from it (Anderson, Cain and Gelber 1983)."""
    t, d, _ = checked(durations, events)
    kept = np.flatnonzero(t >= day)
    return Landmark(kept, t[kept] - day, d[kept], len(t) - len(kept))
