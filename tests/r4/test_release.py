"""The extracted definitions: what the specification prints, and that the script makes the file."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from fhir_blina.r4 import R4

ROOT = Path(__file__).parents[2]


def test_observation_is_as_the_specification_prints_it() -> None:
    elements = R4.types["Observation"]["elements"]
    assert len(elements) == 24
    assert {name for name, rule in elements.items() if rule.get("min")} == {"status", "code"}
    assert elements["specimen"]["targets"] == ["Specimen"]
    assert elements["component"] == {"type": "Observation.component", "max": "*"}
    assert len(elements["value[x]"]["type"]) == 11
    assert R4.value_sets[elements["status"]["values"]] == {
        "http://hl7.org/fhir/observation-status": sorted(
            [
                "registered",
                "preliminary",
                "final",
                "amended",
                "corrected",
                "cancelled",
                "entered-in-error",
                "unknown",
            ]
        )
    }
    assert set(R4.types["Observation"]["invariants"]) == {"obs-6", "obs-7"}


def test_resource_types_are_those_of_r4_not_of_r4b_or_r5() -> None:
    assert len(R4.resource_types) == 146
    assert {"MedicinalProduct", "EffectEvidenceSynthesis", "Bundle", "Parameters"} <= R4.resource_types
    assert not {"MedicinalProductDefinition", "Citation", "Resource", "DomainResource"} & R4.resource_types


def test_a_value_set_with_children_is_expanded() -> None:
    codes = R4.value_sets["condition-clinical"]["http://terminology.hl7.org/CodeSystem/condition-clinical"]
    assert codes == ["active", "inactive", "recurrence", "relapse", "remission", "resolved"]


def test_every_type_that_an_element_names_is_defined() -> None:
    known = set(R4.types) | set(R4.primitives)
    for definition in R4.types.values():
        for rule in definition["elements"].values():
            kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
            assert set(kinds) <= known
            assert rule.get("values", "observation-status") in R4.value_sets


def test_code_systems_hold_nested_codes() -> None:
    purposes = R4.code_systems["http://terminology.hl7.org/CodeSystem/v3-ActReason"]
    assert {"HRESCH", "PurposeOfUse"} <= purposes
    assert "PSEUDED" in R4.code_systems["http://terminology.hl7.org/CodeSystem/v3-ObservationValue"]


@pytest.mark.hapi  # of whose artefacts in the Maven repository the file is made
def test_the_script_makes_the_committed_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ROOT / "scripts" / "r4_rules.py"
    loader = importlib.util.spec_from_file_location("r4_rules", path)
    assert loader is not None
    assert loader.loader is not None
    script = importlib.util.module_from_spec(loader)
    loader.loader.exec_module(script)
    jar = script.MAVEN / f"{script.ARTIFACT}-{script.VERSION}.jar"
    if not jar.exists():
        pytest.skip(f"needs Maven's {script.ARTIFACT} {script.VERSION} in the local repository")
    monkeypatch.setattr(script, "TARGET", tmp_path / "made.json")
    monkeypatch.setattr("sys.argv", ["r4_rules.py", str(jar)])
    script.main()
    made = (tmp_path / "made.json").read_text(encoding="utf-8")
    assert made == (ROOT / "fhir_blina" / "r4" / "rules.json").read_text(encoding="utf-8")
    stated = json.loads(made)
    assert stated["types"] == R4.types
    assert stated["valueSets"] == R4.value_sets
