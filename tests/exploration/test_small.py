"""Small counts are hidden, and nothing on the page gives one back."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest

from fhir_blina.exploration.exploring import explore

LIMIT = 11


@pytest.fixture
def folder(tmp_path):
    """Thirty patients: 28 of two sexes and 2 unknown; a code of all, of 12, of 3 and of 2; 4 dead."""
    resources = []
    for number in range(30):
        patient = {"resourceType": "Patient", "id": f"p{number}"}
        patient["gender"] = "unknown" if number < 2 else "female" if number < 16 else "male"
        if number < 4:
            patient["deceasedDateTime"] = "2020-02-03"
        resources.append(patient)
        for code, count in {"all": 30, "twelve": 12, "three": 3, "two": 2}.items():
            if number < count:
                resources.append(condition(number, code))
        if number < 5:
            resources.append(
                {
                    "resourceType": "AllergyIntolerance",
                    "id": f"a{number}",
                    "patient": {"reference": f"Patient/p{number}"},
                    "code": {"coding": [{"system": "urn:x", "code": "nuts"}]},
                }
            )
    resources.append({"resourceType": "Organization", "id": "o", "type": [{"coding": [{"code": "dept"}]}]})
    place = tmp_path / "thirty"
    place.mkdir()
    (place / "all.ndjson").write_text("".join(json.dumps(one) + "\n" for one in resources), "utf-8")
    return place


def condition(number, code):
    one = {
        "resourceType": "Condition",
        "id": f"c{number}-{code}",
        "subject": {"reference": f"Patient/p{number}"},
        "code": {"coding": [{"system": "urn:x", "code": code}]},
        "onsetDateTime": f"2019-0{1 + number % 9}-11",
    }
    return one | ({"severity": {"text": "bad"}} if number < 4 else {})


def test_no_small_count_is_shown_or_follows(folder):
    known = explore(folder, suppress=LIMIT)
    shown = defaultdict(dict)
    for one in known.codes:
        shown[f"{one.resource_type}.{one.element}"][one.code] = one.subjects
    assert shown["Condition.code"] == {"all": 30}  # 3 and 2 are 5 together, so that 12 goes with them
    assert known.hidden_codes["Condition.code"] == 3
    assert shown["Patient.gender"] == {"male": 14}  # 2 of unknown sex are too few to be hidden alone
    assert known.hidden_codes["Patient.gender"] == 2
    types = {one.name: one for one in known.types}
    assert types["AllergyIntolerance"].resources is None
    assert types["AllergyIntolerance"].elements == ()
    assert not shown["AllergyIntolerance.code"]
    assert types["Organization"].resources == 1  # of no patient
    assert shown["Organization.type"] == {"dept": 0}
    assert known.subjects.dead is None
    assert known.subjects.dead_on_a_date is None
    elements = {one.name: one for one in types["Condition"].elements}
    assert elements["severity"].present is None
    assert (elements["onset[x]"].first, elements["onset[x]"].last) == ("2019", "2019")
    deceased = {one.name: one for one in types["Patient"].elements}["deceased[x]"]
    assert (deceased.present, deceased.first, deceased.forms) == (None, "", {})


def test_a_store_of_few_patients_tells_nothing_of_them(folder):
    known = explore(folder, suppress=40)
    assert known.subjects.patients is None
    assert {one.name for one in known.types if one.resources is not None} == {"Organization"}
    assert {one.resource_type for one in known.codes} == {"Organization"}


def test_without_a_limit_everything_is_there(folder):
    known = explore(folder)
    assert {one.code: one.subjects for one in known.codes if one.resource_type == "Condition"} == {
        "all": 30,
        "twelve": 12,
        "three": 3,
        "two": 2,
        "": 4,
    }
    assert known.hidden_codes == {}
