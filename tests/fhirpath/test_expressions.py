"""Expected values come from the FHIRPath specification's examples, hand work, or fhirpathpy."""

import gc
import subprocess
import sys
import weakref
from decimal import Decimal
from fractions import Fraction

import fhirpathpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_blina.errors import ExpressionError
from fhir_blina.fhirpath.expressions import Function, _compile, compile_expression
from fhir_blina.fhirpath.syntax import Binary, Literal, Member
from fhir_blina.r4 import R4

PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "birthDate": "1974-12-25",
    "_birthDate": {"extension": [{"url": "http://x/time", "valueDateTime": "1974-12-25T14:35:45-05:00"}]},
    "_gender": {"extension": [{"url": "http://x/absent", "valueCode": "unknown"}]},
    "name": [
        {"use": "official", "family": "Chalmers", "given": ["Peter", "James"]},
        {"use": "usual", "given": ["Jim"]},
        {"use": "maiden", "family": "Windsor", "given": ["Peter", None], "_given": [None, {"id": "g"}]},
    ],
    "deceasedBoolean": False,
    "extension": [
        {"url": "http://x/race", "extension": [{"url": "omb", "valueCoding": {"code": "2028-9"}}]},
        {"url": "http://x/sex", "valueCode": "M"},
    ],
    "managingOrganization": {"reference": "Organization/1"},
    "link": [{"other": {"reference": "http://server/fhir/Patient/p1/_history/3"}}],
}
OBSERVATION = {
    "resourceType": "Observation",
    "id": "o1",
    "effectiveDateTime": "2020-03-04",
    "_effectiveDateTime": {"extension": [{"url": "day", "valueInteger": 12}]},
    "valueQuantity": {"value": Decimal("14.00"), "unit": "%"},
    "issued": "2020-03-05T10:00:00Z",
    "component": [
        {"valuePeriod": {"end": "2020-02"}},
        {"valueInteger": 3},
        {"valueString": "x"},
        {"valueInteger": 4},
    ],
}


def ask(text, context=PATIENT, **constants):
    return compile_expression(text, R4).evaluate(context, constants=constants)


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("a = = 1", 5, "not expected"),
        ("a b", 3, "not expected"),
        ("a.", 3, "ends too early"),
        ("(a", 3, "ends too early"),
        ("a)", 2, "not expected"),
        ("", 1, "empty"),
        ("   ", 1, "empty"),
        ("'abc", 1, "never closed"),
        ("1a", 2, "not expected"),
        ("a..b", 3, "not expected"),
        ("and", 1, "not expected"),
        ("a and and", 7, "not expected"),
        ("a or", 5, "ends too early"),
        ("a[", 3, "ends too early"),
        ("a[1", 4, "ends too early"),
        ('a = "x"', 5, "single quotes"),
        ("a # b", 3, "not FHIRPath"),
        ("@@", 1, "not FHIRPath"),
        (r"'\q'", 1, "not an escape"),
        ("@2012-13-01", 1, "no such month"),
        ("@2023-02-29", 1, "no such day"),
        ("a.where()", 3, "takes 1 argument"),
        ("a.first(1)", 3, "takes 0 arguments"),
        ("iif(true)", 1, "takes 2 to 3 arguments"),
        ("a.frist()", 3, 'Did you mean "first"?'),
        ("a.ofType(strin)", 10, 'Did you mean "string"?'),
        ("a.ofType('string')", 10, "name of a FHIR type"),
        ("$total", 1, "not FHIRPath"),
        ("4 days", 3, "not expected"),
        ("(" * 300 + "a" + ")" * 300 + "." + "." * 3, 603, "not expected"),
        ("-" * 300 + "a", 201, "nested deeper"),
        ("a" * 9000 + ".b", 8000, "longer than"),
    ],
)
def test_malformed_text_is_refused_with_its_column(text, column, words):
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, R4)
    assert f"column {column}:" in str(caught.value)
    assert words in str(caught.value)


