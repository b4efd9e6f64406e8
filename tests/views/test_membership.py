"""``memberOf()`` in views, on both engines: by hand, and on generated codings against sets of pairs."""

import pickle
import random
import shutil

import pytest

from fhir_blina.errors import ViewError
from fhir_blina.files import json as fhirjson
from fhir_blina.views.faults import NotCompiled, RunFault
from fhir_blina.views.loading import load_views
from fhir_blina.views.reader import read_view
from fhir_blina.views.sql.compile import compile_view
from fhir_blina.views.tables import read_rows, views_folder

BOTH = pytest.mark.parametrize("engine", ["duckdb", "python"])
ICD, SNOMED, LOINC = "http://hl7.org/fhir/sid/icd-10", "http://snomed.info/sct", "http://loinc.org"
URL = "https://example.org/ValueSet/breast"


def listed(*parts, **more):
    include = [{"system": system, "concept": [{"code": one} for one in codes]} for system, codes in parts]
    return {"resourceType": "ValueSet", "status": "active", "compose": {"include": include}} | more


SETS = {
    "breast": listed((ICD, ["C50.1", "it's"]), (SNOMED, ["254837009"]), url=URL, version="2"),
    "icd": listed((ICD, ["C50.1", "C50.9"])),
    "female": listed(("http://hl7.org/fhir/administrative-gender", ["female", "other"])),
    "all_loinc": {
        "resourceType": "ValueSet",
        "compose": {
            "include": [{"system": LOINC}, {"system": SNOMED, "concept": [{"code": "1"}]}],
            "exclude": [{"system": LOINC, "concept": [{"code": "718-7"}]}],
        },
    },
    "filtered": {
        "resourceType": "ValueSet",
        "compose": {
            "include": [
                {"system": SNOMED, "filter": [{"property": "concept", "op": "is-a", "value": "372137005"}]}
            ]
        },
    },
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "value_sets").mkdir()
    for name, content in SETS.items():
        (tmp_path / "value_sets" / f"{name}.json").write_text(fhirjson.dumps(content))
    return tmp_path


def view_of(folder, resource, paths, **more):
    columns = [
        {"name": f"c{place}", "path": path, "collection": True, "type": "boolean"}
        for place, path in enumerate(paths)
    ]
    definition = {"resource": resource, "name": "v", "select": [{"column": columns}]} | more
    return read_view(definition, source="v.json", beside=folder)


def cells(folder, engine, resource, resources, paths, **more):
    written = [{"resourceType": resource, "id": f"r{n}"} | one for n, one in enumerate(resources)]
    fhirjson.write_ndjson(folder / f"{resource}.ndjson", written)
    return read_rows(folder, {"v": view_of(folder, resource, paths, **more)}, engine=engine)["v"].rows


def concept(*codings, **more):
    return {"coding": [{"system": system, "code": code} for system, code in codings]} | more


@BOTH
@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (concept((ICD, "C50.1")), [True]),
        (concept((ICD, "it's")), [True]),
        (concept((SNOMED, "254837009"), (LOINC, "x")), [True]),  # any coding of it
        (concept((LOINC, "x"), (SNOMED, "254837009")), [True]),
        (concept((ICD, "C50.2")), [False]),
        (concept((SNOMED, "C50.1")), [False]),  # the code of another system
        (concept((ICD.upper(), "C50.1")), [False]),
        (concept((ICD, "c50.1")), [False]),
        ({"coding": [{"code": "C50.1"}]}, [False]),  # of no system
        ({"coding": [{"system": ICD}]}, [False]),  # no code
        ({"text": "breast cancer"}, [False]),
        (
            {"coding": [{"system": ICD, "code": "C50.1", "version": "2016", "display": "x"}], "text": "y"},
            [True],
        ),
        (None, []),
    ],
)
def test_a_concept_is_in_a_set_by_any_of_its_codings(folder, engine, code, answer):
    resource = {} if code is None else {"code": code}
    paths = ["code.memberOf('breast')", f"code.memberOf('{URL}')", f"Condition.code.memberOf('{URL}|2')"]
    assert cells(folder, engine, "Condition", [resource], paths) == [(answer, answer, answer)]


@BOTH
def test_codings_codes_and_what_where_keeps(folder, engine):
    code = concept((ICD, "C50.1"), (SNOMED, "1"))
    resources = [{"code": code, "category": [concept((LOINC, "9")), concept((ICD, "C50.9"))]}]
    paths = [
        "code.coding.first().memberOf('breast')",
        "code.coding.last().memberOf('breast')",
        "code.coding[0].code.memberOf('icd')",  # a code alone: the set has one system
        "code.coding.where(memberOf('breast')).exists()",
        "code.coding.where($this.memberOf('breast').not()).system.first() = '" + SNOMED + "'",
        "category.select(memberOf('icd'))",
        "category.exists(memberOf('icd'))",
        "category.all(memberOf('icd'))",
        "category.where(coding.exists(memberOf('icd'))).count() = 1",
        "onset.ofType(string).memberOf('icd')",
        "code.memberOf('icd') and code.memberOf('breast')",
        "iif(code.memberOf('icd'), code.memberOf('all_loinc'), false)",
    ]
    yes, no = [True], [False]
    wanted = (yes, no, yes, yes, yes, [False, True], yes, no, yes, [], yes, yes)
    assert cells(folder, engine, "Condition", resources, paths) == [wanted]


