"""Times before, after and within days of another: for sets, times and values."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_blina.endpoints.conditions import NO, OPEN, YES
from fhir_blina.endpoints.dates import DateRule
from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.endpoints.windows import JUST, inside
from fhir_blina.errors import AnalysisError

TIMES = """
times:
  surgery: {table: procedures, where: {code: surgery}, day: performed_date}
  relapse: {table: conditions, day: onset_date}
"""
SURGERY = [
    {"procedure_id": f"s{who}", "patient_id": f"p{who}", "code": "surgery", "performed_date": "2020-03-10"}
    for who in (1, 2, 3, 4, 5, 6)
]


def relapse(who, day):
    return {"condition_id": f"r{who}", "patient_id": f"p{who}", "onset_date": day}


def facts(made, text, **rows):
    tables, path = made(text, [{}] * 7, **rows)
    return Facts(tables, read_endpoints(path))


RELAPSES = [
    relapse(1, "2020-03-09"),
    relapse(2, "2020-03-10"),
    relapse(3, "2020-03-11"),
    relapse(4, "2020-06-08"),  # 90 days later
    relapse(5, "2020"),
    relapse(7, "2020-03-10"),  # p6 has no relapse, p7 no surgery
]


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ("time: relapse, before: surgery", [YES, NO, NO, NO, OPEN, OPEN, OPEN]),
        ("time: relapse, after: surgery", [NO, NO, YES, YES, OPEN, OPEN, OPEN]),
        ("time: relapse, to: surgery, within: [0, 90]", [NO, YES, YES, YES, OPEN, OPEN, OPEN]),
        ("time: relapse, to: surgery, within: [0, 89]", [NO, YES, YES, NO, OPEN, OPEN, OPEN]),
        ("time: relapse, to: surgery, within: [null, 0]", [YES, YES, NO, NO, OPEN, OPEN, OPEN]),
        ("time: relapse, to: surgery, within: [0, 90], missing: no", [NO, YES, YES, YES, NO, NO, NO]),
        ("time: relapse", [YES, YES, YES, YES, OPEN, NO, YES]),
    ],
)
def test_two_times_are_compared(made, entry, wanted):
    text = f"{TIMES}sets:\n  a: {{{entry}}}\n"
    found = facts(made, text, procedures=SURGERY, conditions=RELAPSES)
    assert found.truth("a").tolist() == wanted


def transfusion(who, day, number=1):
    return {
        "procedure_id": f"t{who}-{number}",
        "patient_id": f"p{who}",
        "code": "transfusion",
        "performed_date": day,
    }


TRANSFUSIONS = [
    transfusion(1, "2020-03-09"),
    transfusion(1, "2020-04-07", 2),  # 28 days after
    transfusion(2, "2020-03-09"),
    transfusion(2, "2020-04-08", 2),  # 29 days after
    transfusion(3, "2020-03"),  # before, on the day or after it
    transfusion(4, None),
    transfusion(5, "2019"),
    transfusion(7, "2020-03-10"),
]


def test_a_set_of_rows_in_a_window(made):
    window = "{table: procedures, where: {code: transfusion}, to: surgery, within: [0, 28]}"
    text = f"{TIMES}sets:\n  a: {window}\n"
    found = facts(made, text, procedures=SURGERY + TRANSFUSIONS)
    # p6 was not transfused; p7 had no surgery to be near to
    assert found.truth("a").tolist() == [YES, NO, OPEN, OPEN, NO, NO, OPEN]
    assert found.sources("a") == {"p1": "Procedure/t1-2"}
    middle = text.replace("times:", "dates: {partial: middle}\ntimes:")
    found = facts(made, middle, procedures=SURGERY + TRANSFUSIONS)
    assert found.truth("a").tolist() == [YES, NO, YES, OPEN, NO, NO, OPEN]


def test_a_value_in_a_window_is_known_only_where_it_was_measured_there(made):
    rows = [
        {"observation_id": f"o{who}", "patient_id": f"p{who}", "value_quantity": value, "effective_date": day}
        for who, value, day in [
            (1, 7, "2020-03-01"),
            (2, 9, "2020-03-01"),
            (3, 7, "2020-01-01"),
            (4, None, "2020-03-01"),
        ]
    ]
    window = "to: surgery, within: [-30, 0]"
    text = f"{TIMES}sets:\n  a: {{table: observations, where: {{value_quantity: {{below: 8}}}}, {window}}}\n"
    found = facts(made, text, procedures=SURGERY, observations=rows)
    assert found.truth("a").tolist() == [YES, NO, OPEN, OPEN, OPEN, OPEN, OPEN]


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ("pick: first, after: surgery", {"p1": "2020-04-07", "p2": "2020-04-08"}),
        ("pick: last, before: surgery", {"p1": "2020-03-09", "p2": "2020-03-09", "p5": None}),
        ("pick: first, to: surgery, within: [0, 28]", {"p1": "2020-04-07"}),
        ("pick: nearest, to: surgery", {"p1": "2020-03-09", "p2": "2020-03-09", "p5": None}),
        ("after: surgery", {"p1": "2020-04-07", "p2": "2020-04-08"}),
    ],
)
def test_a_time_in_a_window_or_nearest(made, entry, wanted):
    text = f"{TIMES}  t: {{table: procedures, where: {{code: transfusion}}, day: performed_date, {entry}}}\n"
    found = facts(made, text, procedures=SURGERY + TRANSFUSIONS)
    rule = DateRule()
    days = {who: rule.read(day).day for who, day in wanted.items() if day}
    assert {who: day for who, (day, _) in found.days("t").items()} == days
    out = found.no_day("t")
    assert out["p7"][0] == 'no day of "surgery"'
    assert out["p3"][0] == "a date that is not whole may lie in the window" or entry.startswith("pick: near")
    assert out["p4"][0] == '"t" without a day'


def test_several_rows_in_the_window_need_a_pick(made):
    rows = [*SURGERY, transfusion(1, "2020-03-11"), transfusion(1, "2020-03-12", 2)]
    text = f"{TIMES}  t: {{table: procedures, where: {{code: transfusion}}, day: performed_date, after: surgery}}\n"
    with pytest.raises(AnalysisError, match=r'yaml:9: time "t" has several rows for one patient'):
        facts(made, text, procedures=rows).time("t")


@pytest.mark.parametrize(
    ("day", "target", "within", "wanted"),
    [
        (Decimal("1.5"), 1, (0, 1), YES),
        (Decimal("0.5"), 1, (None, -JUST), YES),
        (1, 1, (None, -JUST), NO),
        (1, 1, (JUST, None), NO),
        ("2020-02", 737425, (0, 40), OPEN),  # 2020-01-01
        ("2020-02", 737425, (0, 60), YES),
        ("2020-02", 737425, (60, None), NO),
        (None, 1, (0, 1), OPEN),
        (1, None, (0, 1), OPEN),
    ],
)
def test_inside(day, target, within, wanted):
    read = None if day is None else DateRule().read(day)
    assert inside(read, target, within) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sets:\n  a: {time: relapse, within: [0, 1]}", r'yaml:10: error: set "a" needs one of before'),
        ("sets:\n  a: {time: relapse, before: surgery, after: surgery}", r"yaml:10: .*needs one of"),
        ("sets:\n  a: {all_of: [b], before: surgery}", r'yaml:10: error: set "a" has before, and no table'),
        ("sets:\n  a: {time: relapse, table: procedures}", r"yaml:10: .*Make two sets"),
        ("sets:\n  a: {time: relaps}", r'yaml:10: error: no time is named "relaps". Did you mean "relapse"'),
        (
            "  t: {table: procedures, day: performed_date, to: surgery}",
            r'yaml:9: error: time "t" needs one of before',
        ),
        (
            "  t: {table: procedures, day: performed_date, pick: nearest}",
            r"yaml:9: .*nearest is near to",
        ),
        (
            "  t: {set: a, day: 0}\nsets:\n  a: {time: t}",
            r'yaml:(9|11): error: (set|time) "(a|t)" is defined by itself',
        ),
        (
            "  t: {table: procedures, day: performed_date, before: t}",
            r'yaml:9: error: time "t" is defined by itself',
        ),
    ],
)
def test_half_a_window_is_an_error_with_its_line(made, text, message):
    _, path = made(TIMES + text + "\n", [{}])
    with pytest.raises(AnalysisError, match=message):
        read_endpoints(path)
