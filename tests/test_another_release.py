"""Another release of FHIR is another file: everything from the rows to the store follows the one it is given."""

from __future__ import annotations

import copy
import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from fhir_blina import check_cohort, map_cohort, open_store, read_cohort, read_tables, round_trip, validate
from fhir_blina.errors import CohortError, StoreRefused, ViewError
from fhir_blina.fhirpath import compile_expression
from fhir_blina.r4 import R4, FhirRelease
from tests.fake_fhir import FakeFhir, resource

ROOT = Path(__file__).parent.parent
RULES = ROOT / "fhir_blina" / "r4" / "rules.json"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> FhirRelease:
    """R4 but for these: one identifier an Observation, a choice more, a type more, another date, a primitive."""
    stated = json.loads(RULES.read_text("utf-8"))
    types = stated["types"]
    observation = types["Observation"]
    observation["elements"]["identifier"] = {"type": "Identifier"}
    observation["elements"]["finding[x]"] = {"type": ["Quantity", "integer64"]}
    observation["invariants"]["obs-6"]["expression"] = "dataAbsentReason.exists() or value.exists()"
    types["Patient"]["elements"]["birthDate"] = {"type": "string"}
    types["Ward"] = copy.deepcopy(types["Location"])
    stated["primitives"]["integer64"] = "[0]|[-+]?[1-9][0-9]*"
    path = tmp_path_factory.mktemp("release") / "rules.json"
    path.write_text(json.dumps(stated), "utf-8")
    return FhirRelease("R9", "9.0.0", path)


def observation(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "a",
        "status": "final",
        "code": {"text": "x"},
        "valueInteger": 1,
        **more,
    }


def said(found: dict[str, Any], release: FhirRelease) -> list[str]:
    """The expressions that validation finds fault with."""
    return [one.expression for one in validate([found], release=release)]


def test_mapping_follows_the_cardinality(tiny: Path, other: FhirRelease) -> None:
    for release, shape in ((R4, list), (other, dict)):
        mapped = map_cohort(read_cohort(tiny, release=release))
        made = [one for one in mapped.resources if one["resourceType"] == "Observation"]
        assert made
        assert {type(one["identifier"]) for one in made} == {shape}
        assert validate(mapped.resources, release=release) == []
    assert {one.expression for one in validate(mapped.resources, release=R4)} == {"Observation.identifier"}