def test_unknown_constant_is_refused_when_constants_are_declared():
    with pytest.raises(ExpressionError, match=r'%anchr is not defined. Did you mean "anchor"\?'):
        compile_expression("day + %anchr", R4, constants={"anchor"})
    assert compile_expression("%later", R4).constants == {"later"}
    with pytest.raises(ExpressionError, match="%later is not defined"):
        compile_expression("%later", R4).evaluate({})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name.given", ["Peter", "James", "Jim", "Peter"]),
        ("Patient.name.family", ["Chalmers", "Windsor"]),
        ("Observation.name.family", []),
        ("name[1].given", ["Jim"]),
        ("name[9].given", []),
        ("name.first().given.last()", ["James"]),
        ("name.where(use = 'official').family", ["Chalmers"]),
        ("name.where($index = 1).use", ["usual"]),
        ("name.select(given.count())", [2, 1, 2]),
        ("name.given.join(',')", ["Peter,James,Jim,Peter"]),
        ("name.given.distinct()", ["Peter", "James", "Jim"]),
        ("name.exists(use = 'usual')", [True]),
        ("name.all(given.exists())", [True]),
        ("nothing.all($this = 1)", [True]),
        ("nothing.exists()", [False]),
        ("active", [True]),
        ("deceased", [False]),
        ("deceased.ofType(dateTime)", []),
        ("deceased is boolean", [True]),
        ("Patient.extension.url.count()", [2]),
        ("deceased as boolean", [False]),
        ("birthDate.extension('http://x/time').value.ofType(dateTime)", ["1974-12-25T14:35:45-05:00"]),
        ("gender", []),
        ("gender.exists()", [True]),
        ("gender.hasValue()", [False]),
        ("gender.extension('http://x/absent').value", ["unknown"]),
        ("extension('http://x/race').extension('omb').value.ofType(Coding).code", ["2028-9"]),
        ("getResourceKey()", ["p1"]),
        ("managingOrganization.getReferenceKey()", ["1"]),
        ("managingOrganization.getReferenceKey(Patient)", []),
        ("link.other.getReferenceKey(Patient) = getResourceKey()", [True]),
        ("name.given contains 'Jim'", [True]),
        ("'Jo' in name.given", [False]),
        ("iif(active, 'yes', 'no')", ["yes"]),
        ("iif(nothing, 'yes')", []),
        ("birthDate < @1974-12-26", [True]),
        ("birthDate = @1974-12-25", [True]),
        ("birthDate < @1974-12", []),
        ("`birthDate`", ["1974-12-25"]),
        ("name.given.where($this.startsWith('J'))", ["James", "Jim"]),
        ("$this.id", ["p1"]),
        ("name.family | name.given | name.family", ["Chalmers", "Windsor", "Peter", "James", "Jim"]),
        ("{}", []),
        ("{} = 1", []),
    ],
)
def test_patient(text, expected):
    assert ask(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("effective.ofType(dateTime).extension('day').value.ofType(integer)", [12]),
        ("value.ofType(Quantity).value", [Decimal("14.00")]),
        ("value.value", [Decimal("14.00")]),
        ("value.ofType(string)", []),
        ("component.value.ofType(Period).start", []),
        ("component.skip(1).value", [3, "x", 4]),
        ("component.value.ofType(integer)", [3, 4]),
        ("component.where(value.ofType(integer) > 3).value", [4]),
        ("effective.lowBoundary()", ["2020-03-04T00:00:00.000+14:00"]),
        ("issued.highBoundary()", ["2020-03-05T10:00:00.999Z"]),
        ("component.where(valuePeriod.exists()).value.end.highBoundary()", ["2020-02-29T23:59:59.999-12:00"]),
    ],
)
def test_observation(text, expected):
    assert ask(text, OBSERVATION) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [  # http://hl7.org/fhirpath/N1/ , each line as the specification prints it
        ("5 div 2", 2),
        ("5.5 div 0.7", 7),
        ("5 div 0", None),
        ("5 mod 2", 1),
        ("5.5 mod 0.7", Decimal("0.6")),
        ("5 mod 0", None),
        ("'abcdefg'.substring(3)", "defg"),
        ("'abcdefg'.substring(1, 2)", "bc"),
        ("'abcdefg'.substring(6, 2)", "g"),
        ("'abcdefg'.substring(7, 1)", None),
        ("'abcdefg'.indexOf('bc')", 1),
        ("'abcdefg'.indexOf('x')", -1),
        ("'abcdefg'.indexOf('abcdefg')", 0),
        ("'abc'.startsWith('')", True),
        ("'abcdefg'.startsWith('abc')", True),
        ("'abcdefg'.endsWith('efg')", True),
        ("'abc'.contains('b')", True),
        ("'abcdefg'.upper()", "ABCDEFG"),
        ("'ABCDEFG'.lower()", "abcdefg"),
        ("'abcdefg'.replace('cde', '123')", "ab123fg"),
        ("'abcdefg'.replace('cde', '')", "abfg"),
        ("'abc' = 'ABC'", False),
        ("'abc' ~ 'ABC'", True),
        ("@2012 = @2013", False),
        ("@2012-01 = @2012", None),
        ("@2012-01-01T10:30 = @2012-01-01T10:30", True),
        ("@2012-01-01T10:30 = @2012-01-01T10:31", False),
        ("@2012-01-01T10:30:31 = @2012-01-01T10:30", None),
        ("@2012-01-01T10:30:31.0 = @2012-01-01T10:30:31", True),
        ("@2012-01-01T10:30:31.1 = @2012-01-01T10:30:31", False),
        ("@2017-11-05T01:30:00.0-04:00 > @2017-11-05T01:15:00.0-05:00", False),
        ("@2017-11-05T01:30:00.0-04:00 < @2017-11-05T01:15:00.0-05:00", True),
        ("@2012 > @2011-12", True),
        ("@2018-03-01 > @2018-01-01", True),
        ("@2018-03 > @2018-03-01", None),
        ("@2018-03-01T10:30:00 > @2018-03-01T10:00:00", True),
        ("@2018-03-01T10 > @2018-03-01T10:30", None),
        ("@T10:30:00 > @T10:00:00", True),
        ("@T10 > @T10:30", None),
        ("'abc' > 'ABC'", True),
        ("10 > 5", True),
        ("10 > 5.0", True),
        ("1.587.lowBoundary()", Decimal("1.58650000")),
        ("1.587.highBoundary()", Decimal("1.58750000")),
        ("@2014.lowBoundary()", "2014-01-01"),
        ("@2014-02.highBoundary()", "2014-02-28"),
        ("@T10:30.lowBoundary()", "10:30:00.000"),
        ("@T10:30.highBoundary()", "10:30:59.999"),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("-7 mod 3", -1),
        ("0.1 + 0.2", Decimal("0.3")),
        ("1.10 * 1.10", Decimal("1.2100")),
        ("3 / 2", Decimal("1.5")),
        ("1.0 = 1", True),
        ("1.24 ~ 1.2", True),
        ("true = 1", False),
        ("'a' + 'b'", "ab"),
        ("'a' & {}", "a"),
        ("'a' + {}", None),
        (r"'it\'s\n\u00e9'", "it's\né"),
        ("'a,b'.split(',').count()", 2),
        ("' x '.trim().length()", 1),
        ("'12'.toInteger() + 1", 13),
        ("'1.50'.toDecimal()", Decimal("1.50")),
        ("'x'.toInteger()", None),
        ("'yes'.toBoolean()", True),
        ("1.50.toString()", "1.50"),
        ("true.toString()", "true"),
        ("'2012-13'.matches('^[0-9]{4}-')", True),
        ("(1 | 2 | 3).skip(1).first()", 2),
        ("(1 | 2 | 3).take(2).last()", 2),
        ("(1 | 2).tail().single()", 2),
        ("5.0.abs() + (-5).abs()", Decimal("10.0")),
        ("1.combine(1).count()", 2),
        ("1.union(1).count()", 1),
        ("1 // a comment\n + 1 /* another */", 2),
        ("'http://x' = 'http://x'", True),
        ("true.not()", False),
        ("(false and {}).empty()", False),
        ("(true and {}).empty()", True),
        ("(1 | 2) = (2 | 1)", False),
        ("(1 | 2) ~ (2 | 1)", True),
        ("1 != 2", True),
        ("'a' !~ 'A'", False),
    ],
)
def test_examples_of_the_specification(text, expected):
    assert ask(text, {}) == ([] if expected is None else [expected])
    if isinstance(expected, Decimal):
        assert str(ask(text, {})[0]) == str(expected)


