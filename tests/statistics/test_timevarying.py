from __future__ import annotations

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
        (3, 0, 4, True, False),  # entered on the day of the event: never in the state
    ]


def test_a_landmark_keeps_who_is_at_risk_and_restarts_the_clock():
    found = landmark(*SIX, 90)
    assert list(found.kept) == [0, 2, 3, 4]
    assert list(found.durations) == [1, 36, 177, 80]
    assert found.excluded == 2
