"""DuckDB against the reference engine: row for row, on generated resources and HL7's examples."""

import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fhir_blina.errors import StoreIncomplete, ViewError
from fhir_blina.files import json as fhirjson
from fhir_blina.r4 import R4
from fhir_blina.views.duckdb import frames as view_frames
from fhir_blina.views.duckdb.frames import duckdb_frames
from fhir_blina.views.duckdb.macros import MACROS, create_macros
from fhir_blina.views.duckdb.run import connected, prepare
from fhir_blina.views.duckdb.statement import script as script_of
from fhir_blina.views.duckdb.writing import write_duckdb
from fhir_blina.views.faults import NotCompiled
from fhir_blina.views.loading import load_views
from fhir_blina.views.reader import read_view
from fhir_blina.views.sql import tree
from fhir_blina.views.sql.compile import compile_view
from fhir_blina.views.sql.shape import element
from fhir_blina.views.tables import read_rows, read_tables, views_folder

# --- resources ---------------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["a", "b", "official", 'with "quotes"', '"value": 14.00', "it's", "é漢", "=x", "x1", "A b "]
)
CODES = st.sampled_from(["m", "f", "laboratory", "11150-0"])
DATES = st.sampled_from(["2020", "2020-02", "2020-02-29", "2019-12-31"])
MOMENTS = DATES | st.sampled_from(
    [
        "2020-02-29T10:00:00Z",
        "2020-02-29T12:00:00+02:00",
        "2020-02-29T10:00:00.250Z",
        "2020-01-01T23:30:00-05:00",
    ]
)
NUMBERS = st.sampled_from(
    [0, 1, 14, Decimal("14.00"), Decimal("0.10"), Decimal("-3.5"), Decimal("1E+2"), Decimal("0.05")]
)
INTEGERS = st.integers(-3, 400)


def some(required=(), **parts):
    """An object with any of the parts; a list part is never empty, as FHIR asks."""
    return st.fixed_dictionaries(
        {name: parts[name] for name in required},
        optional={k: v for k, v in parts.items() if k not in required},
    )


def several(part, most=3):
    return st.lists(part, min_size=1, max_size=most)


EXTENSIONS = several(
    st.one_of(
        some(("url",), url=st.just("day"), valueInteger=INTEGERS),
        some(("url",), url=st.just("where"), valueCoding=some(system=WORDS, code=CODES)),
        some(
            ("url",),
            url=st.just("deep"),
            extension=several(some(("url",), url=st.just("in"), valueCode=CODES), 2),
        ),
    )
)
SIBLING = some(extension=EXTENSIONS)
CONCEPT = some(coding=several(some(system=WORDS, code=CODES, display=WORDS)), text=WORDS)
QUANTITY = some(value=NUMBERS, unit=WORDS, code=CODES, comparator=st.sampled_from(["<", ">"]))
PERIOD = some(start=MOMENTS, _start=SIBLING, end=MOMENTS)
REFERENCE = some(
    reference=st.sampled_from(
        [
            "Patient/p1",
            "http://x/fhir/Patient/p2",
            "Patient/p3/_history/2",
            "#c",
            "urn:uuid:1",
            "Group/g",
            "Patient",
            "/Patient/q",
        ]
    ),
    display=WORDS,
)
NAMES = some(family=WORDS, _family=SIBLING, given=several(WORDS), use=CODES, period=PERIOD)
PATIENTS = some(
    ("resourceType", "id"),
    resourceType=st.just("Patient"),
    id=st.sampled_from(["p1", "p2", "p3"]),
    meta=some(tag=several(some(system=WORDS, code=CODES))),
    active=st.booleans(),
    name=several(NAMES),
    gender=CODES,
    _gender=SIBLING,
    birthDate=DATES,
    _birthDate=SIBLING,
    deceasedBoolean=st.booleans(),
    multipleBirthInteger=INTEGERS,
    extension=EXTENSIONS,
    contact=several(some(name=NAMES, telecom=several(some(system=CODES, value=WORDS)), gender=CODES)),
    link=several(some(other=REFERENCE), 2),
    managingOrganization=REFERENCE,
    contained=several(some(("resourceType",), resourceType=st.just("Group"), id=WORDS), 2),
)
VALUES = st.one_of(
    st.just({}),
    st.builds(lambda value: {"valueQuantity": value}, QUANTITY),
    st.builds(lambda value: {"valueCodeableConcept": value}, CONCEPT),
    st.builds(lambda value: {"valueString": value}, WORDS),
    st.builds(lambda value: {"valueInteger": value}, INTEGERS),
    st.builds(lambda value: {"valueBoolean": value}, st.booleans()),
    st.builds(lambda value: {"valueDateTime": value}, MOMENTS),
    st.builds(lambda value: {"valueTime": value}, st.sampled_from(["10:00:00", "10:00:30.5"])),
    st.builds(lambda value: {"valuePeriod": value}, PERIOD),
    st.builds(lambda low, high: {"valueRange": {"low": low, "high": high}}, QUANTITY, QUANTITY),
)
WHEN = st.one_of(
    st.just({}),
    st.builds(lambda value: {"effectiveDateTime": value}, MOMENTS),
    st.builds(lambda value, more: {"effectiveDateTime": value, "_effectiveDateTime": more}, MOMENTS, SIBLING),
    st.builds(lambda value: {"effectivePeriod": value}, PERIOD),
)
COMPONENTS = st.builds(
    lambda base, value: base | value, some(code=CONCEPT, interpretation=several(CONCEPT, 2)), VALUES
)
OBSERVATIONS = st.builds(
    lambda *parts: {key: value for part in parts for key, value in part.items()},
    some(
        ("resourceType", "id"),
        resourceType=st.just("Observation"),
        id=st.sampled_from(["o1", "o2"]),
        status=CODES,
        category=several(CONCEPT, 2),
        code=CONCEPT,
        subject=REFERENCE,
        note=several(some(text=WORDS), 2),
        extension=EXTENSIONS,
        component=several(COMPONENTS),
    ),
    VALUES,
    WHEN,
)

