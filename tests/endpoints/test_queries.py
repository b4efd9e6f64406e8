"""Tables by SQL: what they give is what pandas gives, and they reach nothing but the tables."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest

from fhir_blina.analysis.analysis import analyze
from fhir_blina.endpoints import queries
from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.queries import Query, with_queries
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.errors import AnalysisError

ROWS = [
    ("a", "2020-01-01", Decimal("7.5"), True, 3),
    ("a", "2020-02-01", Decimal("12.25"), False, None),
    ("b", "2020-03-01", Decimal(9), None, 5),
    (None, "2020-04-01", Decimal(1), True, 1),
    ("c", "2020-05-01", None, None, None),
]


def tables():
    frame = pd.DataFrame(ROWS, columns=["patient_id", "day", "level", "flag", "count"])
    return {"labs": frame.astype({"flag": "boolean", "count": "Int64"})}


def one(sql, more=None):
    found = with_queries(tables(), {"t": Query(name="t", sql=sql, place="e.yaml:3")} | (more or {}))
    return found["t"]


def test_rows_are_those_of_pandas():
    found = one(
        "SELECT patient_id, max(level) AS top, avg(level) AS mean, count(*) AS n FROM labs GROUP BY 1"
    )
    known = tables()["labs"].dropna(subset=["patient_id"])
    theirs = known.assign(level=known["level"].astype(float)).groupby("patient_id")["level"]
    ours = found.dropna(subset=["patient_id"]).set_index("patient_id")
    for name, wanted in (("top", theirs.max()), ("mean", theirs.mean())):
        got = ours[name].map(lambda cell: None if cell is None else float(cell))
        assert got.dropna().to_dict() == pytest.approx(wanted.dropna().to_dict())
    assert ours.loc["a", "top"] == Decimal("12.25")
    assert ours["n"].to_dict() == {"a": 2, "b": 1, "c": 1}
    assert ours.loc["c", "top"] is None


def test_days_booleans_and_whole_numbers_are_as_in_the_tables_of_views():
    sql = """SELECT patient_id, CAST(day AS DATE) + 1 AS later, flag, count, sum(count) OVER () AS total,
        2.5e0 AS half, 2e0 AS two FROM labs"""
    found = one(sql)
    assert found["later"].tolist()[:2] == ["2020-01-02", "2020-02-02"]
    assert (str(found["flag"].dtype), str(found["count"].dtype)) == ("boolean", "Int64")
    assert found["total"].tolist() == [9] * 5
    assert (found["half"][0], found["two"][0]) == (Decimal("2.5"), 2)


def test_a_column_whose_first_thousand_cells_are_empty_keeps_its_kind():
    frame = pd.DataFrame({"patient_id": [str(n) for n in range(3000)], "v": [None] * 2999 + [Decimal("1.5")]})
    made = with_queries({"labs": frame}, {"t": Query(name="t", sql="SELECT * FROM labs", place="e:1")})["t"]
    assert made["v"].tolist()[-1] == Decimal("1.5")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT *, 'x' AS patient_id FROM read_csv('/etc/passwd')",
        "SELECT content AS patient_id FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT file AS patient_id FROM glob('/*')",
        "SELECT * FROM 'https://example.org/x.parquet'",
    ],
)
def test_no_file_and_no_network(sql):
    with pytest.raises(AnalysisError, match=r'^e.yaml:3: error: table "t": .*(no file|no table|not exist)'):
        one(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "COPY labs TO '/tmp/never.csv'",
        "SET memory_limit = '100GB'",
        "ATTACH '/tmp/never.db'",
        "INSTALL httpfs",
        "CREATE TABLE x AS SELECT 1",
        "PRAGMA version",
        "SELECT patient_id FROM labs; DROP VIEW labs",
        "",
    ],
)
def test_nothing_but_one_select(sql):
    with pytest.raises(AnalysisError, match=r"^e.yaml:3: error: .*one SELECT is expected"):
        one(sql)


def test_no_variable_of_the_program_is_a_table():
    secret = pd.DataFrame({"patient_id": ["x"]})
    with pytest.raises(AnalysisError, match='there is no table "secret"'):
        one("SELECT * FROM secret")
    assert len(secret) == 1


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT patient_id FROM lab", r'there is no table "lab", line 1 of the query. Did you mean "labs"'),
        ("SELECT patient_id,\n nope FROM labs", r'column "nope" not found.*, line 2 of the query'),
        ("SELECT patient_id FROM labs WHERE", r"syntax error"),
        ("SELECT level FROM labs", r'has no column "patient_id". Name the column of the patients'),
        ("SELECT patient_id, day AS v, level AS v FROM labs", r'has two columns "v"'),
        ("SELECT patient_id, 1e308::DOUBLE * 10 AS v FROM labs", r"number|Range"),
    ],
)
def test_a_fault_says_where_and_what(sql, message):
    with pytest.raises(AnalysisError, match=rf"(?s)^e.yaml:3: error: .*{message}"):
        one(sql)


def test_no_cell_stands_in_a_message():
    with pytest.raises(AnalysisError) as caught:
        one("SELECT patient_id, CAST(day || 'secret' AS DATE) AS v FROM labs")
    assert "2020-01-01" not in str(caught.value)
    assert "TRY_CAST" in str(caught.value)


def test_a_query_without_end_ends(monkeypatch):
    monkeypatch.setattr(queries, "MOST_SECONDS", 0.5)
    endless = (
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n % 7 FROM r) SELECT max(n) AS patient_id FROM r"
    )
    with pytest.raises(AnalysisError, match="takes longer than"):
        one(endless)


def test_rows_and_memory_have_bounds(monkeypatch):
    monkeypatch.setattr(queries, "MOST_ROWS", 1000)
    with pytest.raises(AnalysisError, match="gives more than 1,000 rows"):
        one("SELECT range AS patient_id FROM range(100000)")
    monkeypatch.setattr(queries, "MOST_MEMORY", "50MiB")
    with pytest.raises(AnalysisError, match=r"50MiB of memory"):
        one(
            "SELECT count(*) AS patient_id FROM (SELECT DISTINCT range || repeat('x', 50) FROM range(10000000))"
        )


def test_a_later_query_sees_an_earlier_one_and_no_name_is_taken_twice():
    more = {"u": Query(name="u", sql="SELECT patient_id, n + 1 AS m FROM t", place="e.yaml:4")}
    first = {"t": Query(name="t", sql="SELECT patient_id, 1 AS n FROM labs", place="e.yaml:3")}
    assert with_queries(tables(), first | more)["u"]["m"].tolist() == [2] * 5
    again = {"labs": Query(name="labs", sql="SELECT 1 AS patient_id", place="e.yaml:3")}
    with pytest.raises(AnalysisError, match=r'e.yaml:3: error: there is a table "labs" already'):
        with_queries(tables(), again)


TEXT = """
tables:
  exposure:
    sql: |
      SELECT patient_id, count(*) AS doses, min(start_date) AS first_day
      FROM administrations GROUP BY patient_id
  weights: {file: weights.sql}
