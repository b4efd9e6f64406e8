"""Whose row is it: read off the templates, not off the names of columns."""

import pytest

from fhir_blina.cohorts import find_cohort, read_cohort
from fhir_blina.mapping import patient_columns

PATIENT = 'table: people\nresource: {resourceType: Patient, id: "{{ %cohort }}-{{ no }}"}\n'


def observation(table, reference, more=""):
    return (
        f"table: {table}\n"
        "resource:\n"
        "  resourceType: Observation\n"
        f'  id: "{{{{ %cohort }}}}-{table}-{{{{ row_no }}}}"\n'
        "  status: final\n"
        '  code: {text: "{{ what }}"}\n'
        f'  subject: {{reference: "{reference}"}}\n{more}'
    )


@pytest.mark.parametrize(("reference", "column"), [
    ("Patient/{{ %cohort }}-{{ subject }}", "subject"),
    ("Patient/{{ %cohort }}-{{ other }}", "other"),
    ("Patient/{{ %cohort }}-{{ subject.upper() }}", None),  # no column by itself
    ("Patient/{{ %cohort }}-x{{ subject }}", None),  # no id of a patient
    ("Group/{{ %cohort }}-{{ subject }}", None),
])  # fmt: skip
def test_a_reference_says_whose_row_it_is(made, reference, column):
    folder = made(
        {"people": ["no*", "A"], "labs": ["row_no* subject other what", "1,A,A,x"]},
        PATIENT,
        observation("labs", reference),
    )
    found = patient_columns(read_cohort(folder))
    assert list(found.items()) == [("people", "no")] + ([("labs", column)] if column else [])


def test_rows_embedded_by_that_column_and_columns_called_as_the_key(made):
    parts = '  component:\n    - embed: {table: parts, on: [subject]}\n      code: {text: "{{ what }}"}\n'
    folder = made(
        {
            "people": ["no*", "A"],
            "labs": ["row_no* subject what", "1,A,x"],
            "parts": ["part* subject what", "1,A,x"],
            "named": ["row_no* no what", "1,A,x"],
            "sites": ["site* what", "1,x"],
        },
        PATIENT,
        observation("labs", "Patient/{{ %cohort }}-{{ subject }}", parts),
    )
    expected = {"people": "no", "labs": "subject", "parts": "subject", "named": "no"}
    assert patient_columns(read_cohort(folder)) == expected


def test_the_workbook_of_a_hospital_calls_the_patient_by_two_names():
    found = patient_columns(read_cohort(find_cohort("synthetic-trial")))
    assert found["patients"] == "subj_no"
    assert {found[name] for name in found if name != "patients"} == {"subject"}


def test_without_a_table_of_patients_nothing_is_found(made):
    assert (
        patient_columns(
            read_cohort(made({"people": ["no*", "A"]}, "resource: {resourceType: Basic, id: x}\n"))
        )
        == {}
    )
