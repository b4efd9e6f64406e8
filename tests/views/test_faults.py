"""Faults as types: what DuckDB raises is known by its name, whatever else a message says."""

import duckdb
import pytest

from fhir_blina.views.duckdb.faults import raised_fault
from fhir_blina.views.duckdb.statement import text_of
from fhir_blina.views.faults import Fault, NotCompiled, RunFault
from fhir_blina.views.sql import tree


def error_of(sql):
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as caught:
        connection.execute(sql)
    return caught.value


@pytest.mark.parametrize("fault", list(Fault))
def test_a_fault_comes_back_from_the_query_that_raised_it(fault):
    assert raised_fault(error_of(f"SELECT {text_of(tree.raised(fault))}")) == (fault, fault.value)


def test_its_detail_comes_back_too():
    detail = tree.message(Fault.SEVERAL, tree.text('column "it\'s": view ROWS: Patient/p'))
    found = raised_fault(error_of(f"SELECT error({text_of(detail)})"))
    assert found == (Fault.SEVERAL, 'column "it\'s": view ROWS: Patient/p')


@pytest.mark.parametrize("sql", ["SELECT 'view ROWS: x'::INT", "SELECT 'view ROWS: ' FROM nowhere", "SELEC"])
def test_what_duckdb_says_itself_is_no_fault_of_ours(sql):
    fault, detail = raised_fault(error_of(sql))
    assert fault is Fault.UNREADABLE
    assert "ROWS" not in detail


def test_the_parts_of_a_message_are_fields():
    error = RunFault(Fault.COUNT, "v.json", "Patient/p", remedy="Look")
    assert (error.fault, error.source, error.place, error.detail) == (
        Fault.COUNT,
        "v.json",
        "Patient/p",
        "rows or lines are missing, or too many",
    )
    assert str(error).startswith("v.json: Patient/p: rows or lines are missing, or too many. Look")
    refused = NotCompiled("v.json", "matches()")
    assert (refused.source, refused.what) == ("v.json", "matches()")