measures:
  doses: {table: exposure, value: doses}
  weight: {table: weights, value: kg}
times:
  first_dose: {table: exposure, day: first_day}
sets:
  heavy: {table: weights, where: {kg: {above: 80}}}
summaries: {doses: {}}
proportions: {heavy: {}}
"""


def test_measures_times_and_sets_over_sql(made, tmp_path):
    given = [("p1", "2020-01-05"), ("p1", "2020-01-01"), ("p2", "2020-02-01"), ("p9", "2020-02-01")]
    rows = [
        {"administration_id": f"m{n}", "patient_id": who, "start_date": day}
        for n, (who, day) in enumerate(given)
    ]
    weights = "SELECT 'p1' AS patient_id, 90 AS kg UNION ALL SELECT 'p2', NULL UNION ALL SELECT NULL, 70"
    (tmp_path / "weights.sql").write_text(weights)
    tables, path = made(TEXT, [{}] * 3, administrations=rows)
    facts = Facts(tables, read_endpoints(path))
    assert {who: value for who, (value, _) in facts.measured("doses").items()} == {"p1": 2, "p2": 1}
    assert facts.population("weight").reasons == {"no value recorded": 1, "no row": 1}
    assert [day for day, _ in facts.days("first_dose").values()] == [737425, 737456]
    results = analyze(tables, path)
    assert results.one("doses.median").value == Decimal("1.5")
    assert {one.about for one in facts.account.remarks.values() if one.rule == "rows-without-patient"} == {
        'measure "doses"',
        'measure "weight"',
        'time "first_dose"',
    }


def test_duplicates_need_a_pick_and_a_missing_file_is_named(made, tmp_path):
    text = """
tables: {t: {sql: "SELECT 'p1' AS patient_id, range AS v FROM range(2)"}}
measures: {m: {table: t, value: v}}
"""
    tables, path = made(text, [{}])
    with pytest.raises(AnalysisError, match=r'yaml:7: measure "m" has several rows for one patient'):
        Facts(tables, read_endpoints(path)).measure("m")
    picked = text.replace("value: v}", "value: v, pick: highest}")
    tables, path = made(picked, [{}])
    assert Facts(tables, read_endpoints(path)).measured("m")["p1"][0] == 1
    _, path = made("tables: {t: {file: none.sql}}\n", [{}])
    with pytest.raises(AnalysisError, match=r"yaml:5: .*cannot be read.*none.sql"):
        read_endpoints(path)
    for wrong in ("{file: ../x.sql}", "{sql: SELECT 1, file: x.sql}", "{}"):
        _, path = made(f"tables: {{t: {wrong}}}\n", [{}])
        with pytest.raises(AnalysisError, match="yaml:5: "):
            read_endpoints(path)
