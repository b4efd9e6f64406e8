from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

from fhir_blina.endpoints.derivation import DERIVATION_COLUMNS
from fhir_blina.errors import AnalysisError
from fhir_blina.results.entries import ComparedClaim, DataFinding, DerivedTime, LeftOut, PopulationCount
from fhir_blina.results.records import RECORD_FIELDS, Record, Results, write_results

SCHEMA = json.loads((Path(__file__).parents[2] / "mappings/schemas/results.schema.json").read_text())
RECORDS = (
    Record(
        "a.median", value=Decimal("15.505"), unit="%", method="middle", n=6, derived_from=("Observation/x",)
    ),
    Record(
        "a.survival",
        "CR",
        time_days=126,
        value=5 / 12,
        ci_low=0.1,
        ci_high=0.7,
        ci_method="log-log",
        n=3,
        events=1,
    ),
    Record(
        "a.survival",
        "CR",
        time_days=126,
        value=5 / 12,
        ci_low=0.0,
        ci_high=1.0,
        ci_method="plain",
        n=3,
        events=1,
    ),
    Record("a.hazard", note="not estimable"),
)


def test_the_fields_are_those_of_the_issue():
    assert RECORD_FIELDS == (
        "name", "group", "time_days", "value", "unit", "ci_low", "ci_high", "ci_method", "method", "n",
        "events", "p_value", "test", "note", "derived_from", "comparator",
    )  # fmt: skip


def test_a_record_without_a_value_says_why():
    with pytest.raises(AnalysisError, match="no reason"):
        Record("a.b")
    with pytest.raises(AnalysisError, match="not a finite number"):
        Record("a.b", value=float("nan"))
    with pytest.raises(AnalysisError, match="not a finite number"):
        Record("a.b", value=1, ci_high=float("inf"))


def test_records_are_found_by_name_group_time_and_interval():
    results = Results(RECORDS)
    assert len(results.find("a.survival")) == 2
    assert results.one("a.survival", "CR", 126, "plain").ci_low == 0
    assert results.find("a.survival", "NR") == ()
    with pytest.raises(AnalysisError, match=r"a\.none"):
        results.one("a.none")


def test_what_is_written_is_exact_follows_the_schema_and_does_not_change(tmp_path):
    results = Results(RECORDS)
    write_results(results, tmp_path / "one.json")
    write_results(Results(RECORDS), tmp_path / "two.json")
    text = (tmp_path / "one.json").read_text()
    assert text == (tmp_path / "two.json").read_text()
    assert '"value": 15.505' in text
    assert "0.416666666667" in text
    content = json.loads(text)
    jsonschema.validate(content, SCHEMA)
    assert content["records"][3]["value"] is None
    assert set(content["records"][0]) == set(RECORD_FIELDS)


def test_the_schema_refuses_a_missing_value_without_a_reason():
    bad = {**RECORDS[3].as_dict(), "note": ""}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"records": [bad], "derivation": [], "claims": [], "findings": []}, SCHEMA)


@pytest.mark.parametrize(
    ("what", "entry"),
    [
        ("derivation", DerivedTime),
        ("finding", DataFinding),
        ("population", PopulationCount),
        ("left_out", LeftOut),
    ],
)
def test_the_schema_has_the_fields_of_each_typed_record(what, entry):
    assert list(SCHEMA["$defs"][what]["properties"]) == [item.name for item in fields(entry)]


def test_the_schema_names_no_field_that_a_compared_claim_lacks():
    assert set(SCHEMA["$defs"]["claim"]["properties"]) <= {item.name for item in fields(ComparedClaim)}


def test_the_columns_of_a_derivation_are_the_fields_of_its_record():
    assert [item.name for item in fields(DerivedTime)] == list(DERIVATION_COLUMNS)