# --- paths: single or collection, FHIR type ------------------------------------------------------

PATIENT_PATHS = {
    "string": [
        "name.family",
        "name.given",
        "name.first().family",
        "name.family.first()",
        "name.family.last()",
        "name.select(family).first()",
        "name.family.where(extension('day').exists()).first()",
        "name[1].given[0]",
        "name.where(use = 'official').given.first()",
        "name.where(given.count() > 1).family",
        "name.where(family.startsWith('a') or family.contains('quotes')).use",
        "name.where(use = 'm' and family != 'a').family",
        "name.given.where($this = 'a')",
        "name.given.join(',')",
        "name.select(given.first())",
        "name.select(given)",
        "contact.name.given",
        "contact.telecom.where(system = 'm').value",
        "contact.where(telecom.exists()).name.family",
        "contact.select(telecom.value | name.family)",
        "name.family | contact.name.family",
        "gender.upper()",
        "gender & '-' & gender.lower()",
        "iif(active, name.family.first(), 'none')",
        "extension('where').value.ofType(Coding).code",
        "extension('where').value.ofType(Coding).where(code = 'm').system",
        "extension('deep').extension('in').value.ofType(code)",
        "gender.extension('where').value.ofType(Coding).code",
        "link.other.getReferenceKey(Patient)",
        "link.other.getReferenceKey()",
        "managingOrganization.getReferenceKey()",
        "meta.tag.code",
        "getResourceKey()",
        "link.other.display",
        "Patient.gender",
        "nothing.there",
    ],
    "integer": [
        "birthDate.extension('day').value.ofType(integer)",
        "extension('day').value.ofType(integer)",
        "multipleBirth.ofType(integer) + 1",
        "multipleBirth.ofType(integer) * 2 - 3",
        "name.count()",
        "name.given.count()",
        "gender.length()",
        "iif(multipleBirth.ofType(integer) > 3, 1, 2)",
        "name.period.start.extension('day').value.ofType(integer)",
    ],
    "boolean": [
        "active",
        "deceased.ofType(boolean)",
        "active and deceased.ofType(boolean)",
        "active or deceased.ofType(boolean)",
        "active xor deceased.ofType(boolean)",
        "active implies deceased.ofType(boolean)",
        "active.not()",
        "active.exists() and active = true",
        "name.exists()",
        "name.empty()",
        "gender.exists()",
        "birthDate.empty()",
        "deceased.exists()",
        "contained.exists()",
        "multipleBirth is integer",
        "name.exists(use = 'official')",
        "name.all(family.exists())",
        "contact.telecom.exists(value = 'a')",
        "name.family = 'a'",
        "name.given = 'a'",
        "birthDate < @2020-02",
        "birthDate <= @2020-02-29",
        "birthDate > @2019",
        "birthDate = @2020",
        "name.period.first().start >= @2020-02-29T10:00:00Z",
        "gender in ('m' | 'f')",
        "name.family contains 'a'",
        "getResourceKey() = link.first().other.getReferenceKey(Patient)",
        "gender = 'm' or gender = 'f'",
        "multipleBirth.ofType(integer) >= 10",
        "multipleBirth.exists()",
    ],
    "dateTime": [
        "name.period.start.where($this.exists()).first()",
        "name.first().period.start.lowBoundary()",
    ],
    "date": ["birthDate", "birthDate.lowBoundary()", "birthDate.highBoundary()"],
}
OBSERVATION_PATHS = {
    "string": [
        "code.coding.first().code",
        "code.coding.code",
        "category.coding.display",
        "category.first().coding.first().code",
        "component.code.coding.where(system = 'a').code",
        "component.value.ofType(CodeableConcept).coding.code",
        "value.ofType(string)",
        "value.ofType(CodeableConcept).text",
        "value.ofType(Quantity).code",
        "(value as Quantity).unit",
        "iif(value.ofType(Quantity).exists(), 'quantity', iif(value.ofType(string).exists(), 'string'))",
        "component.interpretation.text",
        "note.text",
        "component.where(value.ofType(integer) > 2).code.text",
        "component.where(value.exists()).code.text",
    ],
    "decimal": [
        "value.ofType(Quantity).value",
        "component.value.ofType(Quantity).value",
        "value.ofType(Range).low.value + value.ofType(Range).high.value",
        "value.ofType(Range).low.value * value.ofType(Range).high.value",
        "value.ofType(Range).low.value - 0.5",
        "component.where(value.ofType(Quantity).value > 1.0).value.ofType(Quantity).value",
    ],
    "integer": [
        "component.value.ofType(integer)",
        "effective.ofType(dateTime).extension('day').value.ofType(integer).first()",
        "effective.ofType(Period).start.extension('day').value.ofType(integer).first()",
    ],
    "boolean": [
        "value.exists()",
        "value is Quantity",
        "value.ofType(Quantity).value < 14",
        "value.ofType(Quantity).value = 14",
        "value.ofType(Range).low.value = value.ofType(Range).high.value",
        "effective.ofType(dateTime) < @2020-02-29T11:00:00Z",
        "effective.ofType(dateTime) = @2020-02-29T10:00:00Z",
        "effective.ofType(Period).start < effective.ofType(Period).end",
        "component.exists(value.ofType(Quantity).value > 1)",
        "component.value.ofType(boolean).all($this)",
        "effective.exists()",
    ],
    "dateTime": ["effective.ofType(dateTime).lowBoundary()", "value.ofType(dateTime).highBoundary()"],
    "time": ["value.ofType(time).lowBoundary()", "value.ofType(time).highBoundary()"],
}


