"""No cell of a patient in what a run says, asks or leaves lying about: canaries in every input field."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from pathlib import Path

import httpx
import pytest

from fhir_blina.cli.parser import main
from fhir_blina.errors import StoreRefused
from fhir_blina.store.rest.rest import RestStore
from tests.fake_fhir import FakeFhir, resource
from tests.fault_proxy import served

TINY = Path(__file__).parent / "cohorts" / "tiny"
SUBJECTS = ("KANARIENVOGEL1", "KANARIENVOGEL2")
NOTE, CLERK, LEVEL, SEX = "Kanarien-Bemerkung", "Kanarien-Schreiber", "77.123", "female"
CANARIES = (*SUBJECTS, NOTE, CLERK, LEVEL)

ENDPOINTS = """\
subjects: {table: patients, key: patient_id, label: study_subject}
measures:
  blasts: {table: observations, where: {code: 11150-0}, value: value_quantity, unit: "%"}
sets:
  high: {table: observations, where: {code: 11150-0, value_quantity: {min: 40}}}
times:
  begin: {table: observations, where: {code: 11150-0}, day: study_day, pick: first}
  seen: {table: observations, where: {code: 11150-0}, day: study_day, pick: last}
endpoints:
  survival: {title: all, start: begin, events: [], censor: seen}
