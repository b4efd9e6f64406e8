"""Queries of somebody else's manifest: bounded in time, rows and size."""

from __future__ import annotations

import sqlite3
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from fhir_blina.errors import Finding
from fhir_blina.tabular import database

ENDLESS = "with recursive c(x) as (select 1 union all select x + 1 from c) "


def asked(path, query):
    findings: list[Finding] = []
    read: Any = database.read_sqlite if path.suffix == ".sqlite" else database.read_duckdb
    answer = read(path, SimpleNamespace(query=query), findings)
    return answer, " ".join(map(str, findings))


@pytest.fixture(params=["sqlite", "duckdb"])
def path(tmp_path, request):
    place = tmp_path / f"a.{request.param}"
    base = sqlite3.connect(place) if request.param == "sqlite" else duckdb.connect(str(place))
    base.execute("create table p (id text)")
    base.commit()
    base.close()
    return place


def test_rows_without_end_are_refused(path, monkeypatch):
    monkeypatch.setattr(database, "MOST_ROWS", 50_000)
    answer, said = asked(path, ENDLESS + "select x from c limit 1000000")
    assert answer is None
    assert "more than 50,000 rows" in said


def test_time_without_end_is_stopped(path, monkeypatch):
    monkeypatch.setattr(database, "MOST_SECONDS", 1.0)
    answer, said = asked(path, ENDLESS + "select count(*) from c")
    assert answer is None
    assert "interrupted" in said.lower()


def test_a_cell_has_a_bound_in_sqlite(tmp_path):
    place = tmp_path / "a.sqlite"
    sqlite3.connect(place).close()
    place.write_bytes(b"")
    answer, said = asked(place, "select hex(zeroblob(900000000)) as x")
    assert answer is None
    assert "too big" in said
