from __future__ import annotations

import json

import pandas as pd
import pytest

from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.endpoints.valuesets import value_set
from fhir_blina.errors import AnalysisError

ICD, SNOMED = "http://hl7.org/fhir/sid/icd-10", "http://snomed.info/sct"
BREAST = {
    "resourceType": "ValueSet",
    "compose": {
        "include": [
            {"system": ICD, "concept": [{"code": "C50.1"}, {"code": "C50.9"}]},
            {"system": SNOMED, "concept": [{"code": "254837009"}]},
        ],
        "exclude": [{"system": ICD, "concept": [{"code": "C50.1"}]}],
    },
}


def written(folder, content, name="breast"):
    (folder / "value_sets").mkdir(exist_ok=True)
    (folder / "value_sets" / f"{name}.json").write_text(json.dumps(content))


def test_codings_of_a_compose_and_of_an_expansion(tmp_path):
    written(tmp_path, BREAST)
    found = value_set("breast", tmp_path)
    assert found.codings == {(ICD, "C50.9"), (SNOMED, "254837009")}
    assert found.has(ICD, "C50.9")
    assert not found.has(SNOMED, "C50.9")  # the same code of another system is another thing
    tree = {"system": ICD, "code": "C50", "abstract": True, "contains": [{"system": ICD, "code": "C50.9"}]}
    written(tmp_path, {"resourceType": "ValueSet", "expansion": {"contains": [tree]}}, "tree")
    assert value_set("tree", tmp_path).codings == {(ICD, "C50.9")}
    written(tmp_path, {"resourceType": "ValueSet", "compose": {"include": [{"system": ICD}]}}, "whole")
    assert value_set("whole", tmp_path).has(ICD, "C50.9")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"resourceType": "ValueSet", "compose": {"include": [{"system": SNOMED, "filter": []}]}},
            "by a filter",
        ),
        ({"resourceType": "ValueSet", "compose": {"include": [{"valueSet": ["x"]}]}}, "another value set"),
        ({"resourceType": "ValueSet"}, "lists no code"),
        ({"resourceType": "CodeSystem"}, "is no ValueSet"),
    ],
)
def test_a_value_set_that_does_not_list_its_codes_is_refused(tmp_path, content, message):
    written(tmp_path, content, "other")
    with pytest.raises(ValueError, match=message):
        value_set("other", tmp_path)


def endpoints(tmp_path, where):
    path = tmp_path / "endpoints.yaml"
    path.write_text(
        "subjects: {table: patients, key: patient_id, label: patient_id}\nendpoints: {}\n"
        f"sets: {{breast: {{table: conditions, where: {{{where}}}}}}}\n"
    )
    return read_endpoints(path)


ROWS = [
    ("a", ICD, "C50.9"),
    ("b", SNOMED, "254837009"),
    ("c", SNOMED, "C50.9"),
    ("d", ICD, "C61"),
    ("e", "urn:x", "1"),
]


@pytest.mark.parametrize(
    ("where", "members"),
    [
        ("code: {in: breast}", ["a", "b", "e"]),
        ("code: {prefix: C50}", ["a", "c", "e"]),
        (f'code_system: "{ICD}", code: {{prefix: [C50, C61]}}', ["a", "d", "e"]),
    ],
)
def test_a_group_of_codes_is_asked_of_every_coding(tmp_path, where, members):
    written(tmp_path, BREAST)
    rows = pd.DataFrame(ROWS, columns=["patient_id", "code_system", "code"])
    rows["condition_id"] = rows["patient_id"]
    codings = pd.DataFrame(
        [*((who, system, code) for who, system, code in ROWS), ("e", ICD, "C50.9")],
        columns=["condition_id", "system", "code"],
    )
    tables = {"patients": rows[["patient_id"]], "conditions": rows, "condition_codings": codings}
    assert list(Facts(tables, endpoints(tmp_path, where)).members("breast")) == members


def test_a_value_set_that_is_not_there_is_named_with_the_nearest(tmp_path):
    written(tmp_path, BREAST)
    with pytest.raises(
        AnalysisError, match=r'endpoints\.yaml:3.*no value set "brest".*Did you mean "breast"'
    ):
        endpoints(tmp_path, "code: {in: brest}")
