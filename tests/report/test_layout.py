from __future__ import annotations

import json

import pytest

from fhir_blina.endpoints import read_endpoints, selection
from fhir_blina.errors import AnalysisError
from fhir_blina.report.layout import read_layout


def test_a_value_set_beside_the_report_file_is_found(tmp_path, monkeypatch):
    """A selection of the report says where it stands; its value set lies beside that file, not here."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    (tmp_path / "value_sets").mkdir()
    concepts = [{"system": "urn:s", "concept": [{"code": "a"}]}]
    content = {"resourceType": "ValueSet", "compose": {"include": concepts}}
    (tmp_path / "value_sets" / "few.json").write_text(json.dumps(content))
    (tmp_path / "endpoints.yaml").write_text(
        "subjects: {table: patients, key: patient_id, label: patient_id}\nendpoints: {}\n"
    )
    report = tmp_path / "report.yaml"
    report.write_text(
        "sections:\n- title: Rows\n  blocks:\n  - kind: list\n    caption: All\n    table: conditions\n"
        "    where: {code: {in: few}}\n    columns: [{label: Code, show: '{code}'}]\n"
    )
    (section,) = read_layout(report, read_endpoints(tmp_path)).sections
    block = section.blocks[0]
    assert block["place"] == f"{report}:4"
    assert selection(block, {}, block["place"]).where["code"]["in"].has("urn:s", "a")
    with pytest.raises(AnalysisError, match=r"report.yaml:4: .*no value set \"fwe\".*Did you mean \"few\""):
        selection({**block, "where": {"code": {"in": "fwe"}}}, {}, block["place"])
