"""Rows become resources: each rule of mappings/README.md, worked out by hand."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from decimal import Decimal

import pytest

from fhir_blina.cohorts.folder import read_cohort
from fhir_blina.errors import CohortError
from fhir_blina.files.json import dumps
from fhir_blina.mapping.idkey import hashed_id
from fhir_blina.mapping.mapping import map_cohort

COHORT_TAG = {"system": "https://fhir-blina.example/CodeSystem/cohort", "code": "demo"}
SYNTHETIC = {"system": "https://fhir-blina.example/CodeSystem/provenance-tag", "code": "synthetic-dates"}
KEY = "https://fhir-blina.example/NamingSystem/resource-key"
STUDY_DAY = "https://fhir-blina.example/StructureDefinition/study-day"

PEOPLE = {"people": ["id* word n:decimal day:integer yes:boolean", "A,x,14.00,3,true"]}


def template(body, table="people", kind="Basic", **more):
    """A template whose id is the row's, with these elements below."""
    head = f"table: {table}\n" + "".join(f"{name}: {value}\n" for name, value in more.items())
    lines = "".join(f"  {line}\n" for line in body.splitlines())
    return f'{head}resource:\n  resourceType: {kind}\n  id: "{{{{ id }}}}"\n{lines}'


@pytest.fixture
def fill(made):
    """Map one template over one row; the elements that the template gave."""

    def run(body, row="A,x,14.00,3,true", **more):
        tables = {"people": [PEOPLE["people"][0], row]}
        (resource,) = map_cohort(read_cohort(made(tables, template(body), **more))).resources
        return {k: v for k, v in resource.items() if k not in {"resourceType", "id", "meta", "identifier"}}

    return run


def faults(folder, **options):
    with pytest.raises(CohortError) as error:
        map_cohort(read_cohort(folder), **options)
    return [str(finding).replace(f"{folder}/", "") for finding in error.value.findings]


# A template is the resource ----------------------------------------------------------------------


def test_the_example_of_the_guide(made):
    folder = made(
        {"patients": ["patient_id* sex=male|female", "P1,male"]},
        "table: patients\nresource:\n  resourceType: Patient\n"
        '  id: "{{ %cohort }}-{{ patient_id }}"\n'
        "  gender: \"{{ sex.translate('gender').code }}\"\n",
        codes="gender,male,one,male,,\ngender,female,one,female,,\n",
        name="mycohort",
    )
    (patient,) = map_cohort(read_cohort(folder)).resources
    assert patient == {
        "resourceType": "Patient",
        "id": "mycohort-P1",
        "gender": "male",
        "meta": {"tag": [{**COHORT_TAG, "code": "mycohort"}]},
        "identifier": [{"system": KEY, "value": "mycohort-P1"}],
    }


def test_each_row_gives_one_resource_and_no_table_gives_one(made):
    tables = {"people": ["id*", "A", "B"]}
    once = "resource: {resourceType: ResearchStudy, id: study, status: completed}\n"
    mapped = map_cohort(read_cohort(made(tables, template("a: 1"), once)))
    assert [one["id"] for one in mapped.resources] == ["A", "B", "study"]
    assert mapped.unused == ()


def test_where_leaves_rows_out_that_are_false_or_empty(made):
    tables = {"people": ["id* n:decimal", "A,1", "B,3", "C,"]}
    mapped = map_cohort(read_cohort(made(tables, template("a: 1", where="n > 2"))))
    assert [one["id"] for one in mapped.resources] == ["B"]
    assert [row.text["id"] for row in mapped.unused] == ["A", "C"]


@pytest.mark.parametrize("where", ["word", "n", "id | word"])
def test_a_where_must_be_true_false_or_empty(where, made):
    tables = {"people": ["id* word n:decimal", "A,x,1"]}
    folder = made(tables, template("a: 1", where=where))
    assert faults(folder)[0] == (
        "resources/t0.yaml:2 (row data/people.csv:2): error: a condition must be true, false or empty"
    )


# Blanks ------------------------------------------------------------------------------------------


def test_a_string_that_is_one_blank_keeps_its_type(fill):
    found = fill("a: '{{ n }}'\nb: '{{ day }}'\nc: '{{ yes }}'\nd: '{{ word }}'")
    assert found == {"a": Decimal("14.00"), "b": 3, "c": True, "d": "x"}
    assert type(found["b"]) is int


