"""Tumours and encounters as what is counted: worked out by hand for four tumours of three patients."""

from __future__ import annotations

import pytest

from fhir_blina.analysis.analysis import analyze
from fhir_blina.disclosure.sharing import suppressed_results
from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.errors import AnalysisError

HEAD = """
subjects: {table: conditions, key: condition_id, label: condition_id, unit: tumour,
  where: {code: {prefix: C}}, link: {observations: focus_id}}
"""
TEXT = """
tables:
  doses: {sql: "SELECT patient_id, condition_id, 3 AS doses FROM conditions WHERE code = 'C50'"}
measures:
  size: {table: observations, where: {code: size}, value: value_quantity}
  doses: {table: doses, value: doses}
times:
  diagnosis: {table: conditions, day: onset_date}
  death: {table: patients, day: deceased_date}
  last: {table: encounters, day: start_date, pick: last}
sets:
  breast: {table: conditions, where: {code: C50}}
  woman: {table: patients, where: {gender: female}}
summaries: {size: {}}
proportions: {breast: {}, woman: {}}
endpoints:
  os: {title: Survival, start: diagnosis, events: [death], censor: last}
"""
ROWS = {
    "conditions": [
        {"condition_id": "c1", "patient_id": "p1", "code": "C50", "onset_date": "2020-01-01"},
        {"condition_id": "c2", "patient_id": "p1", "code": "C61", "onset_date": "2020-03-01"},
        {"condition_id": "c3", "patient_id": "p2", "code": "C50", "onset_date": "2020-02-01"},
        {"condition_id": "c4", "patient_id": "p2", "code": "E11", "onset_date": "2010-02-01"},
        {"condition_id": "c5", "patient_id": "p3", "code": "C34"},
    ],
    "observations": [
        {"observation_id": "o1", "patient_id": "p1", "code": "size", "focus_id": "c1", "value_quantity": 10},
        {"observation_id": "o2", "patient_id": "p1", "code": "size", "focus_id": "c2", "value_quantity": 30},
        {"observation_id": "o3", "patient_id": "p2", "code": "size", "value_quantity": 50},
    ],
    "encounters": [
        {"encounter_id": "e1", "patient_id": "p1", "start_date": "2020-03-31"},
        {"encounter_id": "e2", "patient_id": "p2", "start_date": "2020-02-11"},
        {"encounter_id": "e3", "patient_id": "p2", "start_date": "2020-03-02"},
    ],
}
PEOPLE = [
    {"gender": "female", "deceased_date": "2020-03-31", "deceased": True},
    {"gender": "female"},
    {"gender": "male"},
]


@pytest.fixture
def tumours(made):
    tables, path = made(TEXT, PEOPLE, **ROWS)
    text = path.read_text()
    path.write_text(HEAD + text[text.index("systems:") :])
    return tables, path


def test_each_tumour_is_one(tumours):
    tables, path = tumours
    results = analyze(tables, path)
    followed = {one.patient_id: (one.duration_days, one.event_observed) for one in results.derivation}
    assert followed == {"c1": (90, True), "c2": (30, True), "c3": (30, False)}
    assert {one.patient_id: one.reason for one in results.left_out if one.kind == "endpoint"} == {
        "c5": '"diagnosis" without a day'
    }
    count = results.one("subjects.count")
    assert (count.value, count.method) == (
        4,
        "rows of the table of tumours, each of which is one unit in all that follows",
    )
    assert results.one("size.median").value == 20  # o3 names no tumour
    breast = results.find("breast.proportion")[0]
    assert (breast.events, breast.n) == (2, 4)
    woman = results.find("woman.proportion")[0]
    assert (woman.events, woman.n) == (3, 4)


def test_what_a_unit_is_and_whose_rows_count_is_said(tumours):
    tables, path = tumours
    facts = Facts(tables, read_endpoints(path))
    for name in ("diagnosis", "death", "last"):
        facts.time(name)
    said = {(one.rule, one.about): one for one in facts.account.remarks.values()}
    unit = said["units-of-one-patient", "subjects"]
    assert (unit.severity, unit.printed) == ("warning", "4 of 3 patients, 1 of whom have several")
    assert "a tumour is meant" in unit.follows
    shared = {about for rule, about in said if rule == "rows-of-patients-for-units"}
    assert shared == {'table "patients"', 'table "encounters"'}
    assert facts.measured("doses") == {"c1": (3, "doses"), "c3": (3, "doses")}


def test_encounters_are_units_too(made):
    rows = {
        "encounters": [
            {"encounter_id": "e1", "patient_id": "p1", "start_date": "2020-01-01", "end_date": "2020-01-05"},
            {"encounter_id": "e2", "patient_id": "p1", "start_date": "2020-02-01", "end_date": "2020-02-02"},
            {"encounter_id": "e3", "patient_id": "p2", "start_date": "2020-02-01"},
        ],
        "procedures": [{"procedure_id": "x", "patient_id": "p1", "encounter_id": "e2", "code": "surgery"}],
    }
    text = """
times:
  begin: {table: encounters, day: start_date}
  end: {table: encounters, day: end_date}
measures: {stay: {from: begin, to: end, count: days}}
sets: {surgery: {table: procedures, where: {code: surgery}}}
"""
    tables, path = made(text, [{}, {}], **rows)
    content = path.read_text()
    head = "subjects: {table: encounters, key: encounter_id, label: encounter_id, unit: encounter}\n"
    path.write_text(head + content[content.index("systems:") :])
    facts = Facts(tables, read_endpoints(path))
    assert {key: value for key, (value, _) in facts.measured("stay").items()} == {"e1": 4, "e2": 1}
    assert facts.members("surgery").tolist() == ["e2"]


def test_patients_can_be_chosen_too(made):
    tables, path = made("sets: {seen: {table: encounters}}\n", PEOPLE, encounters=ROWS["encounters"])
    text = path.read_text().replace("label: patient_id}", "label: patient_id, where: {gender: male}}")
    path.write_text(text)
    facts = Facts(tables, read_endpoints(path))
    assert facts.subjects.to_dict() == {"p3": "p3"}
    assert facts.members("seen").tolist() == []
    assert "rows-without-patient" not in {one.rule for one in facts.account.remarks.values()}


def test_faults_have_their_place_and_small_numbers_are_those_of_patients(tumours):
    tables, path = tumours
    with pytest.raises(AnalysisError, match="small numbers are those of patients"):
        suppressed_results(tables, read_endpoints(path), 11)
    text = path.read_text()
    path.write_text(text.replace("unit: tumour,", ""))
    with pytest.raises(AnalysisError, match=r'yaml:2: .*say what one is by "unit"'):
        read_endpoints(path)
    path.write_text(text.replace("focus_id", "focis_id"))
    with pytest.raises(AnalysisError, match='no table "observations" with a column "focis_id"'):
        Facts(tables, read_endpoints(path))