def wide_view(resource, paths, **more):
    columns = [
        {"name": f"{kind}_{place}", "path": path, "type": kind, "collection": True}
        for kind, listed in paths.items()
        for place, path in enumerate(listed)
    ]
    return read_view({"resource": resource, "name": "wide", "select": [{"column": columns}]} | more)


ROW_VIEWS = [
    {"resource": "Patient", "select": [
        {"column": [{"name": "id", "path": "id", "type": "id"}]},
        {"forEach": "name", "column": [{"name": "family", "path": "family", "type": "string"}, {"name": "i", "path": "%rowIndex", "type": "integer"}]},
        {"forEachOrNull": "contact", "column": [{"name": "g", "path": "gender", "type": "code"}, {"name": "lit", "path": "'c'", "type": "string"}],
         "select": [{"forEach": "telecom", "column": [{"name": "tel", "path": "value", "type": "string"}, {"name": "j", "path": "%rowIndex", "type": "integer"}]}]},
    ]},
    {"resource": "Patient", "where": [{"path": "active.exists()"}], "constant": [{"name": "use", "valueCode": "official"}], "select": [
        {"column": [{"name": "id", "path": "id", "type": "id"}],
         "unionAll": [
             {"forEach": "name.where(use = %use).given", "column": [{"name": "t", "path": "$this", "type": "string"}, {"name": "n", "path": "%rowIndex", "type": "integer"}]},
             {"forEachOrNull": "contact.telecom", "column": [{"name": "t", "path": "value", "type": "string"}, {"name": "n", "path": "%rowIndex", "type": "integer"}]},
             {"column": [{"name": "t", "path": "gender", "type": "string"}, {"name": "n", "path": "3", "type": "integer"}]},
         ]},
    ]},
    {"resource": "Patient", "select": [
        {"forEach": "contact", "column": [{"name": "given", "path": "name.given", "type": "string", "collection": True}],
         "select": [{"unionAll": [
             {"forEach": "telecom", "column": [{"name": "v", "path": "value", "type": "string"}]},
             {"column": [{"name": "v", "path": "%resource.gender", "type": "string"}]}]}]},
        {"forEach": "managingOrganization", "column": [{"name": "org", "path": "display", "type": "string"}]},
    ]},
    {"resource": "Observation", "where": [{"path": "value.exists() or component.exists()"}], "select": [
        {"column": [{"name": "id", "path": "id", "type": "id"}]},
        {"forEachOrNull": "component", "column": [{"name": "v", "path": "value.ofType(Quantity).value", "type": "decimal"}],
         "select": [{"forEachOrNull": "code.coding", "column": [{"name": "c", "path": "code", "type": "code"}]}]},
    ]},
]  # fmt: skip


