"""Templates compiled: what is a constant, a blank, a text, a block, a list, an embedded row."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_blina.cohorts.folder import read_cohort
from fhir_blina.mapping.check import check_cohort
from fhir_blina.mapping.functions import StudyDate
from fhir_blina.mapping.nodes import Blank, Block, Constant, Embed, Items, Text, blanks, nodes
from fhir_blina.mapping.template import compile_templates

TABLES = {
    "people": ["id* word day:integer", "A,x,1"],
    "visits": ["id* number*:integer", "A,1"],
}


@pytest.fixture
def compiled(made):
    """Compile template texts over two tables: the templates and the findings, file names short."""

    def run(*texts, codes="", manifest=""):
        folder = made(TABLES, *texts, codes=codes, manifest=manifest)
        findings = []
        templates = compile_templates(read_cohort(folder), findings)
        return templates, [str(one).replace(f"{folder}/resources/", "") for one in findings]

    return run


def root(compiled, body, **more):
    """The compiled resource of a template with these elements."""
    lines = "\n".join(f"  {line}" for line in body.splitlines())
    text = f'table: people\nresource:\n  resourceType: Basic\n  id: "{{{{ id }}}}"\n{lines}\n'
    templates, findings = compiled(text, **more)
    assert findings == []
    return templates[0].root


def test_a_quoted_blank_alone_is_a_blank_and_with_text_a_text(compiled):
    items = root(compiled, "a: '{{ word }}'\nb: 'x-{{ word }}'\nc: '{{ word }}{{ day }}'\nd: word").items
    assert isinstance(items["a"], Blank)
    assert items["a"].column == "word"
    assert isinstance(items["b"], Text)
    assert items["b"].parts[0] == "x-"
    assert [part.column for part in items["c"].parts] == ["word", "day"]
    assert items["d"] == Constant("word", ("resource", "d"))


def test_constants_keep_the_types_of_yaml(compiled):
    items = root(compiled, "a: 1.50\nb: true\nc: no\nd: 012").items
    assert [items[name].value for name in "abcd"] == [Decimal("1.50"), True, "no", "012"]
    assert str(items["a"].value) == "1.50"


def test_a_blank_knows_its_columns_and_code_maps(compiled):
    codes = "m,x,one,1,,\nn,x,one,2,,\n"
    text = "a: \"{{ iif(day > 0, word.translate('m').code, word.translate( 'n' ).code) }}\""
    blank = root(compiled, text, codes=codes).items["a"]
    assert blank.columns == ("day", "word")
    assert blank.maps == ("m", "n")
    assert blank.column is None


def test_a_study_date_names_its_column_if_it_is_nothing_else(compiled):
    items = root(compiled, "a: '{{ day.studyDate() }}'\nb: '{{ (day + 1).studyDate() }}'").items
    assert items["a"].study_day_column == "day"
    assert items["b"].study_day_column is None


def test_a_literal_or_constant_reads_no_column(compiled):
    items = root(compiled, "a: \"{{ 'word' }}\"\nb: '{{ %cohort }}'\nc: [{d: '{{ word }}'}]").items
    assert not items["a"].reads
    assert not items["b"].reads
    assert items["c"].reads


def test_a_list_item_with_embed_reads_the_other_table(compiled):
    items = root(
        compiled, "a:\n  - embed: {table: visits, on: [id], where: 'number > 0'}\n    n: '{{ number }}'"
    ).items
    (embed,) = items["a"].nodes
    assert isinstance(embed, Embed)
    assert (embed.table, embed.on, embed.where.columns) == ("visits", ("id",), ("number",))
    assert isinstance(embed.node, Block)
    assert items["a"].reads
    assert [type(one) for one in nodes(items["a"])] == [Items, Embed, Block, Blank]
    assert [blank.column for blank in blanks(items["a"])] == ["number"]


def test_row_reads_the_row_around_an_embedded_one(compiled):
    text = "a:\n  - embed: {table: visits, on: [id]}\n    n: '{{ %row.word }}'\n    m: '{{ number }}'"
    blank = root(compiled, text).items["a"].nodes[0].node.items["n"]
    assert (blank.outer_column, blank.reads, blank.columns) == ("word", True, ())


def test_templates_are_named_after_their_file_and_place(compiled):
    text = "resource: {resourceType: Basic, id: a}\n---\nresource: {resourceType: Basic, id: b}\n"
    templates, findings = compiled(text, text.replace("id: a", "id: c").replace("id: b", "id: d"))
    assert findings == []
    assert [one.name for one in templates] == ["t0", "t0-2", "t1", "t1-2"]
    assert templates[1].location(("resource", "id")).endswith("t0.yaml:3")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: '{{ wrod }}'", 't0.yaml:5: error: table "people" has no column "wrod". Did you mean "word"?'),
        ("a: '{{ word.lenght() }}'", "t0.yaml:5: error: "),
        ("a: '{{ word..x }}'", "t0.yaml:5: error: "),
        ("a: '{{ }}'", "t0.yaml:5: error: "),
        ("a: '{{ word.translate() }}'", "t0.yaml:5: error: "),
        ("a: '{{ %nothing }}'", "t0.yaml:5: error: "),
        ("a: '{{ word'", "t0.yaml:5: error: a blank that does not open or close. Write {{ … }}"),
        ("a: 'word }}'", "t0.yaml:5: error: a blank that does not open or close. Write {{ … }}"),
        (
            "'{{ word }}': x",
            "t0.yaml:5: error: a blank in the name of an element. Blanks stand in values only",
        ),
        ("a:", "t0.yaml:5: error: an empty value. Leave the element out, or fill it"),
        ("a: [x, ~]", "t0.yaml:5: error: an empty value. Leave the element out, or fill it"),
        ("a: \"{{ word.translate('nn') }}\"", 't0.yaml:5: error: no code map "nn" in codes.csv'),
        ("a: {embed: {table: visits}}", "t0.yaml:5: error: embed stands in an item of a list only"),
        (
            "a: [{embed: visits}]",
            "t0.yaml:5: error: embed needs a table. Write embed: {table: name, on: [column]}",
        ),
        ("a: [{embed: {table: 1}}]", "t0.yaml:5: error: embed needs a table"),
        ("a: [{embed: {table: visit}}]", 't0.yaml:5: error: no table "visit". Did you mean "visits"?'),
        (
            "a: [{embed: {table: visits, on: id}}]",
            "t0.yaml:5: error: on is a list of columns. Write on: [column]",
        ),
        (
            "a: [{embed: {table: visits, on: [5]}}]",
            "t0.yaml:5: error: on is a list of columns. Write on: [column]",
        ),
        (
            "a: [{embed: {table: visits, on: [word]}}]",
            't0.yaml:5: error: table "visits" has no column "word"',
        ),
        (
            "a: [{embed: {table: visits, on: [number]}}]",
            't0.yaml:5: error: table "people" has no column "number"',
        ),
        ("a: [{embed: {table: visits, if: x}}]", 't0.yaml:5: error: unknown key "if"'),
        ("a: [{embed: {table: visits, where: 5}}]", "t0.yaml:5: error: an expression is a string"),
        (
            "a: [{embed: {table: visits}, b: '{{ word }}'}]",
            't0.yaml:5: error: table "visits" has no column "word"',
        ),
        (
            "a: 'on {{ day.studyDate() }}'",
            "t0.yaml:5: error: studyDate() inside a text. It needs an element of its own",
        ),
        (
            "a: ['{{ day.studyDate() }}']",
            "t0.yaml:5: error: studyDate() in a list. It needs an element of its own",
        ),
    ],
)
def test_a_fault_in_a_template_has_its_line(text, message, compiled):
    templates, findings = compiled(
        f'table: people\nresource:\n  resourceType: Basic\n  id: "{{{{ id }}}}"\n  {text}\n'
    )
    assert templates == []
    assert len(findings) == 1
    assert findings[0].startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("table: peple\n", 't0.yaml:1: error: no table "peple". Did you mean "people"?'),
        ("tabel: people\n", 't0.yaml:1: error: unknown key "tabel". Did you mean "table"?'),
        ("where: true\n", "t0.yaml:1: error: where: must be of type string"),
        ("where: wrod\n", 't0.yaml:1: error: a template without table has no column "wrod"'),
        ("profiles: mcode\n", 't0.yaml:1: error: "mcode" is no option of the manifest'),
    ],
)
def test_a_fault_beside_the_resource_has_its_line(text, message, compiled):
    templates, findings = compiled(f"{text}resource: {{resourceType: Basic, id: a}}\n")
    assert templates == []
    assert findings[0].startswith(message)


def test_a_resource_needs_a_type_and_an_id(compiled):
    assert compiled("resource: {resourceType: basic, id: a}\n")[1][0].startswith(
        "t0.yaml:1: error: resource.resourceType: does not match"
    )
    assert compiled("resource: {resourceType: Basic}\n")[1] == [
        "t0.yaml:1: error: resource: missing id. Add it"
    ]


def test_a_folder_without_templates_is_said(made):
    folder = made(TABLES)
    findings = []
    assert compile_templates(read_cohort(folder), findings) == []
    assert str(findings[0]) == f"{folder}/resources: error: no template (*.yaml)"


@pytest.mark.parametrize(
    ("day", "date"),
    [(0, "2000-01-01"), (29, "2000-01-30"), (59, "2000-02-29"), (366, "2001-01-01"), (-1, "1999-12-31")],
)
def test_a_study_date_is_anchor_plus_days(day, date):
    made_date = StudyDate(dt.date(2000, 1, 1), day)
    assert made_date == date
    assert made_date.day == day


@given(st.text("{}%.'\"()[]=<>|&+-*/ widay01`~,@$_\n", max_size=40))
def test_a_garbage_blank_is_a_finding_or_compiles(made, text):
    folder = made(TABLES)
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    (folder / "resources").mkdir(exist_ok=True)
    (folder / "resources" / "t.yaml").write_text(
        f'table: people\nresource: {{resourceType: Basic, id: "{{{{ id }}}}", a: "{{{{ {quoted} }}}}"}}\n'
    )
    findings = []
    templates = compile_templates(read_cohort(folder), findings)
    assert bool(templates) != bool(findings)


def test_what_a_blank_means_is_read_from_its_tree_not_from_its_text(made):
    """A blank before a bracket, brackets around a column: the same words, and every cell comes back."""
    folder = made(
        {"people": ["id* sex day:integer", "A,f,3", "B,m,4"]},
        'table: people\nresource:\n  resourceType: Patient\n  id: "demo-{{ ( id ) }}"\n'
        '  birthDate: "{{ day . studyDate ( ) }}"\n'
        "  maritalStatus:\n"
        "    coding: [\"{{ sex . translate ( 'sex' ) }}\"]\n",
        codes="sex,f,one,F,,\nsex,m,one,M,,\n",
    )
    assert check_cohort(folder) == []
