"""What a store holds, counted twice: by the package, and by plain loops over the same resources."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

import pytest

from fhir_blina.errors import StoreIncomplete
from fhir_blina.exploration.exploring import explore
from tests.foreign import FORMS, everything


def by_hand(resources):
    """Types, codes of ``code`` and the patients behind them, by loops that know nothing of FHIR's definitions."""
    types, codes, patients = Counter(), Counter(), defaultdict(set)
    for one in resources:
        kind = one["resourceType"]
        types[kind] += 1
        for coding in one.get("code", {}).get("coding", []):
            key = (kind, coding["system"], coding["code"])
            codes[key] += 1
            patients[key].add(one["subject"]["reference"])
    return types, codes, {key: len(found) for key, found in patients.items()}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_files_gives_the_same_counts(form, tmp_path):
    types, codes, patients = by_hand(everything())
    known = explore(FORMS[form](tmp_path / "theirs"))
    assert {one.name: one.resources for one in known.types} == types
    found = {(one.resource_type, one.system, one.code): one for one in known.codes if one.element == "code"}
    assert {key: one.resources for key, one in found.items()} == codes
    assert {key: one.subjects for key, one in found.items()} == patients
    assert found["Observation", "http://loinc.org", "718-7"].display == "Hemoglobin"
    subjects = known.subjects
    assert (subjects.patients, subjects.born, subjects.dead_on_a_date) == (5, 5, 3)
    assert (subjects.first_contacts, subjects.last_contacts) == (
        ("2019-03", "2019-03"),
        ("2019-03", "2020-04"),
    )
    assert subjects.median_days == 120  # of 10, 90, 120, 150 and 400
    (unit,) = known.units
    assert (unit.code, unit.unit, unit.coded, unit.values) == ("718-7", "g/dL", True, 5)


def write(folder, *resources):
    folder.mkdir(exist_ok=True)
    text = "".join(json.dumps(one) + "\n" for one in resources)
    (folder / "some.ndjson").write_text(text, "utf-8")
    return folder


@pytest.fixture
def odd(tmp_path):
    """What is missing, doubtful or in another form."""
    snomed, icd = "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10"
    both = [{"system": snomed, "code": "1", "display": "One"}, {"system": icd, "code": "C1"}]
    here = {"reference": "Patient/p"}
    return write(
        tmp_path / "odd",
        {"resourceType": "Patient", "id": "p", "gender": "female", "deceasedBoolean": True},
        {
            "resourceType": "Patient",
            "id": "q",
            "birthDate": "1950-03-02",
            "deceasedDateTime": "2020-01",
            "name": [{"family": "Secret"}],
        },
        {
            "resourceType": "Condition",
            "id": "c1",
            "subject": here,
            "code": {"coding": both},
            "onsetDateTime": "2019",
        },
        {
            "resourceType": "Condition",
            "id": "c2",
            "subject": {"reference": "https://x.example/fhir/Patient/gone"},
            "code": {"text": "words of a doctor"},
            "onsetPeriod": {"start": "2018-05-06", "end": "2019-01-01"},
            "stage": [{"summary": {"coding": [{"system": snomed, "code": "2"}]}}],
        },
        {"resourceType": "Condition", "id": "c3", "subject": {"display": "nobody"}},
        {
            "resourceType": "Observation",
            "id": "o1",
            "status": "final",
            "subject": here,
            "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
            "valueDateTime": "1931-07-08",
            "component": [
                {
                    "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
                    "valueQuantity": {"value": 120, "unit": "mmHg"},
                }
            ],
        },
        {"resourceType": "Organization", "id": "org", "type": [{"coding": [{"code": "dept"}]}]},
        {"resourceType": "VerificationResult", "id": "v", "status": "validated"},
    )


def test_what_is_missing_or_doubtful_is_counted(odd):
    known = explore(odd)
    types = {one.name: one for one in known.types}
    condition = types["Condition"]
    assert (condition.resources, condition.subjects) == (3, 2)
    assert (condition.without_subject, condition.unknown_subject) == (1, 1)
    elements = {one.name: one for one in condition.elements}
    assert elements["onset[x]"].present == 2
    assert elements["onset[x]"].forms == {"onsetDateTime": 1, "onsetPeriod": 1}
    assert (elements["onset[x]"].first, elements["onset[x]"].last) == ("2018-05", "2019-01")
    assert elements["onset[x]"].partial == 1
    assert {"severity", "bodySite", "abatement[x]"} <= set(condition.never)
    assert types["VerificationResult"].tables == ()
    assert types["Condition"].tables == ("conditions",)
    codes = {(one.resource_type, one.element, one.code): one.resources for one in known.codes}
    assert (
        codes["Condition", "code", "1"] == codes["Condition", "code", "C1"] == 1
    )  # all codings, not the first
    assert codes["Condition", "stage.summary", "2"] == 1
    assert codes["Condition", "code", ""] == 1  # a text alone
    assert codes["Organization", "type", "dept"] == 1
    (unit,) = known.units
    assert (unit.element, unit.code, unit.unit, unit.coded) == (
        "component.valueQuantity",
        "8480-6",
        "mmHg",
        False,
    )
    assert known.subjects.dead == 2
    assert known.subjects.dead_on_a_date == 1
    assert known.subjects.missing == 1
    assert known.subjects.never_named == 1


def test_no_value_of_a_patient_is_on_the_page(odd):
    told = json.dumps(explore(odd).as_dict())
    for private in (
        "Secret",
        "words of a doctor",
        "nobody",
        "1950",
        "1931",
        "120",
        '"p"',
        "gone",
        "2018-05-06",
    ):
        assert private not in told.replace(str(odd), ""), private


def test_a_contact_after_death_is_told(tmp_path):
    visit = {
        "resourceType": "Encounter",
        "id": "e",
        "status": "finished",
        "subject": {"reference": "Patient/p"},
    }
    known = explore(
        write(
            tmp_path / "after",
            {"resourceType": "Patient", "id": "p", "deceasedDateTime": "2020-01-05T10:00:00Z"},
            {**visit, "period": {"start": "2020-01-06"}},
        )
    )
    assert known.subjects.seen_after_death == 1


def test_views_of_ones_own_are_among_the_tables(odd, tmp_path):
    view = {
        "resourceType": "ViewDefinition",
        "name": "checks",
        "status": "active",
        "resource": "VerificationResult",
        "select": [{"column": [{"name": "check_id", "path": "getResourceKey()", "type": "id"}]}],
    }
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "ViewDefinition-checks.json").write_text(json.dumps(view), "utf-8")
    types = {one.name: one.tables for one in explore(odd, views=tmp_path / "mine").types}
    assert types["VerificationResult"] == ("checks",)


def test_the_codes_that_a_definition_defines_are_not_counted(tmp_path):
    one = {
        "resourceType": "CodeSystem",
        "id": "c",
        "status": "active",
        "url": "urn:x",
        "content": "complete",
        "concept": [{"code": "a"}, {"code": "b"}],
    }
    known = explore(write(tmp_path / "defined", one))
    assert [one.resources for one in known.types] == [1]
    assert known.codes == ()


def test_nothing_there_is_an_error(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "readme.txt").write_text("nothing", "utf-8")
    with pytest.raises(StoreIncomplete, match="no FHIR resource"):
        explore(tmp_path / "empty")