def compare(folder, views):
    expected, found = read_rows(folder, views, engine="python"), read_rows(folder, views, engine="duckdb")
    assert found.keys() == expected.keys()
    for name, table in expected.items():
        assert len(found[name].rows) == len(table.rows)
        for place, column in enumerate(views[name].columns):
            ours, theirs = ([row[place] for row in one.rows] for one in (found[name], table))
            assert (column.path.text, ours) == (column.path.text, theirs)
            if column.type != "decimal":
                assert repr(ours) == repr(theirs)


FEW = settings(
    max_examples=settings.default.max_examples
    // 12,  # each has a query of a hundred paths over many resources
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


def check_generated(resources, views):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fhirjson.write_ndjson(folder / f"{views[0].resource}.ndjson", resources)
        compare(folder, {view.name: view for view in named(views)})


def named(views):
    from dataclasses import replace

    return [replace(view, name=f"v{place}") for place, view in enumerate(views)]


EXTENDED = {"extension": [{"url": "d"}]}
VALUELESS = [
    {"name": [{"_family": EXTENDED, "period": {"_start": EXTENDED}}, {"family": "F", "period": {"start": "2020"}}]},
    {"name": [{"period": {"_start": EXTENDED}}]},
    {"name": [{"family": "F", "period": {"start": "2021"}}, {}, {"period": {"_start": EXTENDED}}]},
    {"name": [{"given": [None, "x"], "_given": [EXTENDED, None]}]},
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "expected"),
    [  # worked out by hand: an element without a value has a place in its list and no value in a cell
        ("name.period.start", [["2020"], [], ["2021"], []]),
        ("name.period.start.first()", [[], [], ["2021"], []]),
        ("name.period.start.last()", [["2020"], [], [], []]),
        ("name.period.start[0]", [[], [], ["2021"], []]),
        ("name.period.start.where($this.exists()).first()", [[], [], ["2021"], []]),
        ("name.period.where(start.exists()).start.first()", [[], [], ["2021"], []]),
        ("name.select(family).first()", [[], [], ["F"], []]),
        ("name.family.first().upper()", [[], [], ["F"], []]),
        ("name.family | name.given", [["F"], [], ["F"], ["x"]]),
        ("name.given", [[], [], [], ["x"]]),
        ("name.given.first()", [[], [], [], []]),
        ("name.period.start.count()", [[2], [1], [2], [0]]),
        ("name.period.start.where(extension('d').exists()).count()", [[1], [1], [1], [0]]),
        ("(name.family | name.given).count()", [[2], [0], [1], [2]]),
        ("name.given.where($this.exists()).count()", [[0], [0], [0], [2]]),
        ("iif(name.period.start.exists(), 'y', 'n')", [["y"], ["y"], ["y"], ["n"]]),
        ("iif(name.period.start.first().exists(), 'y', 'n')", [["y"], ["y"], ["y"], ["n"]]),
    ],
)
def test_elements_without_a_value(tmp_path, path, expected):
    resources = [one | {"resourceType": "Patient", "id": f"p{n}"} for n, one in enumerate(VALUELESS)]
    fhirjson.write_ndjson(tmp_path / "Patient.ndjson", resources)
    kind = "integer" if path.endswith("count()") else "string"
    column = {"name": "c", "path": path, "type": kind, "collection": True}
    view = read_view({"resource": "Patient", "name": "v", "select": [{"column": [column]}]})
    for engine in ("python", "duckdb"):
        rows = read_rows(tmp_path, {"v": view}, engine=engine)["v"].rows
        assert [row[0] for row in rows] == expected, engine


