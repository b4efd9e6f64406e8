from __future__ import annotations

import json

import pandas as pd
import pytest

from fhir_blina.endpoints.conditions import fits
from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.errors import AnalysisError
from fhir_blina.terminology.valuesets import ValueSet, value_set

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
            "by a filter, and no CodeSystem in .* has the url",
        ),
        ({"resourceType": "ValueSet", "compose": {"include": [{"valueSet": ["x"]}]}}, 'no value set "x"'),
        ({"resourceType": "ValueSet", "compose": {"include": [{}]}}, "neither system nor valueSet"),
        ({"resourceType": "ValueSet", "expansion": {"total": 2, "contains": []}}, "0 of 2 codes"),
        ({"resourceType": "ValueSet"}, "lists no code"),
        ({"resourceType": "CodeSystem"}, "is no ValueSet"),
    ],
)
def test_a_value_set_that_does_not_list_its_codes_is_refused(tmp_path, content, message):
    written(tmp_path, content, "other")
    with pytest.raises(ValueError, match=message):
        value_set("other", tmp_path)


def test_codes_stand_alone_only_where_all_of_them_are_of_one_system():
    assert ValueSet("a", frozenset([(ICD, "C50"), (ICD, "C51")])).codes() == {"C50", "C51"}
    with pytest.raises(ValueError, match='"b" has codes of 2 systems'):
        ValueSet("b", frozenset([(ICD, "C50"), (SNOMED, "C50")])).codes()
    with pytest.raises(ValueError, match=f'"c" has every code of {ICD}'):
        ValueSet("c", frozenset([(ICD, "C50")]), frozenset([ICD])).codes()


TREE = {
    "resourceType": "CodeSystem",
    "url": ICD,
    "version": "2019",
    "content": "complete",
    "concept": [
        {
            "code": "C50",
            "concept": [{"code": "C50.1"}, {"code": "C50.9", "concept": [{"code": "C50.91"}]}],
        },
        {"code": "C61"},
        {"code": "D05", "property": [{"code": "parent", "valueCode": "C50"}]},
        {"code": "X", "property": [{"code": "child", "valueCode": "C61"}]},
    ],
}


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ([("concept", "is-a", "C50")], "C50 C50.1 C50.9 C50.91 D05"),
        ([("concept", "descendent-of", "C50")], "C50.1 C50.9 C50.91 D05"),
        ([("concept", "is-not-a", "C50")], "C61 X"),
        ([("concept", "is-a", "X")], "C61 X"),
        ([("code", "generalizes", "C50.91")], "C50 C50.9 C50.91"),
        ([("concept", "is-a", "C50"), ("concept", "not-in", "C50.1,D05")], "C50 C50.9 C50.91"),
        ([("code", "in", "C61, C50.1")], "C50.1 C61"),
    ],
)
def test_a_hierarchy_in_the_folder_answers_filters(tmp_path, filters, wanted):
    written(tmp_path, TREE, "icd")
    asked = [{"property": name, "op": op, "value": value} for name, op, value in filters]
    include = [{"system": ICD, "filter": asked}]
    written(tmp_path, {"resourceType": "ValueSet", "compose": {"include": include}}, "few")
    assert sorted(code for _, code in value_set("few", tmp_path).codings) == wanted.split()


@pytest.mark.parametrize(
    ("tree", "asked", "message"),
    [
        ({"content": "fragment"}, ("concept", "is-a", "C50"), "icd.json is not the whole code system"),
        ({}, ("concept", "is-a", "C99"), 'has no code "C99"'),
        ({}, ("STATUS", "=", "A"), 'by "STATUS", which only a terminology server knows'),
        ({}, ("concept", "regex", "C.*"), 'by "regex"'),
        ({"url": "urn:other"}, ("concept", "is-a", "C50"), "no CodeSystem in"),
    ],
)
def test_what_the_folder_does_not_know_is_an_error(tmp_path, tree, asked, message):
    written(tmp_path, TREE | tree, "icd")
    one = dict(zip(("property", "op", "value"), asked, strict=True))
    include = [{"system": ICD, "filter": [one]}]
    written(tmp_path, {"resourceType": "ValueSet", "compose": {"include": include}}, "few")
    with pytest.raises(ValueError, match=rf"{message}.*fhir-blina expand"):
        value_set("few", tmp_path)


