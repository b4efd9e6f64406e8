"""What only a folder does: the manifest, the lock, whole or absent. The rest: test_store_contract."""

from __future__ import annotations

import hashlib
import json
import stat
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from fhir_blina.cli import run
from fhir_blina.errors import StoreIncomplete, StoreRefused, StoreUnavailable
from fhir_blina.files.json import dumps, loads, resource_of
from fhir_blina.files.locks import locked
from fhir_blina.store import folder as folder_module
from fhir_blina.store import manifest as manifest_module
from fhir_blina.store import open_store
from fhir_blina.store import replacing as replacing_module

TAG = "https://fhir-blina.example/CodeSystem/cohort"


def patient(name, cohort="tiny", **more):
    return {
        "resourceType": "Patient",
        "id": name,
        "meta": {"tag": [{"system": TAG, "code": cohort}]},
        **more,
    }


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "fhir", wait_seconds=0.2)


def test_the_folder_is_a_bulk_data_export(store):
    store.push([patient("b"), patient("a"), patient("a") | {"resourceType": "Group"}], cohort="tiny")
    assert sorted(path.name for path in store.folder.iterdir()) == [
        "Group.ndjson",
        "Patient.ndjson",
        "manifest.json",
    ]
    lines = (store.folder / "Patient.ndjson").read_bytes()
    assert [json.loads(line)["id"] for line in lines.splitlines()] == ["a", "b"]
    manifest = json.loads((store.folder / "manifest.json").read_text())
    assert manifest["requiresAccessToken"] is False
    assert manifest["error"] == []
    assert manifest["output"][1] == {
        "type": "Patient",
        "url": "Patient.ndjson",
        "count": 2,
        "extension": {"sha256": hashlib.sha256(lines).hexdigest()},
    }


def test_everything_is_private(store):
    store.push([patient("a")], cohort="tiny")
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in store.folder.iterdir()} == {0o600}


def test_an_unchanged_push_writes_nothing(store):
    store.push([patient("a")], cohort="tiny")
    before = {path: path.stat().st_mtime_ns for path in store.folder.iterdir()}
    store.push([patient("a")], cohort="tiny")
    assert {path: path.stat().st_mtime_ns for path in store.folder.iterdir()} == before


def test_a_digit_more_is_an_update(store):
    def weight(text):
        return patient("a", extension=[{"url": "http://example.org/w", "valueDecimal": Decimal(text)}])

    store.push([weight("14.0")], cohort="tiny")
    assert store.push([weight("14.00")], cohort="tiny").updated == {"Patient": 1}
    assert '"valueDecimal":14.00' in (store.folder / "Patient.ndjson").read_text()


def damage_cut(folder):
    path = folder / "Patient.ndjson"
    path.write_bytes(path.read_bytes()[:-10])


def damage_change(folder):
    path = folder / "Patient.ndjson"
    path.write_bytes(path.read_bytes().replace(b"female", b"male"))


def damage_missing(folder):
    (folder / "Patient.ndjson").unlink()


def damage_extra(folder):
    (folder / "Group.ndjson").write_text(dumps(patient("g") | {"resourceType": "Group"}) + "\n")


def damage_line(folder):
    path = folder / "Patient.ndjson"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])


def damage_twice(folder):
    path = folder / "Patient.ndjson"
    path.write_bytes(path.read_bytes() + path.read_bytes())


def damage_manifest(folder):
    (folder / "manifest.json").unlink()


def damage_manifest_text(folder):
    (folder / "manifest.json").write_text('{"output": ')


def damage_manifest_shape(folder):
    (folder / "manifest.json").write_text('{"output": [1]}')


def damage_path(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"url": "Patient.ndjson"', '"url": "../Patient.ndjson"'))


def damage_type(folder):
    path = folder / "Patient.ndjson"
    path.write_bytes(path.read_bytes().replace(b'"resourceType":"Patient"', b'"resourceType":"Person"'))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_cut, r"Patient\.ndjson:2: .*cut off"),
        (damage_change, r"Patient\.ndjson: .*differs from its checksum"),
        (damage_missing, r"Patient\.ndjson: .*missing"),
        (damage_extra, r"Group\.ndjson: .*not in the manifest"),
        (damage_line, r"has 1 lines, the manifest says 2"),
        (damage_twice, r"Patient\.ndjson:3: .*Patient/a is there twice"),
        (damage_manifest, r"has no manifest\.json"),
        (damage_manifest_text, r"manifest\.json: not readable as JSON"),
        (damage_manifest_shape, r"not a Bulk Data manifest"),
        (damage_path, r"not <Type>\.ndjson"),
        (damage_type, r"Patient\.ndjson:1: .*is not a Patient"),
    ],
)
def test_a_damaged_folder_is_named_and_nothing_is_written(store, tmp_path, damage, message):
    store.push([patient("a", gender="female"), patient("b")], cohort="tiny")
    damage(store.folder)
    with pytest.raises(StoreIncomplete, match=message):
        store.pull(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(StoreIncomplete):
        store.push([patient("a")], cohort="tiny")


def test_a_store_that_was_never_pushed_to_is_said(store, tmp_path):
    with pytest.raises(StoreIncomplete, match="does not exist"):
        store.pull(tmp_path / "out")
    assert not store.folder.exists()


def test_a_pull_into_itself_compares_only(store):
    store.push([patient("a")], cohort="tiny")
    before = (store.folder / "manifest.json").stat().st_mtime_ns
    assert store.pull(store.folder).counts == {"Patient": 1}
    assert (store.folder / "manifest.json").stat().st_mtime_ns == before
    store.push([patient("b", "other")], cohort="other")
    with pytest.raises(StoreRefused, match="selection needs another folder"):
        store.pull(store.folder, cohort="tiny")


def test_other_files_are_not_lost(store, tmp_path):
    store.folder.mkdir()
    (store.folder / "thesis.docx").write_text("years of work")
    with pytest.raises(StoreRefused, match=r"thesis\.docx was not written by a store"):
        store.push([patient("a")], cohort="tiny")
    source = open_store(tmp_path / "other")
    source.push([patient("a")], cohort="tiny")
    with pytest.raises(StoreRefused, match=r"thesis\.docx"):
        source.pull(store.folder)
    assert (store.folder / "thesis.docx").read_text() == "years of work"


def test_a_linked_folder_is_refused(store, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    store.folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreRefused, match="symbolic link"):
        store.push([patient("a")], cohort="tiny")


def test_a_second_writer_is_refused_after_waiting(store):
    with (
        locked(manifest_module.locks_of(store.folder)),
        pytest.raises(StoreUnavailable, match="locked by another process"),
    ):
        store.push([patient("a")], cohort="tiny")


@pytest.mark.parametrize("step", ["sync_folder", "_take_place", "write_whole"])
def test_a_crash_leaves_the_old_folder(store, monkeypatch, step):
    store.push([patient("a")], cohort="tiny")
    before = {path.name: path.read_bytes() for path in store.folder.iterdir()}

    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(replacing_module, step, crash)
    with pytest.raises(KeyboardInterrupt):
        store.push([patient("a"), patient("b")], cohort="tiny")
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in store.folder.iterdir()} == before
    assert sorted(path.name for path in store.folder.parent.iterdir()) == [".fhir.lock", "fhir"]


