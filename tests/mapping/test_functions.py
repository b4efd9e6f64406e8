"""Functions of templates: ages and study days from dates, units, cells of other tables; each counted by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_blina.cohorts.folder import read_cohort
from fhir_blina.errors import CohortError
from fhir_blina.mapping import check_cohort, map_cohort

PATIENTS = """\
table: patients
resource:
  resourceType: Patient
  id: "{{ %cohort }}-{{ id }}"
  birthDate: "{{ born }}"
  deceasedDateTime: "{{ enrolled }}"
"""
LABS = """\
table: labs
resource:
  resourceType: Observation
  id: "{{ %cohort }}-{{ id }}-{{ n }}"
  status: final
  code: {text: hb}
  subject: {reference: "Patient/{{ %cohort }}-{{ id }}"}
  effectiveDateTime: "{{ taken }}"
  valueQuantity: {value: "{{ hb.convert('g/L', 'g/dL') }}", unit: g/dL, system: "http://unitsofmeasure.org", code: g/dL}
  component:
    - code: {text: study day}
      valueInteger: "{{ taken.studyDay(id.lookup('patients', 'enrolled')) }}"
    - code: {text: age}
      valueInteger: "{{ id.lookup('patients', 'born').ageAt(taken) }}"
"""


def folder_of(made, patients, labs):
    return made(
        {
            "patients": ["id* born:date enrolled:date", *patients],
            "labs": ["id* n* taken:dateTime hb:decimal", *labs],
        },
        PATIENTS,
        LABS,
    )


def observations(folder):
    found = [one for one in map_cohort(read_cohort(folder)).resources if one["resourceType"] == "Observation"]
    return [
        (
            {part["code"]["text"]: part["valueInteger"] for part in one.get("component", [])},
            one.get("valueQuantity"),
        )
        for one in found
    ]


@pytest.mark.parametrize(
    ("born", "enrolled", "taken", "day", "age"),
    [  # by the calendar
        ("1960-03-01", "2020-01-10", "2020-01-15", 5, 59),
        ("1960-03-01", "2020-01-10", "2020-01-05", -5, 59),
        ("1960-03-01", "2020-02-28", "2020-03-01", 2, 60),
        ("1960-03-01", "2019-02-28", "2019-03-01", 1, 59),
        ("1960-02-29", "2021-02-28", "2021-02-28", 0, 60),
        ("1960-02-29", "2021-02-28", "2021-03-01", 1, 61),
        ("1960-03-01", "2020-01-10", "2020-01-12T23:30:00+01:00", 2, 59),
        ("1960-03-01", "2020-01-10", "2020-02", None, 59),
        ("1960-03-01", "2020-01", "2020-01-15", None, 59),
        ("1960-03", "2020-01-10", "2020-03-15", 65, None),
        ("1960-03", "2020-01-10", "2020-04-01", 82, 60),
        ("1960", "2020-01-10", "2020-12-31", 356, 60),
        ("1960", "2020-01-10", "2020-12-30", 355, None),
        ("1960", "2020-01-10", "2020", None, None),
        ("", "2020-01-10", "2020-01-15", 5, None),
        ("1960-03-01", "", "2020-01-15", None, 59),
        ("1960-03-01", "2020-01-10", "", None, None),
    ],
)
def test_study_day_and_age_from_dates(made, born, enrolled, taken, day, age):
    folder = folder_of(made, [f"A,{born},{enrolled}"], [f"A,1,{taken},120"])
    ((parts, _),) = observations(folder)
    assert (parts.get("study day"), parts.get("age")) == (day, age)
    assert [str(one) for one in check_cohort(folder) if one.severity == "error"] == []


def test_a_day_before_the_birth_is_an_error_without_the_dates(made):
    with pytest.raises(CohortError, match=r"ageAt\(\): the day is before the birth") as error:
        map_cohort(read_cohort(folder_of(made, ["A,2020-02-01,2020-01-01"], ["A,1,2020-01-15,120"])))
    assert "2020" not in str(error.value)


@pytest.mark.parametrize("cell", ["120", "120.0", "95.50", "0.10", "1234567.891", "-3", "0"])
def test_a_number_in_another_unit_is_exact_and_its_cell_comes_back(made, cell):
    folder = folder_of(made, ["A,1960,2020-01-01"], [f"A,1,2020-01-15,{cell}", "A,2,2020-01-16,"])
    (_, quantity), (_, nothing) = observations(folder)
    assert Decimal(quantity["value"]) == Decimal(cell) / 10
    assert type(quantity["value"]) is Decimal
    assert quantity["_value"]["extension"][0]["valueString"] == f"{cell} g/L"
    assert nothing is None
    assert [str(one) for one in check_cohort(folder) if one.severity == "error"] == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("hb.convert('g/L', 'mol/L')", "g/L cannot be converted to mol/L"),
        ("hb.convert('g/L', 'foo bar')", '"foo bar" is no unit of UCUM'),
        ("taken.convert('g/L', 'g/dL')", "convert() takes a number"),
        ("id.lookup('patient', 'born')", 'no table "patient". Did you mean "patients"?'),
        ("id.lookup('patients', 'birth')", 'table "patients" has no column "birth"'),
        ("id.lookup('labs', 'hb')", 'a row of "labs" is not named by one column'),
        ("hb.studyDay(taken)", "studyDay() takes dates"),
    ],
)
def test_what_cannot_be_worked_out_is_said(made, change, told):
    folder = folder_of(made, ["A,1960,2020-01-01"], ["A,1,2020-01-15,120"])
    path = folder / "resources" / "t1.yaml"
    path.write_text(path.read_text("utf-8").replace("hb.convert('g/L', 'g/dL')", change), "utf-8")
    with pytest.raises(CohortError) as error:
        map_cohort(read_cohort(folder))
    assert told in str(error.value)
    assert "t1.yaml:" in str(error.value)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("code: {text: \"about {{ hb.convert('g/L', 'g/dL') }}\"}", "convert() inside a text"),
        ("code: {coding: [\"{{ hb.convert('g/L', 'g/dL') }}\"]}", "convert() in a list"),
    ],
)
def test_a_converted_number_needs_an_element_of_its_own(made, written, told):
    folder = folder_of(made, ["A,1960,2020-01-01"], ["A,1,2020-01-15,120"])
    path = folder / "resources" / "t1.yaml"
    path.write_text(path.read_text("utf-8").replace("code: {text: hb}", written), "utf-8")
    assert any(told in str(one) for one in check_cohort(folder))


def test_a_value_that_another_changed_does_not_come_back_as_the_cell(made):
    from fhir_blina.mapping.back import round_trip

    cohort = read_cohort(folder_of(made, ["A,1960,2020-01-01"], ["A,1,2020-01-15,120"]))
    mapped = map_cohort(cohort)
    changed = [
        {**one, "valueQuantity": {**one["valueQuantity"], "value": Decimal("12.1")}}
        if "valueQuantity" in one
        else one
        for one in mapped.resources
    ]
    assert round_trip(cohort, mapped, changed).differences
    assert not round_trip(cohort, mapped, mapped.resources).differences