@pytest.mark.parametrize("cell", ["14.00", "0.10", "-0.0", "0.0000001", "0.00000000", "123456789.10", "5"])
def test_a_decimal_is_the_same_number_of_digits_from_cell_to_json(cell, fill):
    found = fill("a: '{{ n }}'\nb: 'is {{ n }} %'", row=f"A,x,{cell},3,true")
    assert found["b"] == f"is {cell} %"
    written = json.loads(dumps(found), parse_float=Decimal, parse_int=Decimal)["a"]
    assert written.as_tuple() == Decimal(cell).as_tuple()
    if "000000" not in cell:  # these are written as 1E-7 and 0E-8
        assert f'"a":{cell}' in dumps(found)


def test_text_and_blanks_are_a_string(fill):
    assert fill("a: '{{ %cohort }}-{{ id }}/{{ day }} {{ yes }} {{ n }}'") == {"a": "demo-A/3 true 14.00"}


def test_one_empty_blank_empties_the_whole_string(fill):
    assert fill("a: 'x {{ word }} {{ day }}'\nb: 1", row="A,,1,3,") == {"b": 1}


def test_in_a_list_a_blank_gives_as_many_items_as_results(fill):
    codes = "m,x,one,1,One,\nm,x,two,2,,\nm,y,,,,\n"
    text = "a: [first, \"{{ word.translate('m') }}\", last]"
    assert fill(text, codes=codes) == {
        "a": [
            "first",
            {"system": "urn:one", "code": "1", "display": "One"},
            {"system": "urn:two", "code": "2"},
            "last",
        ]
    }
    assert fill(text, codes=codes, row="A,y,1,1,") == {"a": ["first", "last"]}


def test_a_blank_outside_a_list_may_have_one_result_at_most(made):
    codes = "m,x,one,1,,\nm,x,two,2,,\n"
    folder = made(PEOPLE, template("a: \"{{ word.translate('m').code }}\""), codes=codes)
    text = "error: a blank outside a list has more than one result. Add .first()"
    assert faults(folder) == [f"resources/t0.yaml:5 (row data/people.csv:2): {text}"]


@pytest.mark.parametrize(
    ("body", "filled", "empty"),
    [
        # No data, no element.
        ("note: '{{ word }}'", {"note": "x"}, {}),
        ("note: [{text: '{{ word }}'}]", {"note": [{"text": "x"}]}, {}),
        # A block none of whose blanks was filled goes, its constants too.
        ("q: {value: '{{ word }}', unit: mg}", {"q": {"value": "x", "unit": "mg"}}, {}),
        ("q: {r: {s: '{{ word }}', t: 1}, u: 2}", {"q": {"r": {"s": "x", "t": 1}, "u": 2}}, {}),
        # One filled blank keeps it.
        ("q: {a: '{{ word }}', b: '{{ id }}'}", {"q": {"a": "x", "b": "A"}}, {"q": {"b": "A"}}),
        # A literal or a constant keeps no block alive.
        ("q: {a: '{{ word }}', b: '{{ %cohort }}'}", {"q": {"a": "x", "b": "demo"}}, {}),
        ("q: {a: '{{ word }}', b: \"{{ 'c' }}\"}", {"q": {"a": "x", "b": "c"}}, {}),
        # A block without any column's blank always stays.
        ("q: {a: '{{ %cohort }}'}", {"q": {"a": "demo"}}, {"q": {"a": "demo"}}),
        ("q: {a: 1}", {"q": {"a": 1}}, {"q": {"a": 1}}),
        # A list that keeps an item without columns counts as a block without any column's blank.
        ("q: [c, '{{ word }}']", {"q": ["c", "x"]}, {"q": ["c"]}),
        ("q: [{a: 1}, {b: '{{ word }}'}]", {"q": [{"a": 1}, {"b": "x"}]}, {"q": [{"a": 1}]}),
        ("q: {r: [c, '{{ word }}']}", {"q": {"r": ["c", "x"]}}, {"q": {"r": ["c"]}}),
        (
            "q: {r: [c, '{{ word }}'], s: '{{ word }}'}",
            {"q": {"r": ["c", "x"], "s": "x"}},
            {},
        ),
        ("q: {r: ['{{ word }}'], s: 1}", {"q": {"r": ["x"], "s": 1}}, {}),
        # An expression that has no result is empty, too.
        ("q: \"{{ iif(word = 'x', 'yes', {}) }}\"", {"q": "yes"}, {}),
        ("q: \"{{ word.replace('x', '') }}\"", {}, {}),
    ],
)
def test_no_data_no_element(body, filled, empty, fill):
    assert fill(body) == filled
    assert fill(body, row="A,,14.00,3,true") == empty


