"""Which numbers a DOUBLE does not hold, found in the text of a file before it is read as one."""

from decimal import Decimal

import duckdb
import pytest

from fhir_blina.errors import StoreIncomplete
from fhir_blina.files import json as fhirjson
from fhir_blina.r4 import R4
from fhir_blina.views.duckdb.lines import survey
from fhir_blina.views.export import export_tables
from fhir_blina.views.faults import Fault, RunFault
from fhir_blina.views.reader import read_view
from fhir_blina.views.tables import read_rows


def one_file(folder, *lines):
    path = folder / "Observation.ndjson"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


SHORT = ["1", "14.00", "-3.5", "999999999999999", "0.1234567890123", "1E+2", "1e-12", "0.0"]
LONG = [
    "1.0000000000000000001",  # as a DOUBLE 1
    "9007199254740993",  # as a DOUBLE 9007199254740992
    "-9007199254740993",
    "1E-400",  # as a DOUBLE 0
    "-0.001e-322",
    "12345678901234.5678",
]


@pytest.mark.parametrize("space", ["", " ", "\t "])
@pytest.mark.parametrize("number", SHORT + LONG)
def test_long_numbers_are_found(tmp_path, number, space):
    line = f'{{"valueQuantity"{space}:{space}{{"value"{space}:{space}{number}}}}}'
    assert survey(one_file(tmp_path, "{}", line, "{}"), ["value"]).long_numbers == (number in LONG)
    assert not survey(one_file(tmp_path, line), ["low"]).long_numbers
    assert not survey(one_file(tmp_path, line)).long_numbers


@pytest.mark.parametrize("number", SHORT)
def test_what_is_not_long_is_the_same_as_a_double(number):
    with duckdb.connect() as connection:
        (text,) = connection.execute("SELECT CAST(CAST(? AS DOUBLE) AS VARCHAR)", [number]).fetchone()
    assert Decimal(text) == Decimal(number)


def test_a_text_that_looks_like_a_number_is_none(tmp_path):
    lines = ['{"value":"1.0000000000000000001"}', '{"id":"urn:oid:2.16.840.1.113883.4.642"}']
    assert not survey(one_file(tmp_path, *lines), ["value"]).long_numbers


@pytest.mark.parametrize("before", [0, 2**18 - 30, 2**18 - 12, 2**18])
def test_a_number_between_two_reads_is_found(tmp_path, before):
    line = '{"value":1.0000000000000000001}'
    found = survey(one_file(tmp_path, " " * before + line, "{}"), ["value"])
    assert found.long_numbers
    assert found.count == 2


def test_a_line_beyond_all_bounds_is_taken_to_hold_one(tmp_path, monkeypatch):
    monkeypatch.setattr("fhir_blina.views.duckdb.lines.MAX_LINE_BYTES", 2**18)
    assert survey(one_file(tmp_path, " " * 2**20 + "{}"), ["value"]).long_numbers


def test_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "Observation.ndjson").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreIncomplete, match="cannot be read"):
        survey(tmp_path / "Observation.ndjson")
    assert survey(tmp_path / "Patient.ndjson").pattern == ""


def values_view():
    column = {"name": "x", "path": "value.ofType(Quantity).value", "type": "decimal"}
    return {"v": read_view({"resource": "Observation", "name": "v", "select": [{"column": [column]}]})}


@pytest.mark.parametrize(
    ("number", "fault"),
    [("1.0000000000000000001", Fault.DECIMALS), ("1.00000000000000001", Fault.COLUMN_DECIMALS)],
)
def test_parquet_never_holds_another_number(tmp_path, number, fault):
    line = f'{{"resourceType":"Observation","id":"a","valueQuantity":{{"value":{number}}}}}'
    one_file(tmp_path, line)
    with pytest.raises(RunFault) as caught:
        export_tables(tmp_path, tmp_path / "out", format="parquet", views=values_view())
    assert caught.value.fault is fault
    assert list((tmp_path / "out").iterdir()) == []


def test_a_number_beyond_every_number_is_not_zero(tmp_path):
    one_file(tmp_path, '{"resourceType":"Observation","id":"a","valueQuantity":{"value":1E-400}}')
    with pytest.raises(StoreIncomplete, match=r"Observation\.ndjson:1: .*out of range"):
        export_tables(tmp_path, tmp_path / "out", format="parquet", views=values_view())


@pytest.mark.parametrize("value", ["high", "inf", "nan", ""])
def test_a_text_in_the_place_of_a_number_is_no_empty_cell(tmp_path, value):
    resource = {"resourceType": "Observation", "id": "a", "valueQuantity": {"value": value}}
    fhirjson.write_ndjson(tmp_path / "Observation.ndjson", [resource])
    with pytest.raises(RunFault) as caught:
        export_tables(tmp_path, tmp_path / "out", format="parquet", views=values_view())
    assert caught.value.fault is Fault.KIND
    assert caught.value.place == "Observation/a"


def test_lists_of_decimals_are_read_by_no_regular_expression():
    """SQL refuses them, since only a number after its key is put in quotes."""
    lists = {
        f"{name}.{key}"
        for name, defined in R4.types.items()
        for key, element in defined["elements"].items()
        if element["type"] == "decimal" and element.get("max") == "*"
    }
    assert {one.rpartition(".")[0] for one in lists} == {"MolecularSequence.quality.roc"}


@pytest.mark.parametrize("kind", ["parquet", "duckdb", "csv"])
@pytest.mark.parametrize("value", ["1.5", "1.0", "1e2", '"x"', "9223372036854775808"])
def test_what_is_no_whole_number_is_not_rounded_to_one(tmp_path, value, kind):
    one_file(tmp_path, f'{{"resourceType":"Observation","id":"a","valueInteger":{value}}}')
    column = {"name": "n", "path": "value.ofType(integer)", "type": "integer"}
    views = {"v": read_view({"resource": "Observation", "name": "v", "select": [{"column": [column]}]})}
    with pytest.raises(RunFault) as caught:
        export_tables(tmp_path, tmp_path / "out", format=kind, views=views)
    assert caught.value.fault in {Fault.KIND, Fault.NO_INTEGER}


def test_a_whole_number_that_is_none_is_not_compared_either(tmp_path):
    one_file(tmp_path, '{"resourceType":"Observation","id":"a","valueInteger":1.5}')
    column = {"name": "b", "path": "value.ofType(integer) = 2", "type": "boolean"}
    views = {"v": read_view({"resource": "Observation", "name": "v", "select": [{"column": [column]}]})}
    assert read_rows(tmp_path, views, engine="python")["v"].rows == [(False,)]
    with pytest.raises(RunFault) as caught:
        read_rows(tmp_path, views, engine="duckdb")
    assert caught.value.fault is Fault.NO_INTEGER
