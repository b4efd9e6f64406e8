"""Numbers of many digits, and what has no end: an exact answer or an error that says why."""

from decimal import Decimal

import duckdb
import pytest

from fhir_blina.errors import ViewError
from fhir_blina.files import json as fhirjson
from fhir_blina.views.export import export_tables
from fhir_blina.views.reader import read_view
from fhir_blina.views.sql.compile import compile_view
from fhir_blina.views.tables import read_rows

BOTH = pytest.mark.parametrize("engine", ["duckdb", "python"])


def one_view(path, kind, resource="Observation", **more):
    select = {"column": [{"name": "x", "path": path, "type": kind}]} | more
    return {"v": read_view({"resource": resource, "name": "v", "select": [select]}, source="v.json")}


def values(folder, *numbers):
    written = [
        {"resourceType": "Observation", "id": f"o{place}", "valueQuantity": {"value": Decimal(one)}}
        for place, one in enumerate(numbers)
    ]
    fhirjson.write_ndjson(folder / "Observation.ndjson", written)


@pytest.mark.parametrize(
    "number",
    ["1234567890123", "12345678901234.5", "123456789012345678", "99999999999999999999", "1E+13", "1E-12", "-1234567890123", "1234567890123.123456789012", "0.5"],
)  # fmt: skip
def test_long_numbers_reach_parquet_with_every_digit(tmp_path, number):
    values(tmp_path, number, "1.5")
    view = one_view("value.value", "decimal")
    export_tables(tmp_path, tmp_path / "out", format="parquet", views=view)
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT x FROM '{tmp_path}/out/v.parquet'").fetchall()
    assert found == [(Decimal(number),), (Decimal("1.5"),)]


@pytest.mark.parametrize("number", ["1E-25", "1E+21", "0.1234567890123"])
def test_a_number_that_does_not_fit_is_never_rounded(tmp_path, number):
    values(tmp_path, number)
    with pytest.raises(ViewError, match=r"more than \d+ (decimals|digits)"):
        export_tables(tmp_path, tmp_path / "out", format="parquet", views=one_view("value.value", "decimal"))


def test_long_literals_are_exact_or_refused(tmp_path):
    values(tmp_path, "12345678901234567890.1")
    for path, expected in (
        ("value.value = 12345678901234567890.1", True),
        ("value.value > 12345678901234567890.100000000000000001", False),
        ("value.value = 12345678901234567890.100000000000000001", False),
    ):
        for engine in ("duckdb", "python"):
            assert read_rows(tmp_path, one_view(path, "boolean"), engine=engine)["v"].rows == [(expected,)]
    for literal in ("1.0000000000000000001", "123456789012345678901.5", "9223372036854775808"):
        with pytest.raises(ViewError, match="is not compiled to SQL"):
            read_rows(tmp_path, one_view(f"value.value > {literal}", "boolean"), engine="duckdb")


@BOTH
@pytest.mark.parametrize("below", [False, True])
def test_crossed_levels_have_a_bound(tmp_path, engine, below):
    names = [{"given": [*"abcdefghijk"]}]
    fhirjson.write_ndjson(
        tmp_path / "Patient.ndjson", [{"resourceType": "Patient", "id": "p", "name": names}]
    )
    crossed = [
        {"forEach": "given" if below else "name.given", "column": [{"name": f"c{n}", "path": "$this"}]}
        for n in range(6 if below else 24)
    ]
    select = [{"forEach": "name", "select": crossed}] if below else crossed
    view = {"v": read_view({"resource": "Patient", "name": "v", "select": select})}
    with pytest.raises(ViewError, match="more than 1,000,000 rows of one resource"):
        read_rows(tmp_path, view, engine=engine)


def test_many_crossed_levels_below_another_are_refused_by_sql():
    crossed = [{"forEach": "given", "column": [{"name": f"c{n}", "path": "$this"}]} for n in range(24)]
    view = read_view({"resource": "Patient", "name": "v", "select": [{"forEach": "name", "select": crossed}]})
    with pytest.raises(ViewError, match="crossed levels below another is not compiled to SQL"):
        compile_view(view)
