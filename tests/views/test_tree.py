"""Trees of SQL: operands keep together, names and texts mean themselves, and no node is DuckDB's alone."""

import duckdb
import pytest
from sqlglot import ErrorLevel, exp, parse_one

from fhir_blina.files import json as fhirjson
from fhir_blina.views.duckdb.statement import text_of
from fhir_blina.views.engines import ENGINES, engine_of
from fhir_blina.views.loading import load_views
from fhir_blina.views.reader import read_view
from fhir_blina.views.sql import tree
from fhir_blina.views.sql.compile import compile_view
from fhir_blina.views.tables import read_rows, views_folder

# What DuckDB's own list says is reserved, and names that the statements around a view have themselves.
with duckdb.connect() as _connection:
    WORDS = [name for (name,) in _connection.execute("SELECT keyword_name FROM duckdb_keywords()").fetchall()]
OURS = [
    "r",
    "v",
    "x1",
    "i1",
    "part_1",
    "resource",
    "json",
    "place",
    "node",
    "nodes",
    "resource_number",
    "rows_1",
]


def answer(sql):
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT {text_of(sql)}").fetchone()[0]


YES, NO, UNKNOWN = tree.boolean(True), tree.boolean(False), tree.cast(tree.null(), "BOOLEAN")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (tree.both(tree.either(YES, NO), NO), False),  # without brackets: true
        (tree.either(YES, tree.both(NO, NO)), True),
        (tree.negated(tree.either(NO, YES)), False),  # without brackets: true
        (tree.negated(tree.both(NO, YES)), True),
        (tree.binary("=", tree.both(NO, NO), tree.negated(YES)), True),
        (tree.binary("<>", tree.either(YES, YES), NO), True),
        (tree.is_there(tree.both(UNKNOWN, YES)), False),
        (tree.is_null(tree.binary("=", tree.null(), tree.integer(1))), True),
        (tree.binary("-", tree.integer(5), tree.binary("-", tree.integer(3), tree.integer(1))), 3),
        (tree.binary("*", tree.binary("+", tree.integer(1), tree.integer(2)), tree.integer(3)), 9),
        (tree.negative(tree.binary("-", tree.integer(1), tree.integer(3))), 2),
        (tree.negative(tree.integer(-3)), 3),
        (tree.binary("-", tree.integer(1), tree.negative(tree.integer(2))), 3),
        (tree.binary("||", tree.text("a"), tree.coalesce(tree.null(), tree.text("b"))), "ab"),
        (tree.at(tree.array(tree.integer(7), tree.integer(8)), -1), 8),
        (tree.at(tree.array(tree.integer(7)), 2), None),
        (tree.is_filled(tree.null()), False),
        (tree.among(tree.text("it's"), {"a", "it's"}), True),
        (tree.among(tree.text("A"), {"a", "it's"}), False),
        (tree.among(tree.null(), {"a"}), False),
        (tree.among(tree.text("a"), set()), False),
        (tree.below(tree.struct([("Select", tree.integer(1)), ("a b", tree.integer(2))]), "a b"), 2),
    ],
)
def test_operands_keep_together(sql, expected):
    assert answer(sql) == expected


@pytest.mark.parametrize(
    "text",
    ["it's", "a\\b", "a\nb", "\t", '"', "--", "/* */", "'; DROP TABLE x; --", "é漢", "{a}", "$1", "%s", ""],
)
def test_a_text_means_itself(tmp_path, text):
    assert answer(tree.text(text)) == text
    patient = {"resourceType": "Patient", "id": "p", "gender": text}
    fhirjson.write_ndjson(tmp_path / "Patient.ndjson", [patient])
    constant = {"name": "c", "valueString": text}
    columns = [{"name": "same", "path": "gender = %c"}, {"name": "c", "path": "%c"}]
    view = read_view({"resource": "Patient", "constant": [constant], "select": [{"column": columns}]})
    for engine in ENGINES:
        assert read_rows(tmp_path, {"view": view}, engine=engine)["view"].rows == [(True, text)]


def test_every_word_can_be_the_name_of_a_column(tmp_path):
    fhirjson.write_ndjson(tmp_path / "Patient.ndjson", [{"resourceType": "Patient", "id": "p", "name": [{}]}])
    names = dict.fromkeys([*OURS, *WORDS])
    columns = [{"name": name, "path": f"'{name}'", "type": "string"} for name in names]
    half = len(columns) // 2
    select = [{"column": columns[:half]}, {"forEach": "name", "column": columns[half:]}]
    view = read_view({"resource": "Patient", "name": "v", "select": select})
    for engine in ENGINES:
        (row,) = read_rows(tmp_path, {"v": view}, engine=engine)["v"].rows
        assert row == tuple(names)


@pytest.mark.parametrize("name", ["select", "order", "Table", "lambda", "r", "resource", "lines"])
def test_every_word_can_be_the_name_of_a_table(tmp_path, name):
    fhirjson.write_ndjson(tmp_path / "Patient.ndjson", [{"resourceType": "Patient", "id": "p"}])
    column = {"name": "id", "path": "id", "type": "id"}
    views = {
        one: read_view({"resource": "Patient", "name": one, "select": [{"column": [column]}]})
        for one in (name, "other")
    }
    for kind in engine_of("duckdb").formats:
        files = engine_of("duckdb").write(tmp_path, views, tmp_path / kind, kind)
        with duckdb.connect(str(files[0]) if kind == "duckdb" else ":memory:") as connection:
            source = f'"{name}"' if kind == "duckdb" else f"'{tmp_path}/parquet/{name}.parquet'"
            assert connection.execute(f"SELECT id FROM {source}").fetchall() == [("p",)]


def test_a_plan_has_nodes_that_other_dialects_say_too():
    """Spark's text of each column, read again, has the functions of ours that DuckDB's has."""
    for view in load_views(views_folder()).values():
        plan = compile_view(view)
        for sql in [*(column.sql for column in plan.columns), *plan.parts, *plan.where]:
            text = sql.sql("spark", unsupported_level=ErrorLevel.RAISE, normalize_functions=False)
            found = {one.name for one in parse_one(text, dialect="spark").find_all(exp.Anonymous)}
            assert found == {one.name for one in sql.find_all(exp.Anonymous)}
            assert all(name.startswith("fhir_") or name == "error" for name in found)


@pytest.mark.parametrize(
    "around", ["({} | gender).first()", "({} | gender).single()", "iif(({} | gender) = 'g', gender, 'x')"]
)
def test_lists_of_lists_do_not_double_at_each_level(tmp_path, around):
    """Plans and macros grow with the path: doubled at each of 12 levels, the query would take minutes."""
    path = "gender"
    for _ in range(12):
        path = around.format(path)
    view = read_view({"resource": "Patient", "select": [{"column": [{"name": "c", "path": path}]}]})
    (column,) = compile_view(view).columns
    assert sum(1 for _ in column.sql.walk()) < 2_000
    fhirjson.write_ndjson(
        tmp_path / "Patient.ndjson", [{"resourceType": "Patient", "id": "p", "gender": "g"}]
    )
    for engine in ENGINES:
        assert read_rows(tmp_path, {"view": view}, engine=engine)["view"].rows == [("g",)]
