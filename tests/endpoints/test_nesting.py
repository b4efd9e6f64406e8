"""``any``, ``all`` and ``not`` over the columns of a row: truth tables worked out by hand."""

from __future__ import annotations

import pytest

from fhir_blina.endpoints.conditions import NO, OPEN, YES
from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.errors import AnalysisError

ICD = "http://hl7.org/fhir/sid/icd-10"


def condition(who, **more):
    return {"condition_id": f"c{who}{len(more)}", "patient_id": f"p{who}", "code_system": ICD} | more


def observed(who, **more):
    return {"observation_id": f"o{who}{len(more)}", "patient_id": f"p{who}", "code": "hb"} | more


def truth(made, entry, people, **rows):
    tables, path = made(f"sets:\n  a: {entry}\n", [{}] * people, **rows)
    return Facts(tables, read_endpoints(path)).truth("a").tolist()


CANCERS = [
    condition(1, code="C50.9", body_site_code="breast"),
    condition(2, code="C61", body_site_code="breast"),
    condition(3, code="C61", body_site_code="prostate"),
    condition(4, code="C50.1"),
    condition(5, body_site_code="breast"),
    condition(6, code="E11"),
]


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        # a code that is missing is none that was looked for; p7 has no condition
        ("any: [{code: {prefix: C50}}, {body_site_code: breast}]", [YES, YES, NO, YES, YES, NO, NO]),
        ("code: {prefix: C50}, body_site_code: breast", [YES, NO, NO, NO, NO, NO, NO]),
        ("all: [{code: {prefix: C50}}, {body_site_code: breast}]", [YES, NO, NO, NO, NO, NO, NO]),
        # under not a cell that is missing is open
        ("not: {body_site_code: breast}", [NO, NO, YES, OPEN, NO, OPEN, NO]),
        (
            "not: {any: [{code: {prefix: C50}}, {body_site_code: breast}]}",
            [NO, NO, YES, NO, NO, OPEN, NO],
        ),
        (
            "not: {code: {prefix: C50}, body_site_code: breast}",
            [NO, YES, YES, OPEN, OPEN, YES, NO],
        ),
        ("not: {not: {body_site_code: breast}}", [YES, YES, NO, NO, YES, NO, NO]),
        ("not: {body_site_code: null}", [YES, YES, YES, NO, YES, NO, NO]),
        ("code_system: icd, any: [{code: C61}, {code: E11}]", [NO, YES, YES, NO, NO, YES, NO]),
    ],
)
def test_conditions_on_codes(made, where, wanted):
    entry = f"{{table: conditions, where: {{{where}}}}}".replace("icd", ICD)
    assert truth(made, entry, 7, conditions=CANCERS) == wanted


VALUES = [
    observed(1, value_quantity=5, value_code="pos"),
    observed(2, value_quantity=5),
    observed(3, value_quantity=9, value_code="neg"),
    observed(4, value_quantity=9),
    observed(5, value_code="pos"),
    observed(6),
    observed(7, value_quantity=9, value_comparator="<"),
]


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        # a value that is missing is open wherever it decides; p8 has no observation
        (
            "any: [{value_quantity: {below: 8}}, {value_code: pos}]",
            [YES, YES, NO, OPEN, YES, OPEN, OPEN, OPEN],
        ),
        (
            "all: [{value_quantity: {below: 8}}, {value_code: pos}]",
            [YES, OPEN, NO, NO, OPEN, OPEN, OPEN, OPEN],
        ),
        ("not: {value_code: pos}", [NO, OPEN, YES, OPEN, NO, OPEN, OPEN, OPEN]),
        (
            "not: {any: [{value_quantity: {below: 8}}, {value_code: pos}]}",
            [NO, NO, YES, OPEN, NO, OPEN, OPEN, OPEN],
        ),
        ("code: hb, any: [{value_quantity: {below: 10}}]", [YES, YES, YES, YES, OPEN, OPEN, YES, OPEN]),
    ],
)
def test_conditions_on_values(made, where, wanted):
    entry = f"{{table: observations, where: {{{where}}}}}"
    assert truth(made, entry, 8, observations=VALUES) == wanted
    no = [NO if one == OPEN else one for one in wanted]
    assert truth(made, entry[:-1] + ", missing: no}", 8, observations=VALUES) == no