THREE = {"true": True, "false": False, "{}": None}


@pytest.mark.parametrize(
    ("operator", "table"),
    [  # rows true, false, empty; columns true, false, empty; the specification's truth tables
        ("and", [[True, False, None], [False, False, False], [None, False, None]]),
        ("or", [[True, True, True], [True, False, None], [True, None, None]]),
        ("xor", [[False, True, None], [True, False, None], [None, None, None]]),
        ("implies", [[True, False, None], [True, True, True], [True, None, None]]),
    ],
)
def test_three_valued_logic(operator, table):
    for left, row in zip(THREE, table, strict=True):
        for right, expected in zip(THREE, row, strict=True):
            assert ask(f"{left} {operator} {right}", {}) == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    "text",
    [
        "name.given + 'x'",
        "name.given > 'x'",
        "name.given in 'x'",
        "name.given.upper()",
        "name and true",
        "name[name.given]",
        "name.single()",
        "birthDate + 1",
        "-id",
        "id > 1",
        "1 & 2",
        "name.first().upper()",
        "id.lowBoundary()",
        "'x'.matches('(')",
        "$index",
    ],
)
def test_values_that_do_not_fit_are_an_error_without_the_values(text):
    with pytest.raises(ExpressionError) as caught:
        ask(text)
    assert "column" in str(caught.value)
    assert not any(value in str(caught.value) for value in ("Peter", "James", "1974", "Chalmers"))


