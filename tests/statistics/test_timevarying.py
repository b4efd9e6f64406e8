from __future__ import annotations

import numpy as np
import pytest

from fhir_blina.statistics.timevarying import landmark, mantel_byar, simon_makuch, split
from tests.r_values import r_values

SIX = ([91, 32, 126, 267, 170, 52], [1, 1, 1, 0, 0, 0])
MB = (
    [5, 8, 12, 15, 19, 22, 27, 31, 36, 40],
    [1, 1, 0, 1, 1, 0, 1, 1, 0, 1],
    [float("nan"), 3, float("nan"), 6, 10, 7, float("nan"), 20, 14, 25],
)


R = r_values()


def stanford():
    """Follow-up, death and day of transplantation of 103 patients (Crowley and Hu 1977), by lifelines."""
    from lifelines.datasets import load_stanford_heart_transplants

    times, events, entered = [], [], []
    for _, rows in load_stanford_heart_transplants().groupby("id"):
        times.append(float(rows["stop"].max()))
        events.append(int(rows["event"].iloc[-1]))
        since = rows.loc[rows["transplant"] == 1, "start"]
        # in these data half a day stands between the transplantation and the death of the same day
        entered.append(float(np.ceil(since.iloc[0])) if len(since) else float("nan"))
    return times, events, entered


def near(value):
    return pytest.approx(value, rel=1e-9, abs=1e-11)


def test_mantel_byar_is_the_score_test_of_coxph():
    assert mantel_byar(*MB).chi2 == near(R["mantel-byar"][0])


def test_simon_makuch_curves_are_those_of_survfit():
    curves = simon_makuch(*MB)
    assert [curves[False].at(15).value] == near(R["simon-makuch 0"])
    assert [curves[True].at(day).value for day in (15, 31)] == near(R["simon-makuch 1"])


def test_transplantation_is_not_estimable_in_the_six():
    never = float("nan")
    found = mantel_byar(*SIX, [84, never, 69, 68, 88, never])
    assert found.chi2 is None
    assert found.p is None
    assert "not estimable" in found.note


def test_days_before_the_state_do_not_count_in_it():
    parts = split([10, 5, 7, 4], [1, 1, 0, 1], [4, float("nan"), 0, 4])
    rows = sorted(zip(parts.subject, parts.start, parts.stop, parts.event, parts.inside, strict=True))
    assert rows == [
        (0, 0, 4, False, False),
        (0, 4, 10, True, True),
        (1, 0, 5, True, False),
        (2, 0, 7, False, True),
        (3, 0, 2, False, False),  # entered on the day of the event: it is one of the state
        (3, 2, 4, True, True),
    ]


def test_a_landmark_keeps_who_is_at_risk_and_restarts_the_clock():
    found = landmark(*SIX, 90)
    assert list(found.kept) == [0, 2, 3, 4]
    assert list(found.durations) == [1, 36, 177, 80]
    assert found.excluded == 2


def test_an_event_on_the_day_of_entering_belongs_to_the_state_as_in_r():
    # Stanford's heart transplants: one patient was transplanted on day 5 and died on day 5
    times, events, entered = stanford()
    assert sum(t == w for t, w in zip(times, entered, strict=True)) == 1
    test = mantel_byar(times, events, entered)
    assert test.chi2 == near(R["stanford score"][0])
    assert test.p == near(R["stanford score"][1])
    assert (round(test.chi2, 3), round(test.p, 3)) == (0.178, 0.673)
    assert test.log_rank.observed == (30, 45)
    curves = simon_makuch(times, events, entered)
    for inside in (False, True):
        for day in (30, 90, 365):
            expected = R[f"stanford simon-makuch {int(inside)} {day}"]
            found = curves[inside].at(day)
            assert [found.value, found.standard_error] == near(expected)
    assert round(curves[True].at(30).value, 3) == 0.735


def test_at_a_landmark_too_the_day_of_entering_is_in_the_state():
    # day 5: one ends on it and entered on it; one is there since day 1; two enter later or never
    times, events = [5, 9, 8, 12], [1, 1, 1, 0]
    entered = [5, 1, float("nan"), 7]
    assert list(landmark(times, events, 5).kept) == [0, 1, 2, 3]
    curves = simon_makuch(times, events, entered, landmark=5)
    # in the state at the landmark: the one who was in it already; the other joins for its own end alone
    assert curves[True].n == 3
    assert curves[False].events_until(100) == 1
    assert curves[True].events_until(100) == 2


def test_those_who_enter_on_day_0_are_outside_for_the_events_of_day_0():
    # by a counting process a day later: at day 1 one of three at risk outside dies, nobody is inside yet
    late = mantel_byar([1, 6, 11], [1, 1, 1], [float("nan"), 1, float("nan")])
    now = mantel_byar([0, 5, 10], [1, 1, 1], [float("nan"), 0, float("nan")])
    assert now.chi2 == near(late.chi2)
    # before day 0: inside from the beginning
    before = mantel_byar([0, 5, 10], [1, 1, 1], [float("nan"), -1, float("nan")])
    assert before.chi2 != near(late.chi2)