def test_a_zero_and_a_false_are_data(fill):
    found = fill("q: {a: '{{ day }}'}\nr: {a: '{{ yes }}'}", row="A,,,0,false")
    assert found == {"q": {"a": 0}, "r": {"a": False}}


def test_what_looks_like_another_type_stays_text(fill):
    assert fill("a: no\nb: 012\nc: 2000-01-01\nd: 22:30\ne: false\nf: 1") == {
        "a": "no",
        "b": "012",
        "c": "2000-01-01",
        "d": "22:30",
        "e": False,
        "f": 1,
    }


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("n * 2", Decimal("28.00")),
        ("word & '-' & id", "x-A"),
        ("word.upper()", "X"),
        ("iif(yes, 'a', 'b')", "a"),
        ("n > 14", False),
        ("day + 1", 4),
    ],
)
def test_a_blank_holds_fhirpath_over_the_row(expression, result, fill):
    assert fill(f'a: "{{{{ {expression} }}}}"') == {"a": result}


def test_an_expression_that_fails_is_named_with_template_and_row_but_no_value(made):
    folder = made({"people": ["id* word", "A,CANARY"]}, template("a: '{{ word + 1 }}'"))
    (message,) = faults(folder)
    assert message.startswith("resources/t0.yaml:5 (row ")
    assert "data/people.csv:2" in message
    assert "CANARY" not in message


# Functions ---------------------------------------------------------------------------------------

CODES = "m,x,one,1,One,\nm,x,two,2,,\nm,none,,,,no code on purpose\n"


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("word.translate('m').first().code", "1"),
        ("word.translate('m').first().display", "One"),
        ("word.translate('m').first().system", "urn:one"),
        ("word.translate('m').where(system = 'urn:two').code", "2"),
        ("word.translate('m').last().display", None),
        ("word.translate('m').count()", 2),
        ("'x'.translate('m').code.first()", "1"),
        ("'none'.translate('m').code", None),
    ],
)
def test_translate_gives_the_codings_in_file_order(expression, result, fill):
    assert fill(f'a: "{{{{ {expression} }}}}"', codes=CODES) == ({} if result is None else {"a": result})


def test_booleans_and_numbers_are_translated_by_their_text(fill):
    codes = "m,true,one,t,,\nm,14.00,one,f,,\nm,3,one,i,,\n"
    text = "a: [\"{{ (yes | n | day).translate('m') }}\"]"
    assert [one["code"] for one in fill(text, codes=codes)["a"]] == ["t", "f", "i"]


def test_a_word_without_a_line_is_an_error_that_does_not_show_it(made):
    folder = made(
        {"people": ["id* word", "A,CANARY"]}, template("a: [\"{{ word.translate('m') }}\"]"), codes=CODES
    )
    (message,) = faults(folder)
    assert 'column "word": code map "m" has no line for it. Add a line to codes.csv' in message
    assert "CANARY" not in message


def test_systems_left_out_leave_their_codings_out(fill):
    found = fill("a: [\"{{ word.translate('m') }}\"]", codes=CODES, manifest="without_systems: [one]\n")
    assert found == {"a": [{"system": "urn:two", "code": "2"}]}


def test_an_object_inside_a_text_is_an_error(made):
    codes = "m,x,one,1,,\n"
    (message,) = faults(made(PEOPLE, template("a: \"is {{ word.translate('m') }}\""), codes=codes))
    assert "an object inside a text. Pick .code or .display" in message


@pytest.mark.parametrize("column", ["word", "n", "yes"])
def test_only_a_whole_number_becomes_a_date(column, made):
    (message,) = faults(made(PEOPLE, template(f"a: '{{{{ {column}.studyDate() }}}}'")))
    assert "studyDate() takes whole numbers" in message