@given(st.lists(PATIENTS, min_size=4, max_size=16))
@FEW
def test_generated_patients(resources):
    check_generated(resources, [wide_view("Patient", PATIENT_PATHS), *map(read_view, ROW_VIEWS[:3])])


@given(st.lists(OBSERVATIONS, min_size=4, max_size=16))
@FEW
def test_generated_observations(resources):
    check_generated(resources, [wide_view("Observation", OBSERVATION_PATHS), read_view(ROW_VIEWS[3])])


ITEMS = st.recursive(
    some(("linkId",), linkId=CODES, text=WORDS),
    lambda inner: st.builds(
        lambda base, item, answer: base | ({"item": item} if item else {}) | ({"answer": answer} if answer else {}),
        some(("linkId",), linkId=CODES, text=WORDS),
        st.lists(inner, max_size=2),
        st.lists(st.builds(lambda item: {"valueString": "v"} | ({"item": item} if item else {}), st.lists(inner, max_size=2)), max_size=2),
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(st.lists(ITEMS, min_size=1, max_size=2), max_size=4))
@FEW
def test_generated_questionnaires(trees):
    resources = [
        {"resourceType": "QuestionnaireResponse", "id": f"q{place}", "item": item}
        for place, item in enumerate(trees)
    ]
    columns = [
        {"name": "link", "path": "linkId", "type": "string"},
        {"name": "n", "path": "%rowIndex", "type": "integer"},
        {"name": "below", "path": "item.count()", "type": "integer"},
    ]
    both = {
        "resource": "QuestionnaireResponse",
        "select": [
            {"column": [{"name": "id", "path": "id", "type": "id"}]},
            {"repeat": ["item", "answer.item"], "column": columns},
        ],
    }
    one = both | {"select": [both["select"][0], {"unionAll": [{"repeat": ["item"], "column": columns}]}]}
    check_generated(resources, [read_view(both), read_view(one)])


# --- HL7's official examples ---------------------------------------------------------------------


def broad_view(resource_type):
    """Each primitive, concept, reference, quantity, period and choice that a type has at its top."""
    columns = [{"name": "key", "path": "getResourceKey()", "type": "id"}]

    def add(path, kind):
        columns.append({"name": f"c{len(columns)}", "path": path, "type": kind, "collection": True})

    for key in R4.types[resource_type]["elements"]:
        name = key.removesuffix("[x]")
        defined = element(R4, resource_type, name)
        for kind in defined.types:
            path = f"`{name}`" + (f".ofType({kind})" if defined.choice else "")
            if kind in R4.primitives:
                add(path, kind)
                add(f"{path}.exists()", "boolean")
            elif kind == "CodeableConcept":
                add(f"{path}.coding.first().code", "code")
                add(f"{path}.coding.where(system.exists()).display", "string")
            elif kind == "Reference":
                add(f"{path}.getReferenceKey()", "id")
            elif kind == "Quantity":
                add(f"{path}.value", "decimal")
            elif kind == "Period":
                add(f"{path}.start", "dateTime")
            else:
                add(f"{path}.count()", "integer")
    return read_view({"resource": resource_type, "name": "broad", "select": [{"column": columns}]})


@pytest.mark.network
def test_examples_of_hl7(examples):
    types = sorted(path.stem for path in examples.glob("*.ndjson"))
    assert len(types) > 100
    for resource_type in types:
        compare(examples, {"broad": broad_view(resource_type)})
    compare(examples, load_views(views_folder()))


# --- the rest --------------------------------------------------------------------------------------


def patients(folder, *resources, name="Patient"):
    fhirjson.write_ndjson(folder / f"{name}.ndjson", resources)
    return folder


def one_column(path, kind="string", resource="Patient", **more):
    column = {"name": "x", "path": path, "type": kind} | more
    return {
        "v": read_view({"resource": resource, "name": "v", "select": [{"column": [column]}]}, source="v.json")
    }


@pytest.mark.parametrize(
    "path",
    [
        "name.given.distinct()",
        "name.where($index = 0).family",
        "extension('x').value",
        "name.given.matches('a')",
        "name[name.count()].family",
        "gender.toString()",
        "name.family = contact.name.family",
        "name = name",
    ],
)
def test_what_sql_cannot_answer_is_refused_when_compiling(path):
    with pytest.raises(NotCompiled, match=r"v.json: .*is not compiled to SQL. Use --engine python") as caught:
        compile_view(one_column(path)["v"])
    assert caught.value.source == "v.json"


def test_a_list_of_decimals_is_refused():
    with pytest.raises(NotCompiled, match="a list of decimals"):
        compile_view(one_column("quality.roc.precision", "decimal", "MolecularSequence")["v"])


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("name", "string", "gives an element"),
        ("gender", "integer", "is of type code, not of type integer"),
        ("name.count()", "string", "is of type integer, not of type string"),
        ("active", "code", "is of type boolean, not of type code"),
    ],
)
def test_types_are_checked_when_compiling(path, kind, words):
    with pytest.raises(ViewError, match=words):
        compile_view(one_column(path, kind)["v"])
    with pytest.raises(ViewError, match="no resource type"):
        compile_view(
            read_view({"resource": "Person1", "select": [{"column": [{"name": "a", "path": "id"}]}]})
        )