@BOTH
def test_where_of_a_view_keeps_members_only(folder, engine):
    resources = [{"code": concept((ICD, one))} for one in ("C50.1", "C34.1", "C50.9")] + [{}]
    rows = cells(
        folder,
        engine,
        "Condition",
        resources,
        ["id.exists()"],
        where=[{"path": "code.memberOf(%group)"}],
        constant=[{"name": "group", "valueString": "icd"}],
    )
    assert rows == [([True],), ([True],)]


@BOTH
def test_a_level_of_rows_has_the_members_only(folder, engine):
    column = {"name": "code", "path": "code", "type": "code"}
    select = [{"forEach": "code.coding.where(memberOf('breast'))", "column": [column]}]
    definition = {"resource": "Condition", "name": "v", "select": select}
    code = concept((ICD, "C50.1"), (LOINC, "x"), (SNOMED, "254837009"))
    fhirjson.write_ndjson(
        folder / "Condition.ndjson", [{"resourceType": "Condition", "id": "a", "code": code}]
    )
    rows = read_rows(folder, {"v": read_view(definition, beside=folder)}, engine=engine)["v"].rows
    assert rows == [("C50.1",), ("254837009",)]


@BOTH
def test_a_code_alone(folder, engine):
    people = [{"gender": "female"}, {"gender": "male"}, {}, {"_gender": {"extension": [{"url": "x"}]}}]
    rows = cells(folder, engine, "Patient", people, ["gender.memberOf('female')"])
    assert rows == [([True],), ([False],), ([],), ([],)]


@BOTH
def test_a_whole_system_but_for_some(folder, engine):
    codes = [(LOINC, "2160-0"), (LOINC, "718-7"), (LOINC, None), (SNOMED, "1"), (SNOMED, "2")]
    resources = [{"code": {"coding": [{"system": s} | ({"code": c} if c else {})]}} for s, c in codes]
    rows = cells(folder, engine, "Observation", resources, ["code.memberOf('all_loinc')"])
    assert rows == [([True],), ([False],), ([False],), ([True],), ([False],)]


@BOTH
@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("code.coding.memberOf('breast')", "several|single value but got 2"),
        (
            "code.coding.first().code.memberOf('breast')",
            r"\"breast\" has codes of 2 systems .*Ask the Coding",
        ),
        ("code.coding.first().code.memberOf('all_loinc')", r"\"all_loinc\" has every code of http://loinc"),
        ("subject.memberOf('breast')", "takes a code, a Coding or a CodeableConcept"),
        ("onset.ofType(Age).value.memberOf('breast')", "takes a code, a Coding or a CodeableConcept"),
        ("code.coding.exists().memberOf('breast')", "takes a code, a Coding or a CodeableConcept"),
    ],
)
def test_what_is_asked_of_the_wrong_thing_is_an_error(folder, engine, path, told):
    resource = {
        "code": concept((ICD, "C50.1"), (SNOMED, "1")),
        "subject": {"reference": "Patient/p"},
        "onsetAge": {"value": 5},
    }
    with pytest.raises(ViewError, match=told) as raised:
        cells(folder, engine, "Condition", [resource], [path])
    assert not isinstance(raised.value, NotCompiled)
    assert isinstance(raised.value, RunFault) or engine == "duckdb"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (
            "code.memberOf('brest')",
            r'column 6: there is no value set "brest" in .*value_sets.*Did you mean "breast"',
        ),
        (
            "code.memberOf('https://example.org/ValueSet/none')",
            "has the url https://example.org/ValueSet/none",
        ),
        (f"code.memberOf('{URL}|3')", r"has the url .*\|3 \(breast.json is version 2\)"),
        ("code.memberOf('filtered')", r"filtered.json: chooses codes by a filter.*fhir-blina expand"),
        ("category.where(memberOf('brest'))", 'no value set "brest"'),
        ("code.memberOf(text)", r"takes the name or the URL of a value set. Write memberOf\('NAME'\)"),
        ("code.memberOf(%n)", "takes the name or the URL"),
        ("code.memberOf()", "takes 1 argument, not 0"),
    ],
)
def test_a_set_that_is_not_there_is_an_error_of_the_view_when_it_is_read(folder, path, told):
    with pytest.raises(ViewError, match=told) as raised:
        view_of(folder, "Condition", [path], constant=[{"name": "n", "valueInteger": 5}])
    (finding,) = raised.value.findings
    assert finding.location == "v.json"
    assert finding.expression == "ViewDefinition.select[0].column[0].path"


