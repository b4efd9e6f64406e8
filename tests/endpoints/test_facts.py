"""Measures, sets and groups from tables: who is counted, and what is said of the others."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest

from fhir_blina.analysis.analysis import analyze
from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.errors import AnalysisError

SHORT = """
subjects: {table: patients, key: patient_id, label: patient_id}
systems: {loinc: http://loinc.org}
endpoints: {}
"""
LOINC = "http://loinc.org"


def observed(who, value=None, code="stage", **more):
    return {
        "observation_id": f"o-{who}-{code}-{len(more)}",
        "patient_id": f"p{who}",
        "status": "final",
        "code_system": LOINC,
        "code": code,
        "value_integer": value,
    } | more


STAGE = "sets:\n  stage4: {table: observations, where: {code_system: loinc, code: stage, value_integer: 4}MISSING}\n"


def staged(missing=""):
    # 144 of 412 are in stage 4; of 6 no stage is recorded, of three of them there is not even a row
    rows = [observed(n, 4 if n <= 144 else 3) for n in range(1, 413)]
    rows += [observed(n, None) for n in range(413, 416)]
    return STAGE.replace("MISSING", missing), [{}] * 418, rows


def test_who_has_no_value_is_not_in_the_denominator(made):
    text, patients, rows = staged()
    tables, path = made(
        text + "  other: {none_of: [stage4]}\nproportions: {stage4: {}, other: {}}\n",
        patients,
        observations=rows,
    )
    results = analyze(tables, path)
    share = results.one("stage4.proportion")
    assert (share.events, share.n) == (144, 412)
    assert "412 of 418: 6 have no value" in share.note
    other = results.one("other.proportion")
    assert (other.events, other.n) == (268, 412)
    (population,) = (one for one in results.populations if one.name == "stage4")
    assert (population.n, population.of) == (412, 418)


def test_missing_means_no_where_the_set_says_so(made):
    text, patients, rows = staged(", missing: no")
    tables, path = made(text + "proportions: {stage4: {}}\n", patients, observations=rows)
    share = analyze(tables, path).one("stage4.proportion")
    assert (share.events, share.n) == (144, 418)
    assert "6 of them have no value and count as without it" in share.note


def test_not_applicable_is_a_no(made):
    rows = [observed(1, 4), observed(2, None, data_absent_reason="not-applicable"), observed(3, None)]
    tables, path = made(STAGE.replace("MISSING", ""), [{}] * 3, observations=rows)
    facts = Facts(tables, read_endpoints(path))
    assert (list(facts.members("stage4")), list(facts.unknown("stage4"))) == (["p1"], ["p3"])


def test_sets_with_a_third_answer_are_joined_by_kleene_s_logic(made):
    text = (
        STAGE.replace("MISSING", "")
        + """
  male: {table: patients, where: {gender: male}}
  both: {all_of: [stage4, male]}
  either: {any_of: [stage4, male]}
  neither: {none_of: [stage4, male]}
"""
    )
    people = [{"gender": "male"}, {"gender": "female"}, {"gender": None}]
    rows = [observed(1, 3), observed(3, 4)]  # p2 has no stage
    tables, path = made(text, people, observations=rows)
    facts = Facts(tables, read_endpoints(path))
    found = {name: (list(facts.members(name)), list(facts.unknown(name))) for name in facts.endpoints.sets}
    assert found == {
        "stage4": (["p3"], ["p2"]),
        "male": (["p1"], ["p3"]),
        "both": ([], ["p3"]),
        "either": (["p1", "p3"], ["p2"]),
        "neither": ([], ["p2"]),
    }


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("code: stge", 'code: no row has "stge" (did you mean "stage"?)'),
        ("code_system: snomed, code: stage", 'code_system: no row has "http://snomed.info/sct"'),
        ("code: stage, status: fnal", 'status: no row has "fnal" (did you mean "final"?)'),
        ("code: stage, value_code: secnd", 'value_code: no row has "secnd" (did you mean "second"?)'),
        ("code: other, status: amended", "no row has all of it together"),
    ],
)
def test_a_where_that_selects_no_row_is_a_finding(made, where, said):
    rows = [
        observed(1, value_code="second"),
        observed(1, code="other", status="final"),
        observed(1, status="amended", code="x"),
    ]
    tables, path = made(
        f"sets:\n  a: {{table: observations, where: {{{where}}}}}\nproportions: {{a: {{}}}}\n",
        [{}],
        observations=rows,
    )
    (finding,) = (one for one in analyze(tables, path).findings if one.rule == "where-selects-nothing")
    assert said in finding.printed


def test_texts_of_patients_are_never_suggested(made):
    rows = [observed(1, value_string="Mrs Smith has relapsed")]
    where = "code: stage, value_string: Mrs Smith has relapse"
    tables, path = made(
        f"sets:\n  a: {{table: observations, where: {{{where}}}}}\nproportions: {{a: {{}}}}\n",
        [{}],
        observations=rows,
    )
    assert "relapsed" not in str(analyze(tables, path).findings)


def quantity(who, value, unit=None, comparator=None, date="2020-01-01", **more):
    return observed(
        who, code="hb", value_quantity=Decimal(str(value)), value_unit=unit, value_comparator=comparator,
        effective_date=date, observation_id=f"o-{who}-{date}-{value}", **more,
    )  # fmt: skip


HB = "measures: {hb: {table: observations, where: {code: hb}, value: value_quantity, unit: g/dL, pick: last}}\n"


def test_what_cannot_be_converted_is_left_out_with_the_reason(made):
    rows = [quantity(1, 12, "g/dL"), quantity(2, 7.4, "mmol/L"), quantity(3, 11)]
    tables, path = made(HB, [{}] * 4, observations=rows)
    population = Facts(tables, read_endpoints(path)).population("hb")
    assert population.out == {
        "p2": "recorded in mmol/L, which cannot be converted to g/dL",
        "p3": "no unit recorded",
        "p4": "no row",
    }
    assert population.sources["p2"] == "Observation/o-2-2020-01-01-7.4"


def test_several_units_and_none_asked_for_is_an_error(made):
    rows = [quantity(1, 12, "g/dL"), quantity(2, 120, "g/L")]
    tables, path = made(HB.replace("unit: g/dL, ", ""), [{}] * 2, observations=rows)
    with pytest.raises(AnalysisError, match=r"endpoints\.yaml:5.*g/L, g/dL\. Say which unit"):
        Facts(tables, read_endpoints(path)).measure("hb")
    tables, path = made(
        "sets: {a: {table: observations, where: {code: hb, value_quantity: {min: 10}}}}\n",
        [{}] * 2,
        observations=rows,
    )
    with pytest.raises(AnalysisError, match="unit: g/L"):
        Facts(tables, read_endpoints(path)).members("a")
    path.write_text(path.read_text().replace("min: 10", "min: 10, unit: g/dL"))
    assert list(Facts(tables, read_endpoints(path)).members("a")) == ["p1", "p2"]


def test_the_unit_recorded_is_the_unit_where_none_is_asked_for(made):
    tables, path = made(
        HB.replace("unit: g/dL, ", "") + "summaries: {hb: {}}\n", [{}], observations=[quantity(1, 12, "g/dL")]
    )
    assert analyze(tables, path).one("hb.median").unit == "g/dL"


def test_a_baseline_is_the_nearest_value_in_a_window(made):
    text = """
times: {dx: {table: conditions, where: {code: c}, day: onset_date, pick: first}}
measures: {hb: {table: observations, where: {code: hb}, value: value_quantity, unit: g/dL, pick: nearest, to: dx, within: [-30, 0]}}
"""
    rows = [
        quantity(1, 10, "g/dL", date="2020-01-20"), quantity(1, 11, "g/dL", date="2020-01-30"), quantity(1, 5, "g/dL", date="2020-02-02"),
        quantity(2, 9, "g/dL", date="2019-12-01"), quantity(3, 8, "g/dL", date="2020-01-30"),
    ]  # fmt: skip
    conditions = [
        {"condition_id": f"c{n}", "patient_id": f"p{n}", "code": "c", "onset_date": "2020-02-01"}
        for n in (1, 2)
    ]
    tables, path = made(text, [{}] * 3, observations=rows, conditions=conditions)
    facts = Facts(tables, read_endpoints(path))
    assert {key: value for key, (value, _) in facts.measured("hb").items()} == {"p1": 11}
    assert facts.population("hb").out == {
        "p2": 'no value within -30 to 0 days of "dx"',
        "p3": 'no day of "dx"',
    }


def test_who_is_in_two_sets_of_a_group_is_in_neither_label(made):
    text = """
sets: {a: {table: observations, where: {code: a}}, b: {table: observations, where: {code: b}}}
groups: {arm: {sets: {a: A, b: B}}}
"""
    rows = [observed(1, code="a"), observed(2, code="b"), observed(3, code="a"), observed(3, code="b")]
    tables, path = made(text, [{}] * 4, observations=rows)
    facts = Facts(tables, read_endpoints(path))
    assert dict(facts.group("arm")) == {"p1": "A", "p2": "B"}
    assert facts.account.populations["group", "arm"].out == {
        "p3": "in two of its sets",
        "p4": "in none of its sets",
    }


def test_words_are_listed_and_not_averaged(made):
    text = "measures: {grade: {table: observations, where: {code: stage}, value: value_code, pick: last}}\n"
    rows = [
        observed(1, value_code="good", study_day=1),
        observed(1, value_code="poor", study_day=2, value_text="x"),
    ]
    tables, path = made(text + "listed: [grade]\n", [{}], observations=rows)
    assert analyze(tables, path).one("grade.value", "p1").note == "poor"
    path.write_text(path.read_text().replace("listed: [grade]", "summaries: {grade: {}}"))
    with pytest.raises(AnalysisError, match="holds words"):
        analyze(tables, path)


def test_every_name_that_is_not_there_is_named_at_once_with_its_line(made):
    text = """sets:
  a: {table: observatons}
  b: {table: observations, where: {cod: x}}
measures: {m: {table: observations, value: value_quantty}}
"""
    tables, path = made(text, [{}])
    with pytest.raises(AnalysisError) as caught:
        analyze(tables, path)
    for said in (
        'yaml:6: there is no table "observatons". Did you mean "observations"?',
        'yaml:7: table "observations" has no column "cod". Did you mean "code"?',
        'has no column "value_quantty"',
    ):
        assert said in str(caught.value)
    path.write_text(SHORT + "sets: {a: {table: observations, where: {code_system: lonic}}}\n")
    with pytest.raises(
        AnalysisError, match=r'no code system is named "lonic" under systems. Did you mean "loinc"'
    ):
        read_endpoints(path)


def test_rows_of_nobody_are_counted(made):
    rows = [observed(1, 4), observed(2, 4) | {"patient_id": None}, observed(9, 4)]
    tables, path = made(STAGE.replace("MISSING", "") + "proportions: {stage4: {}}\n", [{}], observations=rows)
    (finding,) = (one for one in analyze(tables, path).findings if one.rule == "rows-without-patient")
    assert "1 row without a patient, 1 row of other patients" in finding.printed


def test_a_word_misspelt_in_having_labels_or_lost_is_a_finding(made):
    text = """
measures: {reason: {table: observations, where: {code: reason}, value: value_code}}
sets: {dead: {table: observations, where: {code: time}, having: [{table: components, where: {component_code: os-evnt}, on: observation_id}]}}
groups: {why: {measure: reason, labels: {alive: alive, lost-to-folow-up: lost}}}
summaries: {age: {by: why}}
proportions: {dead: {}}
"""
    text = text.replace(
        "reason: {table",
        "age: {table: observations, where: {code: age}, value: value_integer}, reason: {table",
    )
    time = observed(1, code="time", observation_id="o1")
    rows = [time, observed(1, code="reason", value_code="lost-to-follow-up"), observed(1, 40, code="age")]
    parts = [{"observation_id": "o1", "patient_id": "p1", "code": "time", "component_code": "os-event"}]
    tables, path = made(text, [{}], observations=rows, components=parts)
    found = [one.printed for one in analyze(tables, path).findings if one.rule == "where-selects-nothing"]
    assert any(
        'having "components": component_code: no row has "os-evnt" (did you mean "os-event"?)' in one
        for one in found
    )
    assert any('no value is "lost-to-folow-up" (did you mean "lost-to-follow-up"?)' in one for one in found)


@pytest.mark.parametrize("status", ["entered-in-error", "not-done", "cancelled", "planned"])
def test_what_was_not_done_is_no_fact_of_a_patient(made, status):
    rows = [observed(1, 4), observed(2, 4, status=status)]
    text = "sets: {a: {table: observations, where: {code: stage}}, b: {table: observations, where: {code: stage, status: STATUS}}}\n"
    tables, path = made(text.replace("STATUS", status), [{}] * 2, observations=rows)
    facts = Facts(tables, read_endpoints(path))
    assert (list(facts.members("a")), list(facts.members("b"))) == (["p1"], ["p2"])


def test_a_unit_that_is_only_displayed_counts_where_it_is_one_of_ucum(made):
    rows = [
        quantity(1, 120, value_unit_text="g/L"),
        quantity(2, 12, value_unit_text="grams"),
        quantity(3, 11, "g/dL"),
    ]
    tables, path = made(HB, [{}] * 3, observations=rows)
    facts = Facts(tables, read_endpoints(path))
    assert {key: value for key, (value, _) in facts.measured("hb").items()} == {"p1": 12, "p3": 11}
    assert facts.population("hb").out == {"p2": "recorded in grams, which cannot be converted to g/dL"}


def test_the_latest_of_several_sources_is_the_last_contact(made):
    text = """
times:
  seen: {table: observations, day: effective_date, pick: last}
  treated: {table: procedures, day: performed_date, pick: last}
  contact: {latest_of: [seen, treated]}
  first: {earliest_of: [seen, treated]}
"""
    days = ("2020-01-01", "2020-03-01", "2020-02-01")
    rows = [quantity(n, 1, date=date) for n, date in enumerate(days, 1)] + [observed(4, 1)]
    done = [
        {"procedure_id": f"x{n}", "patient_id": f"p{n}", "performed_date": "2020-02-01"} for n in (1, 2, 4)
    ]
    tables, path = made(text, [{}] * 4, observations=rows, procedures=done)
    facts = Facts(tables, read_endpoints(path))
    ordinal = {day: pd.Timestamp(day).toordinal() for day in (*days, "2020-02-01")}
    assert {key: day for key, (day, _) in facts.timed("contact").items()} == {
        "p1": ordinal["2020-02-01"], "p2": ordinal["2020-03-01"], "p3": ordinal["2020-02-01"], "p4": ordinal["2020-02-01"],
    }  # fmt: skip
    assert facts.timed("contact")["p1"][1] == "Procedure/x1"
    assert {key: day for key, (day, _) in facts.timed("first").items()} == {
        "p1": ordinal["2020-01-01"], "p2": ordinal["2020-02-01"], "p3": ordinal["2020-02-01"],
    }  # fmt: skip
    assert facts.no_day("first")["p4"][0] == '"seen" without a day'
    path.write_text(path.read_text().replace("[seen, treated]}\n  first", "[seen, contact]}\n  first"))
    with pytest.raises(AnalysisError, match='time "contact" is defined by itself'):
        read_endpoints(path)
