from __future__ import annotations

import csv
import re
import stat
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from fhir_blina.cli.parser import main
from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.exports.ard import Statistic, ard


def exported(run, out):
    assert main(["export", "cjcp2023", "--store", str(run / "fhir"), "--out", str(out), "-q"]) == 0
    return out / "exports"


@pytest.mark.long
def test_the_command_writes_all_of_it_and_the_same_bytes_again(published_run, tmp_path, capsys):
    folder = exported(published_run, tmp_path / "one")
    names = {path.name for path in folder.iterdir()}
    lists = ("ard", "records", "derivation", "claims", "findings", "populations", "left_out")
    assert names >= {f"{name}.{suffix}" for name in lists for suffix in ("csv", "parquet")}
    assert names >= {f"table_1.{suffix}" for suffix in ("csv", "tex", "html")}
    assert names >= {f"survival_overall_survival.{suffix}" for suffix in ("csv", "tex", "html")}
    assert capsys.readouterr().out.splitlines() == [str(folder / name) for name in sorted(names)]
    again = exported(published_run, tmp_path / "two")
    assert [name for name in names if (folder / name).read_bytes() != (again / name).read_bytes()] == []
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in folder.iterdir()} == {0}


@pytest.mark.long
def test_csv_and_parquet_hold_the_same_numbers(published_run, tmp_path):
    folder = exported(published_run, tmp_path)
    with (folder / "ard.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    found = duckdb.sql(f"SELECT * FROM '{folder / 'ard.parquet'}'")
    assert found.columns == list(rows[0])
    types = dict(zip(found.columns, map(str, found.types), strict=True))
    assert (types["stat"], types["fmt_fun"], types["stat_text"]) == ("DOUBLE", "BIGINT", "VARCHAR")
    stats = [row[0] for row in found.project("stat").fetchall()]
    assert stats == [float(Decimal(row["stat"])) if row["stat"] else None for row in rows]
    (survival,) = duckdb.sql(
        f"SELECT value, ci_low FROM '{folder / 'records.parquet'}' WHERE name = 'overall_survival.survival' "
        """AND "group" = 'all' AND time_days = 126 AND ci_method = 'log-log'"""
    ).fetchall()
    assert [round(number, 3) for number in survival] == [0.417, 0.056]  # paper 41.7 %; R 0.0560


def test_without_a_cohort_definitions_are_needed(published_run, tmp_path, capsys):
    assert main(["export", "--store", str(published_run / "fhir"), "--out", str(tmp_path), "-q"]) == 6
    assert "--endpoints FILE" in capsys.readouterr().err


def test_the_notebook_of_the_document_runs(published_run, monkeypatch):
    document = Path(__file__).parents[2] / "docs" / "exports.md"
    code = re.search(r"## In a notebook\n```python\n(.*?)```", document.read_text("utf-8"), re.DOTALL)[1]
    folder = str(document.parents[1] / "mappings/cohorts/cjcp2023")
    code = code.replace("mappings/cohorts/cjcp2023", folder).replace("out/fhir", str(published_run / "fhir"))
    names: dict = {}
    exec(compile(code, "exports.md", "exec"), names)
    assert names["overall"].name == "survival_overall_survival"


def test_the_document_names_every_column_and_statistic(published_results, published_tables):
    text = (Path(__file__).parents[2] / "docs" / "exports.md").read_text("utf-8")
    facts = Facts(published_tables, read_endpoints(Path(__file__).parents[2] / "mappings/cohorts/cjcp2023"))
    said = set(re.findall(r"`([^`\n]+)`", text))
    assert {item.name for item in fields(Statistic)} <= said
    assert {row.stat_name for row in ard(published_results, facts)} <= said