def test_all_sets_that_are_not_there_are_told_at_once(folder):
    with pytest.raises(ViewError) as raised:
        view_of(folder, "Condition", ["code.memberOf('x')", "code.memberOf('y')", "code.memberOf('icd')"])
    assert len(raised.value.findings) == 2


def test_a_view_that_is_no_file_says_so():
    with pytest.raises(ViewError, match="A view that is no file has no folder of value sets"):
        view_of(None, "Condition", ["code.memberOf('icd')"])


def test_a_folder_of_views_has_its_value_sets_beside_them_and_a_name_outside_of_it_is_none(folder):
    shared = fhirjson.loads((views_folder() / "ViewDefinition-conditions.json").read_text())
    column = {"name": "breast", "path": "code.memberOf('breast')", "type": "boolean"}
    definition = {"resource": "Condition", "select": [{"column": [column]}]}
    (folder / "ViewDefinition-one.json").write_text(fhirjson.dumps(definition))
    assert shared["resource"] == "Condition"
    assert set(load_views(folder)["one"].value_sets) == {"breast"}
    shutil.rmtree(folder / "value_sets")
    with pytest.raises(ViewError, match=r"ViewDefinition-one.json: .*no value set .* in .*value_sets"):
        load_views(folder)


def test_spark_has_the_sets_too(folder):
    resources = [{"code": concept((ICD, one))} for one in ("C50.1", "C34.1")]
    rows = cells(folder, "spark", "Condition", resources, ["code.memberOf('breast')"])
    assert rows == [([True],), ([False],)]


def test_views_with_sets_can_be_sent_to_workers(folder):
    view = view_of(folder, "Condition", ["code.memberOf('breast')"])
    again = pickle.loads(pickle.dumps(view))
    assert again.value_sets == view.value_sets
    (expression,) = [column.path for column in again.columns]
    assert expression.evaluate({"code": concept((ICD, "C50.1"))}) == [True]
    assert compile_view(again).columns[0].sql == compile_view(view).columns[0].sql


@pytest.mark.parametrize("seed", range(4))
def test_both_engines_say_of_generated_codings_what_a_set_of_pairs_says(tmp_path, seed):
    draw = random.Random(seed)
    systems = [ICD, SNOMED, LOINC, "urn:oid:1.2", "a|b", "it's"]
    pairs = [(system, f"{draw.choice('AB|')}{n}") for system in systems[:5] for n in range(40)]
    members = set(draw.sample(pairs, 60))
    parts = [(one, sorted(code for system, code in members if system == one)) for one in systems]
    (tmp_path / "value_sets").mkdir()
    content = fhirjson.dumps(listed(*[part for part in parts if part[1]]))
    (tmp_path / "value_sets" / "some.json").write_text(content)

    def coding():
        system, code = draw.choice(pairs)
        if draw.random() < 0.1:
            system = draw.choice(systems)
        made = {"system": system, "code": code}
        for key in ("system", "code"):
            if draw.random() < 0.05:
                del made[key]
        return made or {"display": "x"}

    resources = []
    for _ in range(300):
        made = {"coding": [coding() for _ in range(draw.randint(1, 3))]}
        resources.append(
            {} if draw.random() < 0.1 else {"code": made if draw.random() < 0.9 else {"text": "x"}}
        )
    wanted = []
    for one in resources:
        found = [(c.get("system"), c.get("code")) in members for c in one.get("code", {}).get("coding", ())]
        wanted.append(([any(found)] if "code" in one else [], found))
    paths = ["code.memberOf('some')", "code.coding.select(memberOf('some'))"]
    for engine in ("duckdb", "python"):
        assert cells(tmp_path, engine, "Condition", resources, paths) == wanted
    assert 20 < sum(row[0] == [True] for row in wanted) < 280


@BOTH
def test_ten_thousand_codes(tmp_path, engine):
    (tmp_path / "value_sets").mkdir()
    codes = [f"{number:05}.x" for number in range(10_000)]
    contains = [{"system": ICD if n % 2 else SNOMED, "code": one} for n, one in enumerate(codes)]
    content = {"resourceType": "ValueSet", "expansion": {"total": 10_000, "contains": contains}}
    (tmp_path / "value_sets" / "large.json").write_text(fhirjson.dumps(content))
    resources = [{"code": concept((ICD, f"{number:05}.x"))} for number in range(0, 12_000, 7)]
    rows = cells(
        tmp_path, engine, "Condition", resources, ["code.memberOf('large')", "code.memberOf('large')"]
    )
    wanted = [number % 2 == 1 and number < 10_000 for number in range(0, 12_000, 7)]
    assert rows == [([one], [one]) for one in wanted]