# studyDate() -------------------------------------------------------------------------------------

RELATIVE = "relative_to: 'ResearchSubject/{{ %cohort }}-{{ id }}-enrolment'\n"


def test_a_study_date_is_anchor_plus_days_with_both_extensions_and_the_tag(made):
    folder = made(PEOPLE, template("effectiveDateTime: '{{ day.studyDate() }}'"), manifest=RELATIVE)
    (resource,) = map_cohort(read_cohort(folder)).resources
    assert resource["effectiveDateTime"] == "2000-01-04"
    assert resource["_effectiveDateTime"] == {
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/cqf-relativeDateTime",
                "extension": [
                    {"url": "target", "valueReference": {"reference": "ResearchSubject/demo-A-enrolment"}},
                    {"url": "targetPath", "valueString": "period.start"},
                    {"url": "relationship", "valueCode": "after"},
                    {
                        "url": "offset",
                        "valueDuration": {
                            "value": 3,
                            "unit": "d",
                            "system": "http://unitsofmeasure.org",
                            "code": "d",
                        },
                    },
                ],
            },
            {"url": STUDY_DAY, "valueInteger": 3},
        ]
    }
    assert resource["meta"]["tag"] == [COHORT_TAG, SYNTHETIC]


def test_without_relative_to_the_study_day_stands_alone(fill):
    found = fill("p: {start: '{{ day.studyDate() }}', _start: {id: x}}")
    assert found["p"] == {
        "start": "2000-01-04",
        "_start": {"id": "x", "extension": [{"url": STUDY_DAY, "valueInteger": 3}]},
    }


def test_no_day_no_date_no_extension_no_tag(made):
    folder = made(
        {"people": ["id* day:integer", "A,"]}, template("d: '{{ day.studyDate() }}'"), manifest=RELATIVE
    )
    (resource,) = map_cohort(read_cohort(folder)).resources
    assert set(resource) == {"resourceType", "id", "meta", "identifier"}
    assert resource["meta"]["tag"] == [COHORT_TAG]


def test_a_date_of_a_row_without_a_subject_has_no_relative_date(made):
    folder = made(
        {"people": ["id*", "A"], "visits": ["visit* day:integer", "v,1"]},
        template("a: 1"),
        'table: visits\nresource: {resourceType: Basic, id: "{{ visit }}", d: "{{ day.studyDate() }}"}\n',
        manifest=RELATIVE,
    )
    assert map_cohort(read_cohort(folder)).resources[1]["_d"] == {
        "extension": [{"url": STUDY_DAY, "valueInteger": 1}]
    }


def test_a_day_before_any_calendar_is_an_error(made):
    (message,) = faults(
        made({"people": ["id* day:integer", "A,-1000000"]}, template("d: '{{ day.studyDate() }}'"))
    )
    assert "the study day gives no date" in message


def test_another_anchor_moves_every_date_and_keeps_days_and_intervals(tiny):
    cohort = read_cohort(tiny)
    dates = {}
    for anchor in (dt.date(2000, 1, 1), dt.date(2020, 2, 15)):
        labs = [
            one
            for one in map_cohort(cohort.with_anchor(anchor)).resources
            if one["resourceType"] == "Observation"
        ]
        days = [one["_effectiveDateTime"]["extension"][-1]["valueInteger"] for one in labs]
        dates[anchor] = [dt.date.fromisoformat(one["effectiveDateTime"]) for one in labs]
        assert days == [0, 29, 0]
        assert [date - anchor for date in dates[anchor]] == [dt.timedelta(day) for day in days]
    assert dates[dt.date(2020, 2, 15)] == [dt.date(2020, 2, 15), dt.date(2020, 3, 15), dt.date(2020, 2, 15)]


# Constants ---------------------------------------------------------------------------------------


def test_constants_are_those_of_the_manifest(fill):
    body = "\n".join(
        f"{n}: '{{{{ %{n} }}}}'" for n in ("cohort", "base", "canonical", "title", "citation", "anchor")
    )
    assert fill(body, manifest="citation: Someone 2020\n") == {
        "cohort": "demo",
        "base": "https://example.org",
        "canonical": "https://fhir-blina.example",
        "title": "Made",
        "citation": "Someone 2020",
        "anchor": "2000-01-01",
    }