def test_several_values_are_named_with_their_resource(tmp_path):
    patients(
        tmp_path, {"resourceType": "Patient", "id": "p7", "name": [{"family": "Ann"}, {"family": "Bea"}]}
    )
    with pytest.raises(ViewError, match="Patient/p7") as caught:
        read_rows(tmp_path, one_column("name.family"), engine="duckdb")
    assert "Ann" not in str(caught.value)


def test_the_sql_is_readable_and_runs_by_itself(tmp_path):
    patients(
        tmp_path,
        {"resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/p"}, "valueQuantity": {"value": Decimal("14.00")}},
        name="Observation",
    )  # fmt: skip
    view = load_views(views_folder())["observations"]
    script = script_of(compile_view(view), str(tmp_path / "Observation.ndjson"))
    assert "  r.code.coding[1].code AS code,\n" in script
    assert "  r.valueQuantity.value AS value_quantity,\n" in script
    assert max(len(line) for line in script.splitlines()) < 600
    with duckdb.connect() as connection:
        found = connection.execute(script).fetchnumpy()
    assert found["value_quantity"][0] == "14.00"
    assert found["patient_id"][0] == "p"


def test_macros_are_created_once_each_in_an_order_that_works():
    with duckdb.connect() as connection:
        for macro in create_macros([tree.call(one.partition("(")[0]) for one in MACROS]):
            connection.execute(macro)
        assert connection.execute(
            "SELECT fhir_order('2020', '2020-01'), fhir_order('2020', '2021')"
        ).fetchone() == (
            None,
            -1,
        )