"""


@pytest.fixture
def cohort(tmp_path, monkeypatch) -> Path:
    """The small cohort with a canary in every cell that is free, not published: its ids are keyed hashes."""
    folder = Path(shutil.copytree(TINY, tmp_path / "tiny"))
    for path in (folder / "data").glob("*.csv"):
        rows = path.read_text("utf-8").splitlines()
        rows = [re.sub(r"(?<![^,])A(?![^,])", SUBJECTS[0], row) for row in rows]
        rows = [re.sub(r"(?<![^,])B(?![^,])", SUBJECTS[1], row) for row in rows]
        text = "\n".join(rows) + "\n"
        text = text.replace("14.00", LEVEL).replace("二号", NOTE).replace(",x\n", f",{CLERK}\n")
        path.write_text(text.replace(",y\n", f",{CLERK}\n"), "utf-8")
    manifest = folder / "cohort.yaml"
    manifest.write_text(manifest.read_text().replace("published: true", "published: false"))
    monkeypatch.setenv("FHIR_BLINA_ID_KEY_FILE", str(tmp_path / "key" / "id-key"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


def hits(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


def test_the_canaries_are_in_every_table(cohort):
    text = "".join(path.read_text("utf-8") for path in (cohort / "data").glob("*.csv"))
    assert hits(text) == list(CANARIES)


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_a_run_says_and_asks_nothing_of_a_patient(cohort, tmp_path, capsys, caplog, kind):
    """Standard output and error, every log, every address and header, every file but those of results."""
    (cohort / "endpoints.yaml").write_text(ENDPOINTS.replace("events: []", "events: [seen]"))
    fake = FakeFhir(bundle=kind)
    out = tmp_path / "out"
    with caplog.at_level(logging.DEBUG), served(fake) as url:
        code = main(["run", str(cohort), "--store", url, "--out", str(out), "-v"])
    said = capsys.readouterr()
    assert code == 0, said.err
    assert fake.held
    assert hits(said.out + said.err) == []
    assert hits(caplog.text) == []
    for request in fake.requests:
        assert hits(str(request.url)) == []
        assert hits(repr(dict(request.headers))) == []
    for name in ("manifest.json", "certificate.json"):
        assert hits((out / "fhir" / name).read_text()) == []
    assert hits("".join(str(path) for path in out.rglob("*"))) == []
    assert list((tmp_path / "scratch").rglob("*")) == []
    assert hits((tmp_path / "key" / "id-key").read_text()) == []
    kept = "".join(path.read_text("utf-8") for path in out.rglob("*") if path.suffix in {".ndjson", ".csv"})
    assert hits(kept) == [*SUBJECTS, NOTE, LEVEL]  # where they belong; the clerk was left out
    report = (out / "report.html").read_text("utf-8") + (out / "results.json").read_text("utf-8")
    assert CLERK not in report
    assert NOTE not in report
    assert not any(subject in one for subject in SUBJECTS for one in fake.held)


def dates_of(text: str) -> set[str]:
    return set(re.findall(r"\d{4}-\d\d-\d\d", text))


def test_a_run_with_moved_dates_leaves_none_of_the_real_ones(cohort, tmp_path, capsys, caplog, monkeypatch):
    """The days of the tiny cohort are counted from its anchor: both dates stand nowhere after a shift."""
    key = tmp_path / "key"  # one by which no patient's date becomes another one's
    key.write_bytes(hashlib.sha256(b"moved").hexdigest().encode())
    key.chmod(0o600)
    monkeypatch.setenv("FHIR_BLINA_ID_KEY_FILE", str(key))
    days = {"2000-01-01", "2000-01-30"}
    manifest = cohort / "cohort.yaml"
    manifest.write_text(manifest.read_text() + "shift_dates: 365\n")
    (cohort / "endpoints.yaml").write_text(ENDPOINTS.replace("events: []", "events: [seen]"))
    fake, out = FakeFhir(), tmp_path / "out"
    with caplog.at_level(logging.DEBUG), served(fake) as url:
        code = main(["run", str(cohort), "--store", url, "--out", str(out), "-v"])
    said = capsys.readouterr()
    assert code == 0, said.err
    assert hits(said.out + said.err + caplog.text) == []
    kept = {path: path.read_text("utf-8") for path in out.rglob("*") if path.suffix in TEXTS}
    assert dates_of(kept[out / "fhir" / "Observation.ndjson"])  # there are some, and others
    assert not [(path, days & dates_of(text)) for path, text in kept.items() if days & dates_of(text)]
    assert not any(days & dates_of(request.content.decode()) for request in fake.requests)


TEXTS = {".ndjson", ".csv", ".json", ".html", ".svg"}


@pytest.mark.parametrize("command", ["run", "analyze", "share"])
def test_what_is_suppressed_holds_nothing_of_a_patient(cohort, tmp_path, capsys, caplog, command):
    (cohort / "endpoints.yaml").write_text(ENDPOINTS.replace("events: []", "events: [seen]"))
    out = tmp_path / "out"
    assert main(["map", str(cohort), "--out", str(out), "--quiet"]) == 0
    with caplog.at_level(logging.DEBUG):
        assert main([command, str(cohort), "--out", str(out), "--suppress", "--json", "-v"]) == 0
    said = capsys.readouterr()
    assert hits(said.out + said.err + caplog.text) == []
    written = [
        path for path in out.rglob("*") if path.is_file() and "fhir" not in path.relative_to(out).parts
    ]
    names = {path.name for path in written if path.name[0] != "."}
    assert names == ({"counts.csv", "survival.csv"} if command == "share" else {"results.json"})
    text = "".join(path.read_text("utf-8") for path in written)
    assert hits(text) == []
    lines = (out / "fhir" / "Patient.ndjson").read_text("utf-8").splitlines()
    assert not any(json.loads(line)["id"] in text for line in lines)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("data/labs.csv", f"{SUBJECTS[0]},0,{LEVEL}x,measured"),
        ("data/labs.csv", f"{SUBJECTS[0]},0,{LEVEL},{NOTE}"),
        ("data/labs.csv", f"{SUBJECTS[0]},{NOTE},{LEVEL},measured"),
        ("data/labs.csv", f"{NOTE},0,{LEVEL},measured"),
        ("data/labs.csv", f"{SUBJECTS[0]},0,{LEVEL}"),
        ("data/labs.csv", f'{SUBJECTS[0]},0,"{LEVEL},measured'),
        ("data/labs.csv", f"{SUBJECTS[0]},0,{LEVEL},measured\n{SUBJECTS[0]},0,{LEVEL},measured"),
        ("data/patients.csv", f"{SUBJECTS[0]},{NOTE},{NOTE},{CLERK}"),
        ("data/patients.csv", f" {SUBJECTS[0]},female,{NOTE} ,{CLERK}"),
        ("data/patients.csv", f"{SUBJECTS[0]},female,{NOTE}\x00,{CLERK}"),
    ],
)
def test_a_wrong_cell_is_named_by_its_place_only(cohort, tmp_path, capsys, place, text):
    path = cohort / place
    header, _, *rest = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([header, text, *rest]) + "\n", "utf-8")
    assert main(["run", str(cohort), "--out", str(tmp_path / "out")]) != 0
    said = capsys.readouterr()
    assert Path(place).name in said.err
    assert hits(said.out + said.err) == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("canary", "echo"),
    [
        (NOTE, f"HAPI-1821: invalid value {NOTE} in contact of {SUBJECTS[1]}"),
        (LEVEL, f"HAPI-0450: Failed to parse: '{LEVEL}' ({LEVEL})"),
        (SUBJECTS[1], f'Duplicate identifier "{SUBJECTS[1]}" or {SUBJECTS[1]}'),
    ],
)
def test_what_a_server_repeats_of_a_resource_is_cut_out(cohort, capsys, caplog, canary, echo):
    fake = FakeFhir()

    def refuse(_, request):
        if canary.encode() not in request.content:
            return None
        issue = [{"severity": "error", "code": "invalid", "diagnostics": echo}]
        return httpx.Response(422, json={"resourceType": "OperationOutcome", "issue": issue})

    fake.faults.append(refuse)
    with caplog.at_level(logging.DEBUG), served(fake) as url:
        assert main(["push", str(cohort), "--store", url]) == 4
    said = capsys.readouterr()
    assert "refused by the server (HTTP 422)" in said.err
    assert "…" in said.err
    assert hits(said.out + said.err + caplog.text) == []


def test_a_search_for_a_value_is_posted(tmp_path):
    fake = FakeFhir()
    with served(fake) as url:
        store = RestStore(url)
        store.push([resource("Patient", "p1", gender="male")], cohort="tiny")
        store.pull(tmp_path / "out", params={"Patient": {"gender": "male"}})
        posted = [one for one in fake.sent("POST", "/Patient/_search") if b"gender=male" in one.content]
        assert len(posted) == 2  # the count and the page
        assert not any(b"gender" in request.url.query for request in fake.requests)
        with pytest.raises(StoreRefused, match="pull by search"):
            RestStore(url, via="export").pull(tmp_path / "b", params={"Patient": {"gender": "male"}})


def test_the_ids_of_a_cohort_that_is_not_published_are_hashes(cohort, tmp_path):
    assert main(["map", str(cohort), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    lines = (tmp_path / "out" / "fhir" / "Patient.ndjson").read_text("utf-8").splitlines()
    assert all(re.fullmatch("h[a-z2-7]{52}", json.loads(line)["id"]) for line in lines)
    assert os.environ["FHIR_BLINA_ID_KEY_FILE"]
