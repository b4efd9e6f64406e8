"""A cohort folder read: typed cells, constants, and faults all at once."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from fhir_blina.cohorts.folder import cohort_names, find_cohort, read_cohort
from fhir_blina.errors import CohortError
from fhir_blina.files.blanks import fill_constants


def faults(folder):
    with pytest.raises(CohortError) as error:
        read_cohort(folder)
    return [str(finding).replace(f"{folder}/", "") for finding in error.value.findings]


TEMPLATE = 'table: people\nresource: {resourceType: Patient, id: "{{ id }}"}\n'


def test_cells_have_their_type_and_their_text(made):
    cohort = read_cohort(
        made(
            {
                "people": [
                    "id* word=a|b n:integer x:decimal yes:boolean",
                    "A,b,-7,14.00,true",
                    "B,,,,",
                    "C,a,0,-0.0,false",
                ]
            },
            TEMPLATE,
        )
    )
    first, empty, last = cohort.tables["people"].rows
    assert first.cells == {"id": "A", "word": "b", "n": -7, "x": Decimal("14.00"), "yes": True}
    assert str(first.cells["x"]) == "14.00"
    assert first.text == {"id": "A", "word": "b", "n": "-7", "x": "14.00", "yes": "true"}
    assert empty.cells == {"id": "B"}
    assert last.cells["yes"] is False
    assert str(last.cells["x"]) == "-0.0"
    assert (first.location, first.line) == (f"{cohort.folder}/data/people.csv:2", 2)
    assert cohort.tables["people"].key == ("id",)


@pytest.mark.parametrize(
    ("kind", "cell", "reason"),
    [
        ("integer", "1.0", "is not a whole number"),
        ("integer", "007", "is not a whole number"),
        ("integer", "+1", "is not a whole number"),
        ("integer", "-0", "is not a whole number"),
        ("integer", "1٣", "is not a whole number"),
        ("integer", "2147483648", "is not a whole number"),
        ("integer", "9" * 5000, "is not a whole number"),
        ("decimal", ".5", "is not a decimal number"),
        ("decimal", "1e3", "is not a decimal number"),
        ("decimal", "1.", "is not a decimal number"),
        ("decimal", "-0", "is not a decimal number"),
        ("decimal", "012.5", "is not a decimal number"),
        ("decimal", "1.٣", "is not a decimal number"),
        ("decimal", "0." + "1" * 40, "is not a decimal number"),
        ("boolean", "yes", "is not true or false"),
        ("boolean", "TRUE", "is not true or false"),
        ("string", " x", "begins or ends with a blank"),
        ("string", "x\u3000", "begins or ends with a blank"),
        ("string", "NA", "holds a spreadsheet's word for missing"),
        ("decimal", "NaN", "holds a spreadsheet's word for missing"),
        ("string", "#N/A", "holds a spreadsheet's word for missing"),
    ],
)
def test_a_cell_that_breaks_its_type_is_refused_and_not_shown(kind, cell, reason, made):
    (message,) = faults(made({"people": [f"id* c:{kind}", f"A,{cell}"]}, TEMPLATE))
    assert message.startswith(f'data/people.csv:2: error: column "c" {reason}')
    assert cell.strip() not in message.removeprefix("data/people.csv:2:").replace(reason, "")


@pytest.mark.parametrize("cell", ["-2147483648", "2147483647", "0"])
def test_an_integer_has_32_bits(cell, made):
    cohort = read_cohort(made({"people": ["id* n:integer", f"A,{cell}"]}, TEMPLATE))
    assert cohort.tables["people"].rows[0].cells["n"] == int(cell)


def test_the_word_na_is_a_word_where_it_is_listed(made):
    cohort = read_cohort(made({"people": ["id* c=NA|done", "A,NA"]}, TEMPLATE))
    assert cohort.tables["people"].rows[0].cells["c"] == "NA"


def test_na_may_stand_among_any_other_text(made):
    cells = ["id* c=*|NA|None", "A,NA", "B,None", "C,any words"]
    rows = read_cohort(made({"people": cells}, TEMPLATE)).tables["people"].rows
    assert [row.cells["c"] for row in rows] == ["NA", "None", "any words"]
    (finding,) = faults(made({"people": [*cells, "D,NaN"]}, TEMPLATE))
    assert "holds a spreadsheet's word for missing" in finding


def test_columns_are_in_the_files_order(made):
    folder = made({"people": ["id* a b", "A,1,2"]}, TEMPLATE)
    (folder / "data" / "people.csv").write_text("b,id,a\n2,A,1\n")
    assert list(read_cohort(folder).tables["people"].columns) == ["b", "id", "a"]


def test_constants_come_from_the_manifest(made):
    cohort = read_cohort(made({"people": ["id*", "A"]}, TEMPLATE, manifest="citation: Someone 2020\n"))
    assert cohort.constants == {
        "cohort": "demo",
        "base": "https://example.org",
        "canonical": "https://fhir-blina.example",
        "title": "Made",
        "citation": "Someone 2020",
        "anchor": "2000-01-01",
    }
    assert cohort.base == "https://example.org"
    assert cohort.anchor == dt.date(2000, 1, 1)


def test_constants_are_filled_in_systems_profiles_and_every_resource(made):
    folder = made({"people": ["id*", "A"]}, TEMPLATE)
    text = (folder / "cohort.yaml").read_text().replace("urn:two", "'{{ %base }}/{{%cohort}}/two'")
    text += (
        "every_resource: {implicitRules: '{{ %base }}/rules'}\nprofiles: {p: {Patient: ['{{ %base }}/p']}}\n"
    )
    (folder / "cohort.yaml").write_text(text)
    cohort = read_cohort(folder)
    assert cohort.systems == {"one": "urn:one", "two": "https://example.org/demo/two"}
    assert cohort.manifest.data["every_resource"] == {"implicitRules": "https://example.org/rules"}
    assert cohort.manifest.data["profiles"] == {"p": {"Patient": ["https://example.org/p"]}}


def test_a_constant_that_does_not_exist_stays_as_it_stands_when_filled():
    assert fill_constants("{{ %a }} {{ %b }} {{ a }}", {"a": "1"}) == "1 {{ %b }} {{ a }}"


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (
            "every_resource: {implicitRules: '{{ %bsae }}'}\n",
            "cohort.yaml:6: error: a blank that names no constant",
        ),
        ("every_resource: {language: '{{ id }}'}\n", "cohort.yaml:6: error: a blank that names no constant"),
        (
            "relative_to: 'X/{{ idd }}'\n",
            'cohort.yaml:6: error: relative_to: no constant or column "idd". Did you',
        ),
        ("relative_to: 'X/{{ %id }}'\n", 'cohort.yaml:6: error: relative_to: no constant or column "%id"'),
        ("without_systems: [onne]\n", 'cohort.yaml:6: error: "onne" is not in systems. Did you mean "one"?'),
        ("ids: plain\n", "cohort.yaml:6: error: ids: must be one of readable, hmac"),
        ("base2: x\n", 'cohort.yaml:6: error: unknown key "base2". Did you mean "base"?'),
    ],
)
def test_a_fault_of_the_manifest_has_its_line(manifest, message, made):
    (found,) = faults(made({"people": ["id*", "A"]}, TEMPLATE, manifest=manifest))
    assert found.startswith(message)


def test_a_manifest_of_comments_or_of_two_documents_is_refused(tiny):
    (tiny / "cohort.yaml").write_text("# later\n")
    assert faults(tiny) == [
        "cohort.yaml:1: error: the file holds nothing but comments. Fill it, or delete it"
    ]
    (tiny / "cohort.yaml").write_text("title: a\n---\ntitle: b\n")
    assert faults(tiny) == ["cohort.yaml:1: error: a manifest is one YAML document"]


@pytest.mark.parametrize(
    ("published", "ids", "readable"),
    [
        ("", "", False),
        ("published: false\n", "", False),
        ("published: true\n", "", True),
        ("published: true\n", "ids: hmac\n", False),
        ("published: false\n", "ids: readable\n", True),
    ],
)
def test_ids_are_readable_only_if_published_or_asked_for(published, ids, readable, tiny):
    text = (tiny / "cohort.yaml").read_text().replace("published: true\n", published + ids)
    (tiny / "cohort.yaml").write_text(text)
    assert read_cohort(tiny).readable_ids is readable


def test_another_anchor_changes_the_anchor_alone(tiny):
    cohort = read_cohort(tiny)
    moved = cohort.with_anchor(dt.date(2010, 5, 6))
    assert moved.anchor == dt.date(2010, 5, 6)
    assert moved.constants == {**cohort.constants, "anchor": "2010-05-06"}
    assert moved.tables is cohort.tables
    assert cohort.anchor == dt.date(2000, 1, 1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("people,Id,string,,,,,,,", 'dictionary.csv:2: error: "Id" is no name'),
        ("people,id,text,yes,,,,,,", "dictionary.csv:2: error: unknown type"),
        ("people,id,string,1,,,,,,", "dictionary.csv:2: error: key must be yes or empty"),
        ("people,id,string,yes,true,,,,,", "dictionary.csv:2: error: required must be yes or empty"),
        ("people,id,string,yes,,,,,a reason,", "dictionary.csv:2: error: a key column cannot be unmapped"),
    ],
)
def test_a_fault_of_the_dictionary_has_its_line(line, message, made):
    folder = made({"people": ["id*", "A"]}, TEMPLATE)
    header = (folder / "dictionary.csv").read_text().splitlines()[0]
    (folder / "dictionary.csv").write_text(f"{header}\n{line}\n")
    assert any(found.startswith(message) for found in faults(folder))


def test_a_dictionary_without_lines_is_a_fault(made):
    folder = made({"people": ["id*", "A"]}, TEMPLATE)
    (folder / "dictionary.csv").write_text((folder / "dictionary.csv").read_text().splitlines()[0] + "\n")
    assert "dictionary.csv:1: error: describes no column. Add a line for each column" in faults(folder)


def test_the_key_may_need_several_columns(made):
    good = {"visits": ["id* day*:integer", "A,1", "A,2", "B,1"]}
    template = 'table: visits\nresource: {resourceType: Basic, id: "{{ id }}-{{ day }}"}\n'
    assert read_cohort(made(good, template)).tables["visits"].key == ("id", "day")
    twice = {"visits": ["id* day*:integer", "A,1", "B,1", "A,1"]}
    assert faults(made(twice, template)) == ["data/visits.csv:4: error: the same id, day as in line 2"]


def test_faults_of_all_files_come_together(tiny):
    (tiny / "data" / "labs.csv").write_text("patient_id,day,level,level_status\nA,x,14.00,measured\n")
    (tiny / "codes.csv").write_text("map,value,system,code,display,note\nm,v,nowhere,c,,\n")
    with (tiny / "cohort.yaml").open("a") as file:
        file.write("without_systems: [sct]\n")
    assert [found.split(":")[0] for found in faults(tiny)] == ["cohort.yaml", "codes.csv", "data/labs.csv"]


def test_a_cohort_is_found_by_name_or_by_folder(tiny, monkeypatch):
    assert find_cohort(tiny) == tiny
    assert "cjcp2023" in cohort_names()
    assert read_cohort("cjcp2023").name == "cjcp2023"
    monkeypatch.chdir(tiny.parent)
    assert read_cohort("tiny").name == "tiny"
    monkeypatch.chdir(tiny)
    assert read_cohort(".").name == "tiny"
    with pytest.raises(CohortError, match='no cohort "cjcp2032"'):
        find_cohort("cjcp2032")


def test_a_folder_without_a_manifest_is_said(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    assert faults(folder) == ["cohort.yaml: error: cannot be read: No such file or directory"]