def test_a_kill_between_the_two_renames_is_undone(store):
    """The old folder is moved away, the new one not yet in place."""
    store.push([patient("a")], cohort="tiny")
    store.folder.rename(store.folder.parent / ".fhir.old")
    (store.folder.parent / ".fhir.x1.tmp").mkdir()
    assert store.push([patient("a"), patient("b")], cohort="tiny").unchanged == {"Patient": 1}
    assert sorted(path.name for path in store.folder.parent.iterdir()) == [".fhir.lock", "fhir"]


@pytest.mark.parametrize("address", ["ftp://example.org/fhir", "file:///tmp/x"])
def test_an_unknown_address_is_refused(address):
    with pytest.raises(StoreRefused, match="give a folder or http"):
        open_store(address)


def test_a_folder_cannot_say_since_when(store, tmp_path):
    store.push([patient("a")], cohort="tiny")
    with pytest.raises(StoreRefused, match="leave out since"):
        store.pull(tmp_path / "out", since="2026-01-01T00:00:00Z")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    Path(tmp_path / "fhir").write_text("")
    with pytest.raises(StoreRefused, match="not a folder"):
        open_store(tmp_path / "fhir").push([patient("a")], cohort="tiny")


@pytest.fixture
def done(monkeypatch):
    """How often a resource is made a line, and a line a resource; each place that does either."""
    calls = Counter()

    def counting(call, name):
        def counted(value, *more, **named):
            calls[name] += isinstance(value, (bytes, str)) or (
                isinstance(value, dict) and "resourceType" in value
            )
            return call(value, *more, **named)

        return counted

    for name, module in list(sys.modules.items()):
        if name.startswith("fhir_blina."):
            if getattr(module, "dumps", None) is dumps:
                monkeypatch.setattr(module, "dumps", counting(dumps, "written"))
            if getattr(module, "resource_of", None) is resource_of:
                monkeypatch.setattr(module, "resource_of", counting(resource_of, "parsed"))
    monkeypatch.setattr(folder_module, "loads", counting(loads, "parsed"))
    return calls


def test_a_push_writes_and_parses_each_resource_once(store, done):
    """Parsed once: what JSON can say is what is stored. That all of it lies there is compared as text."""
    store.push([patient(f"p{number}") for number in range(5)], cohort="tiny")
    assert done == {"written": 5, "parsed": 5}
    assert store.counts("tiny") == {"Patient": 5}


def test_a_second_push_parses_what_is_held_too_and_writes_nothing(store, done):
    resources = [patient(f"p{number}", birthDate="2001") for number in range(5)]
    store.push(resources, cohort="tiny")
    store.push([patient("else", "other")], cohort="other")
    done.clear()
    store.push(resources, cohort="tiny")
    assert done == {"written": 5, "parsed": 5 + 6}


@pytest.mark.long
def test_a_run_writes_each_resource_once_and_parses_it_once_each_way(tmp_path, done):
    """Its 298 resources: written by the push, parsed by the push and by the pull; round trip and all take those."""
    ran = run("cjcp2023", out=tmp_path)
    assert sum(ran.pulled.counts.values()) == 298
    assert done == {"written": 298, "parsed": 298 * 2}


def test_what_another_program_wrote_in_another_order_is_unchanged(store):
    store.push([patient("a", birthDate="2001", gender="male")], cohort="tiny")
    path = store.folder / "Patient.ndjson"
    line = json.dumps(dict(reversed(json.loads(path.read_text()).items()))) + "\n"
    path.write_text(line)
    manifest = json.loads((store.folder / "manifest.json").read_text())
    manifest["output"][0]["extension"]["sha256"] = hashlib.sha256(line.encode()).hexdigest()
    (store.folder / "manifest.json").write_text(json.dumps(manifest))
    again = store.push([patient("a", birthDate="2001", gender="male")], cohort="tiny")
    assert again.unchanged == {"Patient": 1}
    assert path.read_text() == line