def test_a_constant_that_the_manifest_leaves_empty_gives_no_element(fill):
    assert fill("a: '{{ %citation }}'\nb: 1") == {"b": 1}


# Rows inside a resource --------------------------------------------------------------------------

GROUPS = {
    "groups": ["id* word", "g,x", "h,"],
    "members": ["id* person* role=child|adult", "g,A,child", "g,B,adult", "h,C,"],
}


def test_embedded_rows_are_those_whose_columns_equal(made):
    body = "member:\n  - embed: {table: members, on: [id]}\n    entity: {reference: 'Patient/{{ person }}'}"
    mapped = map_cohort(read_cohort(made(GROUPS, template(body, table="groups"))))
    assert [[one["entity"]["reference"] for one in each["member"]] for each in mapped.resources] == [
        ["Patient/A", "Patient/B"],
        ["Patient/C"],
    ]
    assert mapped.unused == ()


def test_embedded_rows_can_be_chosen_by_a_condition(made):
    body = (
        "member:\n  - embed: {table: members, on: [id], where: \"role = 'child'\"}\n    who: '{{ person }}'"
    )
    mapped = map_cohort(read_cohort(made(GROUPS, template(body, table="groups"))))
    assert [each.get("member") for each in mapped.resources] == [[{"who": "A"}], None]
    assert [row.text["person"] for row in mapped.unused] == ["B", "C"]


def test_row_is_the_row_around_an_embedded_one(made):
    body = "member:\n  - embed: {table: members, on: [id], where: '%row.word.exists()'}\n    a: '{{ person }}'\n    b: '{{ %row.word }}'"
    mapped = map_cohort(read_cohort(made(GROUPS, template(body, table="groups"))))
    assert [each.get("member") for each in mapped.resources] == [
        [{"a": "A", "b": "x"}, {"a": "B", "b": "x"}],
        None,
    ]


def test_rows_stand_inside_rows(made):
    tables = {
        "a": ["id*", "1", "2"],
        "b": ["id* no*", "1,x", "1,y", "2,x"],
        "c": ["id* no* leaf*", "1,x,p", "1,x,q", "2,x,r"],
    }
    body = (
        "b:\n  - embed: {table: b, on: [id]}\n    no: '{{ no }}'\n"
        "    c:\n      - embed: {table: c, on: [id, no]}\n        leaf: '{{ leaf }}'"
    )
    mapped = map_cohort(read_cohort(made(tables, template(body, table="a"))))
    assert [one["b"] for one in mapped.resources] == [
        [{"no": "x", "c": [{"leaf": "p"}, {"leaf": "q"}]}, {"no": "y"}],
        [{"no": "x", "c": [{"leaf": "r"}]}],
    ]
    assert mapped.unused == ()


# What every resource gets ------------------------------------------------------------------------


def test_every_resource_is_merged_in_and_the_template_wins(made):
    manifest = (
        "every_resource:\n  language: en\n  meta:\n"
        "    security: [{system: s, code: b}]\n    tag: [{system: t, code: z}]\n"
    )
    body = "language: zh\nmeta:\n  security: [{system: s, code: a}, {system: s, code: b}]\n  tag: [{system: t, code: y}]"
    folder = made(PEOPLE, template(body), manifest=manifest)
    (resource,) = map_cohort(read_cohort(folder)).resources
    assert resource["language"] == "zh"
    assert resource["meta"]["security"] == [{"system": "s", "code": "a"}, {"system": "s", "code": "b"}]
    assert resource["meta"]["tag"] == [COHORT_TAG, {"system": "t", "code": "y"}, {"system": "t", "code": "z"}]


