"""What refers to something unreadable or absent: said, and not pushed without what it is about."""

from __future__ import annotations

import json

import pytest

from fhir_blina.cli.parser import main
from fhir_blina.gathering import follow_references, gather
from fhir_blina.gathering.dependants import named_in
from fhir_blina.r4 import R4

BROKEN = '{"resourceType": "Patient", "id": "bad", "gender": '


def observation(name, patient, **more):
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": patient},
        **more,
    }


@pytest.fixture
def theirs(tmp_path):
    """A patient who can be read, one who cannot, and what refers to them, and on to that, and to nobody."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    lines = [
        json.dumps({"resourceType": "Patient", "id": "good"}),
        BROKEN,
        json.dumps(observation("o1", "Patient/good")),
        json.dumps(observation("o2", "Patient/bad")),
        json.dumps(observation("o3", "Patient/good", derivedFrom=[{"reference": "Observation/o2"}])),
        json.dumps(observation("o4", "Patient/elsewhere")),
        json.dumps(observation("o5", "https://other.example/fhir/Patient/far")),
    ]
    (folder / "all.ndjson").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def gathered(theirs, place, *, hold_back):
    place.mkdir()
    found = gather(theirs, place, R4, origins=True)
    follow_references(found, hold_back=hold_back)
    return found


def test_what_refers_to_the_unreadable_is_held_back_with_whatever_refers_to_it(theirs, tmp_path):
    found = gathered(theirs, tmp_path / "to", hold_back=True)
    assert found.counts == {"Observation": 3, "Patient": 1}
    kept = (tmp_path / "to" / "Observation.ndjson").read_text("utf-8")
    assert [json.loads(line)["id"] for line in kept.splitlines()] == ["o1", "o4", "o5"]
    reasons = {one.place.rpartition(":")[2]: one.reason for one in found.rejected}
    assert (
        reasons["4"]
        == reasons["5"]
        == f"refers to {theirs}/all.ndjson:2 Patient/bad, which could not be read"
    )
    assert found.absent == {"Patient": 1}
    assert "references to what is not among these: Patient 1" in list(found.sentences())


def test_without_holding_back_everything_stays(theirs, tmp_path):
    found = gathered(theirs, tmp_path / "to", hold_back=False)
    assert found.counts == {"Observation": 5, "Patient": 1}
    assert len(found.rejected) == 1


def test_an_entry_of_a_bundle_is_known_by_its_full_url(tmp_path):
    patient = {"resourceType": "Patient", "id": "not legal!"}
    full = "urn:uuid:6f2a7bd2-9c1e-4f0a-8e57-0b6a1c2d3e4f"
    entries = [
        {"fullUrl": full, "resource": patient},
        {"fullUrl": "urn:uuid:0", "resource": observation("o1", full)},
    ]
    source = tmp_path / "b.json"
    source.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}), "utf-8")
    found = gathered(source, tmp_path / "to", hold_back=True)
    assert not found.counts
    assert "which could not be read" in found.rejected[1].reason


@pytest.mark.parametrize(
    ("text", "name"),
    [(BROKEN, "Patient/bad"), ('{"id": "x"}', ""), ("", ""), ('"resourceType":"A","id":"b"', "A/b")],
)
def test_a_broken_line_tells_its_name(text, name):
    assert named_in(text) == name


def test_a_push_sets_them_aside_and_says_so(theirs, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["push", str(theirs), "--tag", "theirs", "--out", str(out)]) == 4
    told = capsys.readouterr()
    assert "4 resources read: Observation 3, Patient 1" in told.err
    assert "stored: Observation 3, Patient 1" in told.err
    assert "references to what is not among these: Patient 1" in told.err
    rejects = [json.loads(line) for line in (out / "rejects.ndjson").read_text("utf-8").splitlines()]
    assert len(rejects) == 3
    held = (out / "fhir" / "Observation.ndjson").read_text("utf-8")
    assert '"o2"' not in held


def test_validate_says_types_and_what_is_absent(theirs, capsys):
    assert main(["validate", str(theirs)]) == 3
    told = capsys.readouterr().err
    assert "6 resources read: Observation 5, Patient 1" in told
    assert "references to what is not among these: Patient 1" in told