def test_dates_are_shifted_where_the_release_has_a_date(
    made: Any, other: FhirRelease, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text(secrets.token_hex(32))
    key.chmod(0o600)
    monkeypatch.setenv("FHIR_BLINA_ID_KEY_FILE", str(key))
    folder = made(
        {"people": ["id* born", "A,2001-01-01"]},
        "table: people\nresource: {resourceType: Patient, id: '{{ %cohort }}-{{ id }}', birthDate: '{{ born }}'}",
        manifest="shift_dates: 30\n",
    )
    (patient,) = map_cohort(read_cohort(folder)).resources
    assert patient["birthDate"] != "2001-01-01"
    (patient,) = map_cohort(read_cohort(folder, release=other)).resources
    assert patient["birthDate"] == "2001-01-01"


def test_a_template_is_of_a_type_of_the_release(made: Any, other: FhirRelease) -> None:
    folder = made(
        {"wards": ["id* name", "A,x"]},
        "table: wards\nresource: {resourceType: Ward, id: '{{ %cohort }}-{{ id }}', name: '{{ name }}'}",
    )
    (finding,) = check_cohort(folder)
    assert 'FHIR R4 has no resource type "Ward"' in finding.diagnostics
    with pytest.raises(CohortError, match='FHIR R4 has no resource type "Ward"'):
        map_cohort(read_cohort(folder))
    assert check_cohort(folder, release=other) == []
    (ward,) = map_cohort(read_cohort(folder, release=other)).resources
    assert ward["identifier"][0]["value"] == "demo-A"


def test_validation_follows_elements_types_primitives_and_invariants(other: FhirRelease) -> None:
    (unknown,) = validate([observation(findingInteger64="9007199254740993")])
    assert 'Observation has no element "findingInteger64"' in unknown.diagnostics
    assert said(observation(findingInteger64="9007199254740993"), other) == []
    assert said(observation(findingInteger64="1.5"), other) == ["Observation.findingInteger64"]
    empty = {name: one for name, one in observation().items() if name != "valueInteger"}
    assert said(empty, R4) == []
    assert said(empty, other) == ["Observation"]
    assert said({"resourceType": "Patient", "id": "p", "birthDate": "spring"}, R4) == ["Patient.birthDate"]
    assert said({"resourceType": "Patient", "id": "p", "birthDate": "spring"}, other) == []


def test_paths_follow_the_choices(other: FhirRelease) -> None:
    found = observation(findingQuantity={"value": 3}, findingInteger64="7")
    assert compile_expression("finding.value", R4).evaluate(found) == []
    assert compile_expression("finding.ofType(Quantity).value", other).evaluate(found) == [3]
    assert compile_expression("finding is integer64", other).evaluate(observation(findingInteger64="7")) == [
        True
    ]


def test_a_folder_holds_the_types_of_the_release(tiny: Path, other: FhirRelease, tmp_path: Path) -> None:
    ward = resource("Ward", "w")
    store = open_store(tmp_path / "store", release=other)
    store.push([ward], cohort="tiny")
    pulled = store.pull(tmp_path / "pulled", cohort="tiny", types=["Ward"])
    assert (pulled.folder / "Ward.ndjson").is_file()
    with pytest.raises(StoreRefused, match="not a resource type of FHIR R4"):
        open_store(tmp_path / "r4").push([ward], cohort="tiny")
    with pytest.raises(StoreRefused, match="not a resource type of FHIR R4: Ward"):
        open_store(tmp_path / "r4").pull(tmp_path / "none", types=["Ward"])
    cohort = read_cohort(tiny, release=other)
    mapped = map_cohort(cohort)
    store.push(mapped.resources, cohort=cohort.name)
    held = list(store.held(cohort.name).values())
    assert round_trip(cohort, mapped, held).differences == ()


def test_a_server_is_asked_for_the_release(other: FhirRelease, tmp_path: Path) -> None:
    kinds = {*R4.resource_types, "Ward"}
    client = FakeFhir(types=kinds, fhir_version="9.0.1").client()
    store = open_store("http://fake.test/fhir", client=client, release=other)
    store.push([resource("Ward", "w")], cohort="tiny")
    assert store.counts("tiny") == {"Ward": 1}
    assert (store.pull(tmp_path / "pulled", cohort="tiny").folder / "Ward.ndjson").is_file()
    with pytest.raises(StoreRefused, match=r"speaks FHIR 9\.0\.1; R4 \(4\.0\.1\) is needed"):
        open_store("http://fake.test/fhir", client=client).counts()
    with pytest.raises(StoreRefused, match=r"speaks FHIR 4\.0\.1; R9 \(9\.0\.0\) is needed"):
        open_store("http://fake.test/fhir", client=FakeFhir().client(), release=other).counts()


@pytest.mark.parametrize("engine", ["duckdb", "python"])
def test_tables_follow_the_types_and_choices(other: FhirRelease, tmp_path: Path, engine: str) -> None:
    store = open_store(tmp_path / "store", release=other)
    finding = resource("Observation", "o", status="final", code={"text": "x"}, findingQuantity={"value": 3})
    store.push([resource("Ward", "w") | {"name": "east"}, finding], cohort="tiny")
    (tmp_path / "views").mkdir()
    columns = {"Ward": ("name", "string"), "Observation": ("finding.ofType(Quantity).value", "decimal")}
    for kind, (path, written) in columns.items():
        definition = {
            "resourceType": "ViewDefinition",
            "name": kind.lower(),
            "status": "draft",
            "resource": kind,
            "select": [{"column": [{"name": "it", "path": path, "type": written}]}],
        }
        (tmp_path / "views" / f"ViewDefinition-{kind}.json").write_text(json.dumps(definition))
    found = read_tables(tmp_path / "store", tmp_path / "views", engine=engine, release=other)
    assert found["ward"]["it"].tolist() == ["east"]
    assert found["observation"]["it"].tolist() == [3]
    if engine == "duckdb":
        with pytest.raises(ViewError, match="Ward is no resource type of FHIR R4"):
            read_tables(tmp_path / "store", tmp_path / "views", engine=engine)