def test_another_version_of_the_code_system_is_not_taken(tmp_path):
    written(tmp_path, TREE, "icd")
    filters = [{"property": "concept", "op": "is-a", "value": "C50"}]
    include = [{"system": ICD, "version": "2016", "filter": filters}]
    written(tmp_path, {"resourceType": "ValueSet", "compose": {"include": include}}, "few")
    with pytest.raises(ValueError, match=r"icd.json is version 2019"):
        value_set("few", tmp_path)


def test_value_sets_of_value_sets(tmp_path):
    """Union of includes, intersection within one, less what is excluded: worked out by hand."""
    url = "https://example.org/ValueSet/"
    codes = {"a": "1 2 3", "b": "2 3 4", "c": "3"}
    for name, listed in codes.items():
        concepts = [{"code": code} for code in listed.split()]
        include = [{"system": ICD, "concept": concepts}]
        content = {"resourceType": "ValueSet", "url": url + name, "compose": {"include": include}}
        written(tmp_path, content, name)

    def codes_of(include, exclude=()):
        compose = {"include": include, "exclude": list(exclude)}
        written(tmp_path, {"resourceType": "ValueSet", "compose": compose}, "made")
        return value_set("made", tmp_path)

    both = [{"valueSet": [url + "a", url + "b"]}]
    either = [{"valueSet": [url + "a"]}, {"valueSet": [url + "b"]}]
    assert codes_of(both).codings == {(ICD, "2"), (ICD, "3")}
    assert codes_of(either).codings == {(ICD, code) for code in "1234"}
    assert codes_of(both, [{"valueSet": [url + "c"]}]).codings == {(ICD, "2")}
    assert codes_of([{"valueSet": [url + "a"], "system": ICD}]).codings == {(ICD, code) for code in "123"}
    assert not codes_of([{"valueSet": [url + "a"], "system": SNOMED}, *both]).has(SNOMED, "1")
    whole = codes_of([{"system": ICD}], [{"valueSet": [url + "a"]}])
    assert [whole.has(ICD, code) for code in "1234"] == [False, False, False, True]
    with pytest.raises(ValueError, match="lists no code"):
        codes_of([{"system": ICD}, *both], [{"system": ICD}])
    with pytest.raises(ValueError, match=r"no ValueSet in .* has the url"):
        codes_of([{"valueSet": [url + "none"]}])
    with pytest.raises(ValueError, match="includes itself"):
        codes_of([{"valueSet": ["made"]}])


def test_a_kept_expansion_is_taken_while_its_value_set_is_the_same(tmp_path):
    compose = {
        "include": [{"system": SNOMED, "filter": [{"property": "concept", "op": "is-a", "value": "1"}]}]
    }
    expansion = {"contains": [{"system": SNOMED, "code": "11"}], "total": 1}
    written(tmp_path, {"resourceType": "ValueSet", "compose": compose}, "kept")
    written(
        tmp_path,
        {"resourceType": "ValueSet", "compose": compose, "expansion": expansion},
        "kept.expansion",
    )
    assert value_set("kept", tmp_path).codings == {(SNOMED, "11")}
    written(tmp_path, {"resourceType": "ValueSet", "compose": {"include": [{"system": ICD}]}}, "kept")
    with pytest.raises(ValueError, match=r"expansion of another state of kept.json"):
        value_set("kept", tmp_path)


@pytest.mark.parametrize(
    ("start", "codes"),
    [("C50", "C50 C50.1 C500"), ("C50*", "C50 C50.1 C500"), ("C50.*", "C50 C50.1"), ("C50.1*", "C50.1")],
)
def test_prefixes_with_a_star(start, codes):
    cells = pd.Series(["C50", "C50.1", "C500", "C5", None])
    assert cells[fits(cells, {"prefix": start})].tolist() == codes.split()


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