def test_not_applicable_is_no(made):
    rows = [observed(1, data_absent_reason="not-applicable"), observed(2, data_absent_reason="unknown")]
    entry = "{table: observations, where: {any: [{value_quantity: {below: 8}}]}}"
    assert truth(made, entry, 2, observations=rows) == [NO, OPEN]


def test_columns_of_the_same_row_are_bounds(made):
    rows = [
        observed(1, value_quantity=45, reference_high=40),
        observed(2, value_quantity=40, reference_high=40),
        observed(3, value_quantity=45),
        observed(4, reference_high=40),
        observed(5, value_quantity=45, value_comparator="<", reference_high=40),
        observed(6, value_quantity=45, value_comparator=">", reference_high=40),
    ]
    above = "{table: observations, where: {value_quantity: {above: {column: reference_high}}}}"
    assert truth(made, above, 6, observations=rows) == [YES, NO, OPEN, OPEN, OPEN, YES]
    within = "{table: observations, where: {not: {value_quantity: {above: {column: reference_high}}}}}"
    assert truth(made, within, 6, observations=rows) == [NO, YES, OPEN, OPEN, OPEN, NO]


def test_dates_of_the_same_row_are_bounds(made):
    rows = [
        condition(1, onset_date="2020-01-01", recorded_date="2020-02-01"),
        condition(2, onset_date="2020-02-02", recorded_date="2020-02-01T10:00:00Z"),
        condition(3, onset_date="2020", recorded_date="2020-02-01"),  # may be before or after
        condition(4, onset_date="2019", recorded_date="2020-02"),
        condition(5, recorded_date="2020-02-01"),
    ]
    entry = "{table: conditions, where: {onset_date: {max: {column: recorded_date}}}}"
    assert truth(made, entry, 5, conditions=rows) == [YES, NO, OPEN, YES, NO]


def test_a_partial_date_leaves_a_bound_open(made):
    days = ["2020-07-01", "2020-01-01", "2020", "2019", None]
    rows = [condition(who, onset_date=day) for who, day in enumerate(days, 1)]
    entry = '{table: conditions, where: {onset_date: {min: "2020-06-01"}}}'
    assert truth(made, entry, 5, conditions=rows) == [YES, NO, OPEN, NO, NO]
    entry = '{table: conditions, where: {not: {onset_date: {min: "2020-06-01"}}}}'
    assert truth(made, entry, 5, conditions=rows) == [NO, YES, OPEN, YES, OPEN]


def test_mixed_kinds_and_columns_that_are_not_there_are_errors_with_their_line(made):
    entry = "{table: conditions, where: {onset_date: {max: {column: onset_study_day}}}}"
    row = condition(1, onset_date="2020-01-01", onset_study_day=4)
    with pytest.raises(
        AnalysisError, match=r'yaml:6: table "conditions": column "onset_date" has dates, and'
    ):
        truth(made, entry, 1, conditions=[row])
    tables, path = made("sets:\n  a: {table: conditions, where: {any: [{not: {cod: x}}]}}\n", [{}])
    with pytest.raises(AnalysisError, match=r'yaml:6: table "conditions" has no column "cod". Did you mean'):
        Facts(tables, read_endpoints(path)).check()
    for wrong in ("{any: []}", "{any: {code: x}}", "{not: [{code: x}]}", "{a: {max: {columm: b}}}"):
        _, path = made(f"sets:\n  a: {{table: conditions, where: {wrong}}}\n", [{}])
        with pytest.raises(AnalysisError, match="yaml:6: "):
            read_endpoints(path)


def test_a_row_entered_in_error_is_left_out_unless_its_status_is_named(made):
    rows = [observed(1, value_code="pos", status="entered-in-error")]
    entry = "{table: observations, where: {any: [{value_code: pos}]}}"
    assert truth(made, entry, 1, observations=rows) == [OPEN]
    entry = "{table: observations, where: {any: [{value_code: pos, status: entered-in-error}]}}"
    assert truth(made, entry, 1, observations=rows) == [YES]
