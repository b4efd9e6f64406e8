"""What only the real server shows, with the published cohort and with ten thousand resources."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import threading
import time
import uuid
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from fhir_blina.cli.pipeline import analyzed, run
from fhir_blina.cli.terminal import Terminal
from fhir_blina.cohorts.conformance import conformance_resources
from fhir_blina.cohorts.folder import read_cohort
from fhir_blina.files.json import loads, write_ndjson
from fhir_blina.hapi import server
from fhir_blina.mapping.mapping import map_cohort
from fhir_blina.store import open_store
from fhir_blina.store.rest.doctor import examine
from fhir_blina.store.sources import NdjsonFolder
from tests.end_state import Blow, check_whole, lines_of
from tests.fake_fhir import resource, ward

pytestmark = [pytest.mark.hapi, pytest.mark.timeout(900)]

NAME = "cjcp2023"
BASE = "https://fhir-blina.example"


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(NAME)


@pytest.fixture(scope="module")
def resources(cohort):
    return map_cohort(cohort).resources


@pytest.fixture(scope="module")
def loaded(hapi_server, cohort, resources):
    """The store, with the definitions and the published cohort in it."""
    store = open_store(hapi_server)
    store.load_definitions(conformance_resources(cohort))
    store.push(resources, cohort=NAME, verify="full")
    return store


@pytest.fixture(scope="module")
def by_folder(tmp_path_factory):
    """What the main job gives without a server."""
    out = tmp_path_factory.mktemp("folder")
    run(NAME, out=out)
    return out


def same_bytes(one, other, pattern, at_least):
    names = sorted(path.relative_to(other) for path in other.rglob(pattern))
    assert len(names) >= at_least
    assert sorted(path.relative_to(one) for path in one.rglob(pattern)) == names
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_server_and_folder_give_the_same_results_byte_for_byte(loaded, by_folder, tmp_path):
    run(NAME, out=tmp_path, store=loaded.location)
    assert lines_of(tmp_path / "fhir") == lines_of(by_folder / "fhir")
    same_bytes(tmp_path, by_folder, "*.csv", 10)
    same_bytes(tmp_path, by_folder, "results.json", 1)


@pytest.mark.postgres
def test_a_stop_of_postgresql_changes_no_byte_of_the_report(
    hapi_on_postgres, postgres, cohort, resources, by_folder, tmp_path
):
    """Stopped at once in the middle of a push, away for two seconds; the push ends well by itself."""
    back = threading.Timer(2, postgres.start)

    def stop() -> None:
        postgres.stop()
        back.start()

    store = open_store(hapi_on_postgres, size=20)
    blow = Blow(60, stop)
    result = store.push(resources, cohort=NAME, progress=blow)
    back.join()
    assert 60 <= blow.acknowledged < len(resources)
    assert result.rejected == ()
    check_whole(store, resources, NAME, tmp_path)
    assert lines_of(tmp_path / "pulled") == lines_of(by_folder / "fhir")
    out = tmp_path / "after"
    analyzed(cohort, tmp_path / "pulled", out, store=None, terminal=Terminal(quiet=True))
    for pattern, at_least in {"*.csv": 10, "results.json": 1, "report.html": 1, "*.svg": 3}.items():
        same_bytes(out, by_folder, pattern, at_least)


def test_a_second_push_changes_nothing(loaded, resources):
    again = loaded.push(resources, cohort=NAME, verify="full")
    assert not again.created
    assert not again.updated
    assert sum(again.unchanged.values()) == len(resources)
    versions = {one["meta"]["versionId"] for one in loaded.held(NAME).values()}
    assert versions == {"1"}


def test_the_server_judges_every_resource_valid(loaded, resources):
    found = loaded.validate(resources, values=True)
    assert [str(finding) for finding in found if finding.severity in {"error", "fatal"}] == []


def test_the_server_finds_a_planted_mistake(loaded):
    (finding,) = [
        one
        for one in loaded.validate([resource("Observation", "x", code={"text": "x"})])
        if one.severity == "error"
    ]
    assert "Observation.status: minimum required = 1" in finding.diagnostics
    assert finding.location == "Observation/x"


def of(resources, kind):
    return [one for one in resources if one["resourceType"] == kind]


def extension(element, name):
    return [one for one in (element or {}).get("extension", []) if one["url"].endswith(f"/{name}")]


SEARCHES = {
    "adverseevent-ctcae-grade": (
        "AdverseEvent?ctcae-grade=1",
        lambda all_: [
            a for a in of(all_, "AdverseEvent") for e in extension(a, "ctcae-grade") if e["valueInteger"] == 1
        ],
    ),
    "adverseevent-identifier": (
        f"AdverseEvent?identifier={BASE}/NamingSystem/resource-key%7C{NAME}-P1-crs",
        lambda all_: [a for a in of(all_, "AdverseEvent") if a["identifier"]["value"] == f"{NAME}-P1-crs"],
    ),
    "medicationadministration-part-of": (
        "MedicationAdministration?part-of:missing=false",
        None,
    ),
    "medicationadministration-rate": (
        "MedicationAdministration?rate=28",
        lambda all_: [
            m
            for m in of(all_, "MedicationAdministration")
            if (m.get("dosage", {}).get("rateQuantity") or {}).get("value") == Decimal(28)
        ],
    ),
    "observation-interpretation": (
        "Observation?interpretation=POS",
        lambda all_: [
            o
            for o in of(all_, "Observation")
            if any(c["code"] == "POS" for i in o.get("interpretation", []) for c in i.get("coding", []))
        ],
    ),
    "observation-study-day": (
        "Observation?study-day=ge100",
        lambda all_: [
            o
            for o in of(all_, "Observation")
            for e in extension(o.get("_effectiveDateTime"), "study-day")
            if e.get("valueInteger", -1) >= 100
        ],
    ),
    "observation-timepoint": (
        f"Observation?timepoint={BASE}/CodeSystem/timepoint%7Cpost-treatment",
        lambda all_: [
            o
            for o in of(all_, "Observation")
            for e in extension(o, "timepoint")
            if e.get("valueCoding", {}).get("code") == "post-treatment"
        ],
    ),
    "observation-value-integer": (
        "Observation?value-integer=2",
        lambda all_: [o for o in of(all_, "Observation") if o.get("valueInteger") == 2],
    ),
    "researchsubject-period-end": (
        "ResearchSubject?period-end=ge1900",
        lambda all_: [r for r in of(all_, "ResearchSubject") if "end" in r.get("period", {})],
    ),
}


def test_each_search_parameter_has_a_search(cohort):
    ours = {one["id"] for one in conformance_resources(cohort) if one["resourceType"] == "SearchParameter"}
    assert SEARCHES.keys() == ours


@pytest.mark.parametrize("name", sorted(SEARCHES))
def test_a_search_by_our_own_parameter_finds_what_was_sent(loaded, resources, name):
    search, expected = SEARCHES[name]
    if name == "medicationadministration-part-of":
        parts = [one for one in of(resources, "MedicationAdministration") if one.get("partOf")]
        assert parts
        target = parts[0]["partOf"][0]["reference"]
        search = f"MedicationAdministration?part-of={target}"
        wanted = sum(one["partOf"][0]["reference"] == target for one in parts)
    else:
        wanted = len(expected(resources))
    assert wanted > 0
    tag = f"&_tag={BASE}/CodeSystem/cohort%7C{NAME}"
    answer = httpx.get(f"{loaded.location}/{search}{tag}&_count=200", headers={"Cache-Control": "no-cache"})
    assert answer.status_code == 200, answer.text[:300]
    assert len(answer.json().get("entry", [])) == wanted


def test_export_and_search_give_the_same_bytes(loaded, tmp_path):
    by_export = open_store(loaded.location, via="export").pull(tmp_path / "export", cohort=NAME)
    loaded.pull(tmp_path / "search", cohort=NAME)
    assert by_export.certificate["way"] == "export"
    assert lines_of(tmp_path / "export") == lines_of(tmp_path / "search")


def test_doctor_knows_hapi(loaded):
    report = examine(loaded.location)
    assert report.usable
    said = {line.topic: line.found for line in report.lines}
    assert said["server"] == "HAPI FHIR Server 8.8.0"
    assert said["FHIR version"] == "4.0.1"
    assert said["writing"] == "transactions"
    assert said["ids"] == "takes ids of the client's"
    assert said["$export"] == "yes"


def synthetic(patients, cohort):
    """A patient and forty observations each, with dates and exact decimals."""
    start = date(2020, 1, 1)
    numbers = itertools.count(1)
    for subject in range(patients):
        name = f"{cohort}-p{subject}"
        yield resource("Patient", name, cohort, gender="female" if subject % 2 else "male")
        for day in range(40):
            yield resource(
                "Observation",
                f"{name}-d{day}",
                cohort,
                status="final",
                code={"coding": [{"system": "http://loinc.org", "code": "26881-3"}]},
                subject={"reference": f"Patient/{name}"},
                effectiveDateTime=(start + timedelta(days=day)).isoformat(),
                valueQuantity={
                    "value": Decimal(next(numbers)) / 100,
                    "unit": "pg/mL",
                    "system": "http://unitsofmeasure.org",
                    "code": "pg/mL",
                },
            )


def test_ten_thousand_come_back_complete(hapi_server, tmp_path):
    sent = list(synthetic(250, "many"))
    assert len(sent) == 10_250
    store = open_store(hapi_server)
    assert sum(store.push(sent, cohort="many").created.values()) == 10_250
    pulled = store.pull(tmp_path / "out", cohort="many")
    assert dict(pulled.counts) == {"Observation": 10_000, "Patient": 250}
    folder = open_store(tmp_path / "folder")
    folder.push(sent, cohort="many")
    assert lines_of(tmp_path / "out") == lines_of(folder.folder)
    assert sum(store.unload("many").values()) == 10_250
    assert store.counts("many") == {}


KILLED = """
import os, pathlib, signal, sys
from fhir_blina.store.rest import fetching
from fhir_blina.store.rest.rest import RestStore
fetching.PAGE_SIZE = 100
write, left = os.pwrite, [9]
def dying(handle, data, where):
    left[0] -= 1
    if not left[0]:
        write(handle, data[: len(data) // 2], where)
        os.kill(os.getpid(), signal.SIGKILL)
    return write(handle, data, where)
os.pwrite = dying
RestStore(sys.argv[1], via="search").pull(pathlib.Path(sys.argv[2]), cohort="killed")
"""


def test_a_pull_that_was_killed_goes_on(hapi_server, tmp_path, monkeypatch):
    sent = list(synthetic(50, "killed"))
    store = open_store(hapi_server, via="search")
    store.push(sent, cohort="killed")
    time.sleep(2)  # what was stored within a second of the first answer counts as new
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, hapi_server, str(out)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert not out.exists()
    monkeypatch.setattr("fhir_blina.store.rest.fetching.PAGE_SIZE", 100)
    resumed = open_store(hapi_server, via="search").pull(out, cohort="killed")
    anew = open_store(hapi_server, via="search").pull(tmp_path / "anew", cohort="killed")
    assert any("was continued; " in note for note in resumed.notes), resumed.notes
    # eight pages were whole; one request more asks whether anything was stored since
    assert resumed.certificate["requests"] == anew.certificate["requests"] - 8 + 1
    folder = open_store(tmp_path / "folder")
    folder.push(sent, cohort="killed")
    assert lines_of(out) == lines_of(folder.folder)
    store.unload("killed")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"subject": {"reference": "Patient/nobody"}}, "HAPI-1094"),
        ({"id": "12345"}, "HAPI-0960"),
        ({"effectiveDateTime": "2020-13-40"}, "HTTP 400"),
        ({"status": None, "valueQuantity": {"value": "much"}}, "HTTP 400"),
    ],
)
def test_one_bad_record_that_only_the_server_finds(hapi_server, tmp_path, change, said):
    """As many requests as without it, and at most twenty more."""
    name = f"poison{uuid.uuid4().hex[:8]}"
    store = open_store(hapi_server)
    before = store.transport.requests
    store.push(list(synthetic(10, f"{name}-x")), cohort=f"{name}-x")
    usual = store.transport.requests - before
    sent = list(synthetic(10, name))
    sent[150] |= change
    folder = tmp_path / "in"
    write_ndjson(folder / "all.ndjson", sent)
    before = store.transport.requests
    rejects = tmp_path / "rejects.ndjson"
    result = store.push(NdjsonFolder(folder), cohort=name, rejects=rejects, verify="full")
    assert sum(result.created.values()) == 409
    assert store.transport.requests - before <= usual + 20
    (finding,) = result.rejected
    assert finding.location == f"{folder / 'all.ndjson'}:151 Observation/{sent[150]['id']}"
    assert said in finding.diagnostics
    assert "2020-13-40" not in str(finding)
    (kept,) = map(loads, rejects.read_text().splitlines())
    assert kept["resource"] == sent[150]


def test_a_resource_that_others_refer_to_is_not_torn_out(hapi_server):
    store = open_store(hapi_server)
    store.push(ward(1, "base"), cohort="base")
    guest = resource(
        "Observation",
        "guest-o1",
        "guest",
        status="final",
        code={"text": "x"},
        subject={"reference": "Patient/base-P1"},
    )
    store.push([guest], cohort="guest")
    with pytest.raises(server.StoreRefused, match="Patient/base-P1"):
        store.unload("base")
    store.unload("guest")
    store.unload("base")
    assert store.counts("base") == {}


def test_what_hapi_stores_in_its_own_words_is_stored(hapi_server):
    """HAPI writes 1.0E+2 as 100, drops the version of a reference, and sets narrative anew."""
    name = "words"
    narrative = '<div xmlns="http://www.w3.org/1999/xhtml" lang="en" class="a">A\t<b>b</b>\n  c</div>'
    text = {"text": {"status": "generated", "div": narrative}, "code": {"text": "x"}, "status": "final"}
    sent = [
        resource("Patient", f"{name}-P1", name),
        resource(
            "Observation",
            f"{name}-o1",
            name,
            subject={"reference": f"Patient/{name}-P1/_history/1"},
            valueQuantity={"value": Decimal("1.0E+2")},
            **text,
        ),
    ]
    store = open_store(hapi_server)
    first = store.push(sent, cohort=name, verify="full")
    assert any("in its own words" in note for note in first.notes)
    again = store.push(sent, cohort=name, verify="full")
    assert (again.created, again.updated) == ({}, {})
    assert store.unload(name) == {"Observation": 1, "Patient": 1}


def test_hapi_is_told_to_be_strict_and_names_what_it_used(hapi_server, tmp_path):
    store = open_store(hapi_server)
    store.push(ward(2, "strict"), cohort="strict")
    pulled = store.pull(tmp_path / "out", params={"Patient": {"_tag": f"{BASE}/CodeSystem/cohort|strict"}})
    assert pulled.counts == {"Patient": 2}
    assert not any("does not say" in note for note in pulled.notes)
    store.unload("strict")