def test_tags_and_security_are_sorted_by_system_and_code(made):
    body = (
        "meta:\n  tag: [{system: z, code: a}, {system: a, code: b}, {system: a, code: a}]\n"
        "  security: [{system: s, code: b}, {system: s, code: a}]"
    )
    (resource,) = map_cohort(read_cohort(made(PEOPLE, template(body)))).resources
    assert [one["code"] for one in resource["meta"]["tag"]] == ["a", "b", "demo", "a"]
    assert [one["system"][0] for one in resource["meta"]["tag"]] == ["a", "a", "h", "z"]
    assert [one["code"] for one in resource["meta"]["security"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("kind", "identifier"),
    [
        ("Observation", [{"system": KEY, "value": "A"}]),
        ("AdverseEvent", {"system": KEY, "value": "A"}),
        ("Provenance", None),
        ("Binary", None),
    ],
)
def test_the_readable_id_is_repeated_where_the_type_has_an_identifier(kind, identifier, made):
    (resource,) = map_cohort(read_cohort(made(PEOPLE, template("a: 1", kind=kind)))).resources
    assert resource.get("identifier") == identifier


def test_an_identifier_of_the_template_comes_first(made):
    body = "identifier: [{system: own, value: '{{ word }}'}]"
    (resource,) = map_cohort(read_cohort(made(PEOPLE, template(body)))).resources
    assert resource["identifier"] == [{"system": "own", "value": "x"}, {"system": KEY, "value": "A"}]


def test_type_id_and_meta_come_first_and_the_rest_as_written(made):
    (resource,) = map_cohort(read_cohort(made(PEOPLE, template("z: 1\na: 2")))).resources
    assert list(resource) == ["resourceType", "id", "meta", "z", "a", "identifier"]


# Ids ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["a b", "a_b", "ä", "x" * 65, "a/b"])
def test_an_id_that_fhir_does_not_allow_is_an_error_that_does_not_show_it(cell, made):
    (message,) = faults(made({"people": ["id*", cell]}, template("a: 1")))
    assert message.startswith("resources/t0.yaml:4 (row ")
    assert "the id is empty or not allowed. An id has 1 to 64 characters of A-Z, a-z, 0-9, - and ." in message
    assert cell not in message


def test_an_id_without_data_is_an_error(made):
    text = 'table: people\nresource: {resourceType: Basic, id: "{{ word }}", a: "{{ id }}"}\n'
    assert "the id is empty or not allowed" in faults(made({"people": ["id* word", "A,"]}, text))[0]


def test_two_rows_of_one_id_are_an_error_that_names_both(made):
    text = 'table: people\nresource: {resourceType: Basic, id: "{{ word }}"}\n'
    folder = made({"people": ["id* word", "A,CANARY", "B,CANARY"]}, text)
    (message,) = faults(folder)
    assert "the same id as from resources/t0.yaml:2" in message
    assert "data/people.csv:2" in message
    assert "data/people.csv:3" in message
    assert "CANARY" not in message


def test_the_same_id_in_two_types_is_two_resources(made):
    mapped = map_cohort(read_cohort(made(PEOPLE, template("a: 1"), template("a: 1", kind="Patient"))))
    assert [(one["resourceType"], one["id"]) for one in mapped.resources] == [
        ("Basic", "A"),
        ("Patient", "A"),
    ]


def test_every_resource_knows_its_template_and_row(made):
    folder = made(PEOPLE, template("a:\n  - b: '{{ word }}'"))
    origin = map_cohort(read_cohort(folder)).origins["Basic/A"]
    assert origin.location(".a[0].b") == f"{folder}/resources/t0.yaml:6 (row {folder}/data/people.csv:2)"


# Options of the manifest -------------------------------------------------------------------------

OPTIONS = "profiles:\n  extra:\n    Basic: [urn:profile]\n"


def test_an_option_adds_to_resources_of_the_same_id_and_claims_profiles(made):
    base = template("a: {b: 1}\nl: [1]\ns: kept")
    added = template("a: {c: 2}\nl: [2, 1]\ns: dropped\nmeta: {profile: [urn:other]}", profiles="extra")
    folder = made(PEOPLE, base, added, manifest=OPTIONS)
    (plain,) = map_cohort(read_cohort(folder)).resources
    assert plain["a"] == {"b": 1}
    assert "profile" not in plain["meta"]
    (with_option,) = map_cohort(read_cohort(folder), profiles=["extra"]).resources
    assert with_option["a"] == {"b": 1, "c": 2}
    assert with_option["l"] == [1, 2]
    assert with_option["s"] == "kept"
    assert with_option["meta"]["profile"] == ["urn:other", "urn:profile"]


def test_an_option_adds_to_resources_of_files_that_come_later(made):
    added = template("c: 2", profiles="extra")
    folder = made(PEOPLE, added, template("b: 1"), manifest=OPTIONS)
    (resource,) = map_cohort(read_cohort(folder), profiles=["extra"]).resources
    assert (resource["b"], resource["c"]) == (1, 2)


def test_an_option_may_make_resources_of_its_own(made):
    added = template("c: 2", kind="Patient", profiles="extra")
    folder = made(PEOPLE, template("b: 1"), added, manifest=OPTIONS)
    assert len(map_cohort(read_cohort(folder)).resources) == 1
    assert len(map_cohort(read_cohort(folder), profiles=["extra"]).resources) == 2


def test_an_unknown_option_is_an_error(made):
    folder = made(PEOPLE, template("b: 1"), manifest=OPTIONS)
    assert faults(folder, profiles=["other"]) == [
        'cohort.yaml: error: the manifest has no profiles option "other"'
    ]


# Hashed ids --------------------------------------------------------------------------------------


@pytest.fixture
def hashed(tiny, tmp_path, monkeypatch):
    """The small cohort with ids that must be keyed hashes: map it with this key."""
    text = (tiny / "cohort.yaml").read_text().replace("published: true\n", "")
    (tiny / "cohort.yaml").write_text(text)

    def run(key):
        path = tmp_path / "key"
        path.unlink(missing_ok=True)
        path.touch(0o600)
        path.write_bytes(hashlib.sha256(key).digest())
        monkeypatch.setenv("FHIR_BLINA_ID_KEY_FILE", str(path))
        return map_cohort(read_cohort(tiny))

    return run


def test_hashed_ids_are_the_same_with_the_same_key_and_others_with_another(hashed):
    first, again, other = ([one["id"] for one in hashed(key).resources] for key in (b"1", b"1", b"2"))
    assert first == again
    assert not set(first) & set(other)
    assert hashed_id(hashlib.sha256(b"1").digest(), "tiny-A") in first


def test_references_and_origins_follow_hashed_ids(hashed, tiny):
    mapped = hashed(b"1")
    subjects = {
        one["subject"]["reference"] for one in mapped.resources if one["resourceType"] == "Observation"
    }
    assert subjects == {
        f"Patient/{hashed_id(hashlib.sha256(b'1').digest(), name)}" for name in ("tiny-A", "tiny-B")
    }
    text = dumps(mapped.resources)
    assert '"reference":"Patient/tiny' not in text
    assert '"reference":"ResearchSubject/tiny' not in text
    keys = {f"{one['resourceType']}/{one['id']}" for one in mapped.resources}
    assert set(mapped.origins) == keys
    assert all(origin.template.document.path.parent.parent == tiny for origin in mapped.origins.values())


# Faults of a whole resource ----------------------------------------------------------------------


def test_a_row_that_fills_no_blank_is_an_error(made):
    text = 'table: people\nresource: {resourceType: Basic, id: fixed, a: "{{ word }}"}\n'
    (message,) = faults(made({"people": ["id* word", "A,"]}, text))
    assert (
        message
        == "resources/t0.yaml:2 (row data/people.csv:2): error: the row fills no blank of the template"
    )


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("meta: x", "Basic", "5 (row data/people.csv:2): error: meta must be an object"),
        ("meta: {tag: x}", "Basic", "5 (row data/people.csv:2): error: meta.tag must be a list of Codings"),
        (
            "meta: {security: ['{{ word }}']}",
            "Basic",
            "5 (row data/people.csv:2): error: meta.security must be",
        ),
        ("identifier: {value: x}", "Basic", "5 (row data/people.csv:2): error: identifier must be a list"),
        (
            "identifier: [x]",
            "Basic",
            "5 (row data/people.csv:2): error: identifier must be a list of objects",
        ),
        (
            "identifier: [{value: x}]",
            "AdverseEvent",
            "5 (row data/people.csv:2): error: identifier must be one object",
        ),
    ],
)
def test_what_every_resource_gets_must_find_its_place(body, kind, text, made):
    (message,) = faults(made(PEOPLE, template(body, kind=kind)))
    assert message.startswith(f"resources/t0.yaml:{text}")


def test_every_resource_must_leave_meta_an_object(made):
    (message,) = faults(made(PEOPLE, template("a: 1"), manifest="every_resource: {meta: x}\n"))
    assert "meta must be an object" in message
