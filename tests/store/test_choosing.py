"""A pull of a large folder, line by line, is the pull of a small one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fhir_blina.cohorts import cohort_names, read_cohort
from fhir_blina.errors import StoreHoldsMore, StoreIncomplete, StoreRefused
from fhir_blina.files import Resource
from fhir_blina.mapping import map_cohort
from fhir_blina.r4 import R4
from fhir_blina.store import choosing
from fhir_blina.store.choosing import Taken
from fhir_blina.store.folder import FolderStore

NAMES = ("a", "a-1", "a.1", "b10", "b9")


@pytest.fixture(params=["held", "by line"])
def way(request, monkeypatch) -> str:
    monkeypatch.setattr(choosing, "HELD_BYTES", 2**40 if request.param == "held" else -1)
    return request.param


def patient(name: str, cohort: str) -> Resource:
    tag = {"system": "https://fhir-blina.example/CodeSystem/cohort", "code": cohort}
    return {"resourceType": "Patient", "id": name, "meta": {"tag": [tag]}}


@pytest.fixture
def store(tmp_path) -> FolderStore:
    made = FolderStore(tmp_path / "store")
    made.push([patient(name, "one") for name in NAMES], cohort="one")
    made.push([patient(f"x{name}", "two") for name in NAMES[:2]], cohort="two")
    return made


def everything(folder: Path) -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in folder.glob("*.ndjson")}
    certificate = json.loads((folder / "certificate.json").read_text("utf-8"))
    return found | {"certificate": repr({**certificate, "time": ""}).encode()}


@pytest.mark.long
@pytest.mark.parametrize("name", cohort_names())
def test_every_cohort_comes_back_with_the_same_bytes(name, tmp_path, monkeypatch):
    made = FolderStore(tmp_path / "store")
    made.push(map_cohort(read_cohort(name)).resources, cohort=name)
    for way, limit in (("held", 2**40), ("by line", -1)):
        monkeypatch.setattr(choosing, "HELD_BYTES", limit)
        pulled = made.pull(tmp_path / way, cohort=name)
        assert (pulled.held is None) == (way == "by line")
        assert sum(pulled.counts.values()) == sum(1 for _ in pulled.resources())
    assert everything(tmp_path / "held") == everything(tmp_path / "by line")
    for path in (tmp_path / "store").glob("*.ndjson"):
        assert (tmp_path / "by line" / path.name).read_bytes() == path.read_bytes()


def test_a_cohort_is_chosen_by_its_tag(way, store, tmp_path):
    pulled = store.pull(tmp_path / way, cohort="two")
    assert pulled.counts == {"Patient": 2}
    assert [one["id"] for one in pulled.resources()] == ["xa", "xa-1"]
    assert pulled.certificate["total"] == 2
    with pytest.raises(StoreRefused, match="three"):
        store.pull(tmp_path / "none", cohort="three")
    with pytest.raises(StoreHoldsMore):
        store.pull(store.folder, cohort="two")
    assert store.pull(store.folder).counts == {"Patient": 7}


def test_types_that_are_not_asked_for_leave_no_file(way, store, tmp_path):
    pulled = store.pull(tmp_path / way, types=["Observation"])
    assert pulled.counts == {}
    assert list((tmp_path / way).glob("*.ndjson")) == []


def test_lines_in_another_order_are_sorted(way, store, tmp_path):
    path = store.folder / "Patient.ndjson"
    path.write_bytes(b"".join(reversed(path.read_bytes().splitlines(keepends=True))))
    manifest = json.loads((store.folder / "manifest.json").read_text("utf-8"))
    del manifest["output"][0]["extension"]
    (store.folder / "manifest.json").write_text(json.dumps(manifest))
    pulled = store.pull(tmp_path / way)
    lines = (tmp_path / way / "Patient.ndjson").read_text("utf-8").splitlines()
    names = [json.loads(line)["id"] for line in lines]
    assert names == sorted(names)
    assert pulled.counts == {"Patient": 7}


@pytest.mark.parametrize("fault", ["twice", "changed", "count", "output twice", "extra", "type"])
def test_what_is_wrong_with_a_folder_is_said_in_the_same_words(fault, store, tmp_path, monkeypatch):
    path, manifest = store.folder / "Patient.ndjson", store.folder / "manifest.json"
    lines, stated = path.read_bytes().splitlines(keepends=True), json.loads(manifest.read_text("utf-8"))
    if fault in {"twice", "count"}:
        path.write_bytes(b"".join([*lines[:2], *lines[1:]]))
    if fault == "twice":
        stated["output"][0] |= {"count": len(lines) + 1, "extension": {}}
    if fault == "changed":
        path.write_bytes(path.read_bytes().replace(b'"xa"', b'"xb"'))
    if fault == "output twice":
        stated["output"] *= 2
    if fault == "extra":
        (store.folder / "Group.ndjson").write_text("")
    if fault == "type":
        stated["output"][0]["type"] = ["Patient"]
    manifest.write_text(json.dumps(stated))
    said = []
    for limit in (2**40, -1):
        monkeypatch.setattr(choosing, "HELD_BYTES", limit)
        with pytest.raises(StoreIncomplete) as found:
            store.pull(tmp_path / "out")
        said.append(str(found.value))
        assert not (tmp_path / "out").exists()
    assert said[0] == said[1]


def test_nothing_is_held_of_a_large_folder(store, monkeypatch):
    monkeypatch.setattr(choosing, "HELD_BYTES", -1)
    chosen = Taken(store.folder, R4, lambda _: True)
    assert chosen.held is None
    assert chosen.total == 7
    assert [json.loads(line)["id"] for line in chosen.lines()["Patient"]] == sorted([*NAMES, "xa", "xa-1"])