def test_a_row_and_its_names():
    expression = compile_expression(
        "iif(day.exists(), visit & '-' & day, other.where(hidden = 1)) | $this.last", R4
    )
    assert expression.names == {"day", "visit", "other", "last"}
    assert compile_expression("where(a = 1).select(b)", R4).names == {"a"}
    assert compile_expression("value.ofType(Quantity).value", R4).names == {"value"}
    assert compile_expression("subject.getReferenceKey(Patient)", R4).names == {"subject"}
    assert compile_expression("dose", R4).evaluate({"dose": Decimal("9.0")}) == [Decimal("9.0")]
    assert compile_expression("dose", R4).evaluate({"dose": None}) == []
    assert compile_expression("dose", R4).evaluate({}) == []


def test_functions_of_the_caller():
    translate = Function("translate", 1, 1, lambda items, name: [f"{name[0]}:{item}" for item in items])
    expression = compile_expression("code.translate('map') | day", R4, functions={"translate": translate})
    assert expression.names == {"code", "day"}
    assert expression.evaluate({"code": "a", "day": 1}) == ["map:a", 1]
    other = Function("translate", 1, 1, lambda items, name: ["bound"])
    assert expression.evaluate({"code": "a"}, functions={"translate": other}) == ["bound"]
    with pytest.raises(ExpressionError, match="takes 1 argument"):
        compile_expression("code.translate()", R4, functions={"translate": translate})
    with pytest.raises(ExpressionError, match="unknown function translate"):
        compile_expression("code.translate('map')", R4)

    def refuse(items):
        raise ValueError("not today")

    refusing = Function("refuse", 0, 0, refuse)
    with pytest.raises(ExpressionError, match=r'"x.refuse\(\)", column 3: not today'):
        compile_expression("x.refuse()", R4, functions={"refuse": refusing}).evaluate({"x": 1})


def test_constants_and_the_tree():
    assert ask("%a + 1", a=2) == [3]
    assert ask("%`a b`.count()", **{"a b": ["x", "y"]}) == [2]
    tree = compile_expression("a + 1", R4).tree
    assert tree == Binary("+", Member(None, "a"), Literal(1))
    assert compile_expression("a + 1", R4) is compile_expression("a + 1", R4)


@pytest.mark.parametrize(
    "text",
    [
        "name.given",
        "name.where(use = 'official').given",
        "name.family.count()",
        "name.given.first().length()",
        "name.given.where($this != 'Jim').last()",
        "active and deceased",
        "name.exists(family = 'Windsor')",
        "name.select(use & '!')",
        "(name.given | name.family).count()",
        "name.given.first().substring(1, 3).upper()",
        "iif(name.count() > 2, 'many', 'few')",
        "name.all(use.exists())",
        "name[2].use",
        "1 + 2 * 3 - 4",
        "7 mod 4 = 3 and 7 div 4 = 1",
        "name.use contains 'usual'",
        "name.given.distinct().count()",
        "name.skip(1).take(1).use",
        "birthDate > @1974",
        "managingOrganization.reference.endsWith('1') implies active",
    ],
)
def test_same_as_fhirpathpy(text):
    plain = {key: value for key, value in PATIENT.items() if not key.startswith("_")}
    plain["name"] = [{k: v for k, v in name.items() if k != "_given"} for name in PATIENT["name"][:2]]
    plain["name"].append({"use": "maiden", "family": "Windsor", "given": ["Peter"]})
    plain["deceased"] = plain.pop("deceasedBoolean")
    assert ask(text, plain) == fhirpathpy.evaluate(plain, text)


@given(st.decimals(-(10**9), 10**9, places=6), st.decimals(-(10**9), 10**9, places=9))
def test_sums_and_products_are_exact(a, b):
    row = {"a": a, "b": b}
    for operator, expected in (
        ("+", Fraction(a) + Fraction(b)),
        ("-", Fraction(a) - Fraction(b)),
        ("*", Fraction(a) * Fraction(b)),
    ):
        assert Fraction(ask(f"a {operator} b", row)[0]) == expected


@given(st.text(max_size=20))
def test_any_text_compiles_or_is_refused(text):
    refused = ""
    try:
        compile_expression(text, R4)
    except ExpressionError as error:
        refused = str(error)
    assert not refused or "column" in refused


def test_import_leaves_the_grammar_alone():
    code = (
        "import sys, fhir_blina.fhirpath as e; from fhir_blina.r4 import R4; "
        "e.compile_expression('column', R4); sys.exit('lark' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_cache_is_hit_by_other_functions_of_the_same_name_and_keeps_none_of_them_alive():
    def bound(answer):
        return {"say": Function("say", 0, 0, lambda _: [answer])}

    before = _compile.cache_info().hits
    first = compile_expression("a.say()", R4, functions=bound("one"))
    second = compile_expression("a.say()", R4, functions=bound("two"))
    assert _compile.cache_info().hits == before + 1
    assert (first.evaluate({"a": 1}), second.evaluate({"a": 1})) == (["one"], ["two"])
    call = weakref.ref(first.functions["say"].call)
    del first
    gc.collect()
    assert call() is None