def test_several_views_over_one_type_read_the_file_once(tmp_path):
    patients(tmp_path, {"resourceType": "Patient", "id": "p", "gender": "f"})
    views = load_views(views_folder())
    chosen = {name: views[name] for name in ("patients", "patient_tags")}
    with connected() as connection:
        ready = list(prepare(connection, tmp_path, chosen))
        assert all("ndjson" not in one.sql() for one in ready)
    with connected() as connection:
        (alone,) = prepare(connection, tmp_path, {"patients": views["patients"]})
        assert alone.sql().count("ndjson") == 1


@pytest.mark.parametrize(("large", "few"), [(32 * 2**20, 0), (0, 0), (0, 50_000)])
def test_frames_have_the_types_of_the_reference(tmp_path, monkeypatch, large, few):
    """Small tables, large ones, and large ones whose texts are numbered."""
    monkeypatch.setattr(view_frames, "LARGE_BYTES", large)
    monkeypatch.setattr(view_frames, "_FEW", few)
    patients(
        tmp_path,
        {"resourceType": "Observation", "id": "a", "valueQuantity": {"value": Decimal("14.00")}},
        {"resourceType": "Observation", "id": "b", "valueInteger": 2**40, "note": [{"text": "é漢"}]},
        {"resourceType": "Observation", "id": "c", "valueBoolean": True},
        {"resourceType": "Observation", "id": "d", "component": [{"valueQuantity": {"value": Decimal("0.10")}}]},
        {"resourceType": "Observation", "id": "e", "component": [{"valueInteger": 3}, {"valueInteger": -3}]},
        name="Observation",
    )  # fmt: skip
    lists = [
        {"name": "numbers", "path": "component.value.ofType(integer)", "type": "integer", "collection": True},
        {"name": "texts", "path": "note.text", "type": "string", "collection": True},
        {"name": "exact", "path": "component.value.ofType(Quantity).value", "type": "decimal", "collection": True},
        {"name": "untyped", "path": "value.ofType(boolean)"},
    ]  # fmt: skip
    wide = read_view({"resource": "Observation", "name": "wide", "select": [{"column": lists}]})
    views = {**load_views(views_folder()), "wide": wide}
    expected, found = read_tables(tmp_path, views, engine="python"), duckdb_frames(tmp_path, views)
    assert list(found) == list(expected)
    for name, frame in expected.items():
        pd.testing.assert_frame_equal(found[name], frame)
        for column in frame:
            assert [repr(cell) for cell in found[name][column].tolist()] == [
                repr(cell) for cell in frame[column].tolist()
            ]
    assert found["observations"]["value_integer"][1] == 2**40
    assert str(found["observations"]["value_quantity"][0]) == "14.00"
    assert found["wide"]["numbers"].tolist() == [[], [], [], [], [3, -3]]
    assert found["wide"]["exact"].map(str).tolist()[3] == "[Decimal('0.10')]"


@pytest.mark.parametrize("large", [32 * 2**20, 0])
def test_a_decimal_that_is_no_number_is_named_with_its_line(tmp_path, monkeypatch, large):
    monkeypatch.setattr(view_frames, "LARGE_BYTES", large)
    patients(
        tmp_path,
        {"resourceType": "Observation", "id": "a", "valueQuantity": {"value": "high"}},
        name="Observation",
    )
    with pytest.raises(ViewError, match="Observation/a") as raised:
        duckdb_frames(tmp_path, load_views(views_folder()))
    assert "high" not in str(raised.value)


