"""One template read backwards: which cells a resource can have come from."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_blina.cohorts.folder import read_cohort
from fhir_blina.files.json import same
from fhir_blina.mapping.back.inversion import Inverse
from fhir_blina.mapping.back.matching import Match, settled
from fhir_blina.mapping.mapping import map_cohort

TABLES = {"people": ["id* word=x|y|z n:decimal day:integer yes:boolean free", "A,x,14.00,3,true,f"]}
CODES = "m,x,one,1,One,\nm,y,one,1,,\nm,y,two,2,,\nm,z,,,,\n"


@pytest.fixture
def inverse(made):
    """The inverse of a template with these elements over ``people``."""

    def run(body, codes=CODES, where="", manifest=""):
        lines = "".join(f"  {line}\n" for line in body.splitlines())
        head = f'table: people\n{where}resource:\n  resourceType: Basic\n  id: "{{{{ id }}}}"\n'
        cohort = read_cohort(made(TABLES, head + lines, codes=codes, manifest=manifest))
        return Inverse(cohort, map_cohort(cohort).templates[0])

    return run


def cells(inverse, **elements):
    """What the resource says of each column but the id, None where it is not of the template."""
    match = inverse.match({"resourceType": "Basic", "id": "A", **elements}, [])
    if match is None:
        return None
    assert match.cells.pop("id") == {"A"}
    return {column: set(texts) for column, texts in match.cells.items()}


@pytest.mark.parametrize(
    ("body", "elements", "found"),
    [
        ("a: '{{ n }}'", {"a": Decimal("14.00")}, {"n": {"14.00"}}),
        ("a: '{{ n }}'", {"a": Decimal("1E-7")}, {"n": {"0.0000001"}}),
        ("a: '{{ day }}'", {"a": -3}, {"day": {"-3"}}),
        ("a: '{{ yes }}'", {"a": False}, {"yes": {"false"}}),
        ("a: '{{ free }}'", {"a": "some words"}, {"free": {"some words"}}),
        ("a: '{{ free }}'", {}, {"free": {""}}),
        ("a: '{{ free }}'", {"a": {"b": 1}}, None),
        ("a: '{{ free }}'", {"a": ["b"]}, None),
        ("a: {b: '{{ free }}', c: 1}", {}, {"free": {""}}),
        ("a: {b: '{{ free }}', c: 1}", {"a": {"b": "x", "c": 2}}, None),
        ("a: {b: '{{ free }}', c: 1}", {"a": "x"}, None),
    ],
)
def test_a_plain_blank_gives_its_cell(body, elements, found, inverse):
    assert cells(inverse(body), **elements) == found


@pytest.mark.parametrize(
    ("elements", "found"),
    [
        ({"a": "is f!"}, {"free": {"f"}}),
        ({"a": "is two words!"}, {"free": {"two words"}}),
        ({}, {"free": {""}}),
        ({"a": "was f!"}, None),
        ({"a": 3}, None),
    ],
)
def test_a_text_gives_the_cell_of_its_blank(elements, found, inverse):
    assert cells(inverse("a: 'is {{ free }}!'"), **elements) == found


def test_a_text_of_several_blanks_gives_every_way_to_split_it(inverse):
    one = inverse("a: '{{ free }}-{{ id }}'\nb: '{{ free }}'")
    assert cells(one, a="p-q-A", b="p-q") == {"free": {"p-q"}}
    assert cells(one, a="p-q-B", b="p-q") is None
    two = inverse("a: '{{ free }}-{{ word }}'")
    assert cells(two, a="f-x-y") == {"free": {"f-x"}, "word": {"y"}}
    assert cells(two, a="f-w") is None


@pytest.mark.parametrize(
    ("elements", "found"),
    [
        ({"c": ["1"]}, {"x"}),
        ({"c": ["1", "2"]}, {"y"}),
        ({}, {"z", ""}),
        ({"c": ["2"]}, None),
    ],
)
def test_translate_gives_every_word_with_these_codes(elements, found, inverse):
    codes = [{"system": "urn:one", "code": "1"}, {"system": "urn:two", "code": "2"}]
    lists = {"c": [codes[int(code) - 1] for code in elements["c"]]} if elements else {}
    maps = "m,x,one,1,,\nm,y,one,1,,\nm,y,two,2,,\nm,z,,,,\n"
    result = cells(inverse("c: [\"{{ word.translate('m') }}\"]", codes=maps), **lists)
    assert result == (None if found is None else {"word": found})


def test_a_code_alone_leaves_the_words_that_share_it(inverse):
    codes = "m,x,one,1,,\nm,y,one,1,,\nm,z,one,2,,\n"
    one = inverse("a: \"{{ word.translate('m').code }}\"", codes=codes)
    assert cells(one, a="1") == {"word": {"x", "y"}}
    assert cells(one, a="2") == {"word": {"z"}}
    assert cells(one, a="3") is None


def test_several_blanks_of_one_column_narrow_it_down(inverse):
    codes = "m,x,one,1,,\nm,y,one,1,,\nm,z,one,2,,\nk,x,two,1,,\nk,y,two,2,,\nk,z,two,2,,\n"
    one = inverse("a: \"{{ word.translate('m').code }}\"\nb: \"{{ word.translate('k').code }}\"", codes=codes)
    assert cells(one, a="1", b="2") == {"word": {"y"}}
    assert cells(one, a="2", b="1") is None


@pytest.mark.parametrize(
    ("expression", "value", "found"),
    [
        ("iif(word = 'x', 'first', 'other')", "first", {"x"}),
        ("iif(word = 'x', 'first', 'other')", "other", {"y", "z", ""}),
        ("word.upper()", "Y", {"y"}),
        ("iif(word = 'x', {}, word)", None, {"x", ""}),
        ("word & '!'", "w!", None),
    ],
)
def test_any_expression_over_one_listed_column_can_be_inverted(expression, value, found, inverse):
    elements = {} if value is None else {"a": value}
    result = cells(inverse(f'a: "{{{{ {expression} }}}}"'), **elements)
    assert result == (None if found is None else {"word": found})


def test_a_boolean_column_has_its_two_words_and_none(inverse):
    one = inverse("a: \"{{ iif(yes, 'on', 'off') }}\"")
    assert cells(one, a="on") == {"yes": {"true"}}
    assert cells(one, a="off") == {"yes": {"false", ""}}


@pytest.mark.parametrize("expression", ["n * 2", "word & free", "free.upper()"])
def test_an_expression_that_cannot_be_inverted_says_nothing(expression, inverse):
    assert cells(inverse(f'a: "{{{{ {expression} }}}}"'), a="anything") == {}


@pytest.mark.parametrize(
    ("body", "good", "bad"),
    [
        ("a: x", {"a": "x"}, {"a": "y"}),
        ("a: x", {"a": "x"}, {}),
        ("a: 1.50", {"a": Decimal("1.50")}, {"a": Decimal("1.5")}),
        ("a: true", {"a": True}, {"a": 1}),
        ("a: '{{ %cohort }}/x'", {"a": "demo/x"}, {"a": "other/x"}),
        (
            "a: [\"{{ 'x'.translate('m') }}\"]",
            {"a": [{"system": "urn:one", "code": "1", "display": "One"}]},
            {"a": []},
        ),
        ("a: {b: [x, {c: 1}]}", {"a": {"b": ["x", {"c": 1}]}}, {"a": {"b": ["x", {"c": 2}]}}),
        ("a: {b: [x]}", {"a": {"b": ["x"]}}, {"a": {"b": ["x", "y"]}}),
    ],
)
def test_constants_must_be_there_as_written(body, good, bad, inverse):
    assert cells(inverse(body), **good) == {}
    assert cells(inverse(body), **bad) is None


def test_a_study_date_gives_its_day_only_with_date_and_day_in_agreement(inverse):
    one = inverse("d: '{{ day.studyDate() }}'")
    day = {"url": "https://fhir-blina.example/StructureDefinition/study-day", "valueInteger": 3}
    assert cells(one, d="2000-01-04", _d={"extension": [day]}) == {"day": {"3"}}
    assert cells(one, d="2000-01-05", _d={"extension": [day]}) is None
    assert cells(one, d="2000-01-04", _d={"extension": [{**day, "valueInteger": 4}]}) is None
    assert cells(one, d="2000-01-04") is None
    assert cells(one) == {"day": {""}}


def test_where_says_what_a_column_was(inverse):
    one = inverse("a: 1", where="where: \"word = 'x' and n > 3\"\n")
    assert cells(one, a=1) == {"word": {"x"}}


def test_list_items_are_told_apart_though_some_gave_nothing(inverse):
    body = "l:\n  - {k: word, v: '{{ word }}'}\n  - {k: n, v: '{{ n }}'}\n  - {k: free, v: '{{ free }}'}"
    one = inverse(body)
    items = [{"k": "word", "v": "x"}, {"k": "n", "v": Decimal("1.0")}, {"k": "free", "v": "f"}]
    assert cells(one, l=items) == {"word": {"x"}, "n": {"1.0"}, "free": {"f"}}
    assert cells(one, l=items[1:]) == {"word": {""}, "n": {"1.0"}, "free": {"f"}}
    assert cells(one, l=items[::2]) == {"word": {"x"}, "n": {""}, "free": {"f"}}
    assert cells(one, l=items[::-1]) is None
    assert cells(one, l=[*items, items[0]]) is None
    assert cells(one) == {"word": {""}, "n": {""}, "free": {""}}


def test_items_that_every_resource_carries_are_passed_over(inverse):
    one = inverse("l: [{k: a}, '{{ free }}']")
    resource = {"resourceType": "Basic", "id": "A", "l": [{"k": "tag"}, {"k": "a"}, "f"]}
    assert one.match(resource, []) is None
    assert one.match(resource, [{"k": "tag"}]).cells["free"] == {"f"}


def test_only_type_and_id_of_the_template_fit(made):
    text = 'table: people\nresource: {resourceType: Basic, id: "{{ %cohort }}-{{ id }}-{{ day }}", f: "{{ free }}"}\n'
    cohort = read_cohort(made(TABLES, text))
    one = Inverse(cohort, map_cohort(cohort).templates[0])
    assert one.fits({"resourceType": "Basic", "id": "demo-A-3"})
    assert not one.fits({"resourceType": "Patient", "id": "demo-A-3"})
    assert not one.fits({"resourceType": "Basic", "id": "demo-A"})
    assert not one.fits({"resourceType": "Basic", "id": "other-A-3"})


# Match -------------------------------------------------------------------------------------------


def some(**columns):
    return Match({name: frozenset(texts) for name, texts in columns.items()})


def test_two_matches_agree_on_what_both_allow():
    assert some(a="12").joined(some(a="23", b="4")).cells == {"a": {"2"}, "b": {"4"}}
    assert some(a="1").joined(some(a="2")) is None


def test_embedded_rows_get_what_the_row_around_them_knows_and_give_back_what_row_says():
    match = some(id="g")
    match.embedded = [("members", {"id": frozenset(), "who": frozenset("A"), "%row.word": frozenset("x")})]
    result = settled(match)
    assert result.cells == {"id": {"g"}, "word": {"x"}}
    assert result.embedded == [("members", {"id": {"g"}, "who": {"A"}})]


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (Decimal("14.00"), Decimal("14.0"), False),
        (Decimal("14.00"), Decimal("14.00"), True),
        (Decimal(5), 5, True),
        (1, True, False),
        ("1", 1, False),
        ({"a": [1, {"b": Decimal("1.0")}]}, {"a": [1, {"b": Decimal("1.0")}]}, True),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"a": 1}, {"b": 1}, False),
    ],
)
def test_two_values_are_the_same_digit_by_digit(one, other, equal):
    assert same(one, other) is equal