def test_parquet_and_duckdb_files(tmp_path):
    store = tmp_path / "fhir"
    patients(
        store,
        {"resourceType": "Observation", "id": "a", "valueQuantity": {"value": Decimal("14.00")}},
        {"resourceType": "Observation", "id": "b", "valueInteger": 3, "effectiveDateTime": "2020-02"},
        name="Observation",
    )
    views = {
        name: view for name, view in load_views(views_folder()).items() if view.resource == "Observation"
    }
    written = write_duckdb(store, views, tmp_path / "tables", "parquet", memory_limit="256MB")
    assert [path.name for path in written] == sorted(f"{name}.parquet" for name in views)
    (database,) = write_duckdb(store, views, tmp_path / "tables", "duckdb")
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == sorted(
        [database.name, *(path.name for path in written)]
    )
    query = "SELECT observation_id, value_quantity, value_integer, effective_date FROM {} ORDER BY 1"
    expected = [("a", Decimal(14), None, None), ("b", None, 3, "2020-02")]
    with duckdb.connect() as connection:
        assert (
            connection.execute(query.format(f"'{tmp_path}/tables/observations.parquet'")).fetchall()
            == expected
        )
    with duckdb.connect(str(database), read_only=True) as connection:
        assert connection.execute(query.format("observations")).fetchall() == expected
        kinds = dict(connection.execute("SELECT column_name, data_type FROM duckdb_columns()").fetchall())
    assert (kinds["value_quantity"], kinds["value_integer"], kinds["derived"]) == (
        "DECIMAL(38,12)",
        "BIGINT",
        "BOOLEAN",
    )


def test_a_number_that_the_file_cannot_hold_stops_and_leaves_nothing(tmp_path):
    store = tmp_path / "fhir"
    long = {"resourceType": "Observation", "id": "a", "valueQuantity": {"value": Decimal("0.1234567890123")}}
    patients(store, long, name="Observation")
    views = {"observations": load_views(views_folder())["observations"]}
    with pytest.raises(ViewError, match="more than 12 decimals"):
        write_duckdb(store, views, tmp_path / "tables", "parquet")
    assert list((tmp_path / "tables").iterdir()) == []


def test_the_row_count_guard(tmp_path):
    path = tmp_path / "Patient.ndjson"
    path.write_text(
        '{"resourceType":"Patient","id":"a"}\n{"resourceType":"Patient","id":"b"}', encoding="utf-8"
    )
    for view in (one_column("gender", "code"), one_column("name.given.first()")):
        with pytest.raises(StoreIncomplete, match=r"Patient\.ndjson:2: the last line is cut off"):
            read_rows(tmp_path, view, engine="duckdb")
    path.write_text('{"resourceType":"Patient","id":"a"}', encoding="utf-8")
    with pytest.raises(StoreIncomplete, match=r"Patient\.ndjson:1: the last line is cut off"):
        read_rows(tmp_path, one_column("gender", "code"), engine="duckdb")
    path.write_text('{"resourceType":"Patient","id":"a"}\n\n', encoding="utf-8")
    for view in (one_column("gender", "code"), one_column("name.given.first()")):
        with pytest.raises(StoreIncomplete, match=r"Patient\.ndjson:2"):
            read_rows(tmp_path, view, engine="duckdb")
    assert read_rows(tmp_path, one_column("code.text", resource="Group"), engine="duckdb")["v"].rows == []


@pytest.mark.parametrize("path", ["valueQuantity.value", "code.text"])
def test_a_list_where_an_object_belongs_is_no_empty_cell(tmp_path, path):
    wrong = {
        "resourceType": "Observation",
        "id": "a",
        "code": [{"text": "x"}],
        "valueQuantity": [{"value": 1}],
    }
    patients(tmp_path, wrong, name="Observation")
    path, kind = ("value.ofType(Quantity).value", "decimal") if "value" in path else (path, "string")
    with pytest.raises(ViewError, match=r"v\.json"):
        read_rows(tmp_path, one_column(path, kind, "Observation"), engine="duckdb")


def test_the_views_that_come_along_compile_so_that_nobody_has_to_try_where_a_type_is_absent(tmp_path):
    shared = load_views(views_folder())
    for view in shared.values():
        assert [column.name for column in compile_view(view).columns] == [one.name for one in view.columns]
    tables = duckdb_frames(tmp_path, shared)
    by_rows = {name: table.frame() for name, table in read_rows(tmp_path, shared, engine="python").items()}
    for name, frame in tables.items():
        assert frame.dtypes.to_dict() == by_rows[name].dtypes.to_dict()
        assert len(frame) == 0
    wrong = replace(shared["patients"], source="mine.json", resource="Nothing")
    with pytest.raises(ViewError, match="Nothing"):
        duckdb_frames(tmp_path, {"mine": wrong})
