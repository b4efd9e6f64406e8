"""One bad record among ten thousand, of each kind: it is set aside with its reason, all others are stored."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from fhir_blina.cli.parser import main
from fhir_blina.errors import StoreIncomplete, StoreRefused
from fhir_blina.files.json import dumps, write_ndjson
from fhir_blina.r4 import R4
from fhir_blina.store import open_store
from fhir_blina.store.rest.rest import RestStore
from fhir_blina.store.sent import Sent
from fhir_blina.store.sources import NdjsonFolder
from tests.fake_fhir import BASE, COHORT, FakeFhir, resource, ward
from tests.fault_proxy import served

VALUE = "Kanarie"  # stands for a patient's value: it may be in the file of rejects, in no message
LINE = 6789
GOOD = {"note": [{"text": VALUE}]}


def patient(number: int, **more):
    return resource("Patient", f"tiny-p{number}", gender="female") | more


def bad(**more) -> bytes:
    return dumps(patient(LINE, **GOOD) | more, ascii_only=True).encode()


def deep(levels: int) -> bytes:
    return bad().replace(b'"female"', b"[" * levels + b"]" * levels)


# What is wrong with the one line, what the reason says, and whether only the server can say so.
POISON = {
    "NUL": (bad(gender="a\x00b"), "NUL", False),
    "lone surrogate": (bad(gender="\ud800"), "lone surrogate", False),
    "malformed": (bad()[:-9], "not readable as JSON", False),
    "unknown type": (bad(resourceType="Medicine"), "not a resource type", False),
    "id a_b": (bad(id="a_b"), "no legal id", False),
    "id of 65": (bad(id="x" * 65), "no legal id", False),
    "depth 1,000": (deep(1000), "nested too deeply", False),
    "60 MB": (bad().replace(b"female", b"f" * 60_000_000), "larger than 16 MiB", False),
    "numeric id": (bad(id="6789"), "HTTP 400", True),
    "dangling": (bad(generalPractitioner=[{"reference": "Practitioner/none"}]), "HTTP 400", True),
}
OTHERS = {
    "a raw NUL": (bad().replace(b"female", b"fem\x00ale"), "not readable as JSON", False),
    "surrogate in UTF-8": (bad().replace(b"female", b"\xed\xa0\x80"), "not UTF-8", False),
    "no object": (b'["Kanarie"]', "no resourceType", False),
    "id twice, broken once": (bad(id="tiny-p1", gender="\x00"), "NUL", False),
    "depth 100": (deep(100), "nested deeper than 64", False),
}


# What never reaches the server is set aside by one piece of code: one of it among ten thousand, all in a few.
AMONG_MANY = ["malformed", "60 MB", "numeric id", "dangling"]
FEW = 300


@cache
def lines() -> list[bytes]:
    return [dumps(patient(number)).encode() for number in range(1, 10_001)]


def folder_of(path: Path, line: bytes, number: int = LINE, size: int = 10_000) -> Path:
    """A folder with a file of so many lines, one of them this."""
    path.mkdir()
    whole = [*lines()[: number - 1], line, *lines()[number:size]]
    (path / "Patient.ndjson").write_bytes(b"\n".join(whole) + b"\n")
    return path


def store_of(fake: FakeFhir, **more) -> RestStore:
    return RestStore(BASE, client=fake.client(), sleep=lambda _: None, workers=1, **more)


@cache
def usual(size: int) -> int:
    """Requests of a push of so many without a bad one."""
    fake = FakeFhir()
    store_of(fake).push([json.loads(line) for line in lines()[:size]], cohort="tiny")
    assert len(fake.held) == size
    return len(fake.requests)


@pytest.mark.long
@pytest.mark.parametrize("kind", AMONG_MANY)
def test_one_bad_line_in_ten_thousand(kind, tmp_path):
    *_, by_the_server = POISON[kind]
    fake = FakeFhir()
    one_bad_line(POISON[kind], fake, LINE, 10_000, tmp_path)
    assert len(fake.requests) <= usual(10_000) + (20 if by_the_server else 0)


@pytest.mark.parametrize("kind", [*(kind for kind in POISON if kind not in AMONG_MANY), *OTHERS])
def test_one_bad_line_in_three_hundred(kind, tmp_path):
    fake = FakeFhir()
    one_bad_line((POISON | OTHERS)[kind], fake, 123, FEW, tmp_path)
    assert len(fake.requests) <= usual(FEW)


def one_bad_line(poison, fake, number, size, tmp_path):
    line, reason, _ = poison
    rejects = tmp_path / "rejects.ndjson"
    folder = folder_of(tmp_path / "in", line, number, size)
    result = store_of(fake).push(NdjsonFolder(folder), cohort="tiny", rejects=rejects)
    assert result.created == {"Patient": size - 1}
    assert len(fake.held) == size - 1
    (finding,) = result.rejected
    place = f"{folder / 'Patient.ndjson'}:{number}"
    assert finding.location.split(" ")[0] == place
    assert reason in finding.diagnostics
    assert VALUE not in str(finding)
    (said,) = rejects.read_text("utf-8").splitlines()
    kept = json.loads(said)
    assert kept["source"] == place
    assert reason in kept["reason"]
    if "text" in kept:
        assert kept["text"].encode("utf-8", "surrogateescape") == line
    else:
        assert kept["resource"] == json.loads(line)


@pytest.mark.parametrize(
    "kind", ["NUL", "lone surrogate", "unknown type", "id a_b", "numeric id", "dangling"]
)
def test_one_bad_resource_of_a_list(kind, tmp_path):
    """As of a folder; the number in the list is its source."""
    line, reason, _ = POISON[kind]
    sent = [patient(1), patient(2), json.loads(line), patient(3)]
    fake, rejects = FakeFhir(), tmp_path / "rejects.ndjson"
    result = store_of(fake).push(sent, cohort="tiny", rejects=rejects)
    assert result.created == {"Patient": 3}
    (kept,) = map(json.loads, rejects.read_text("utf-8").splitlines())
    assert kept["resource"] == sent[2]
    assert kept["source"] == "resource 3"
    assert reason in kept["reason"]


def nested(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"gender": nested(1000)}, "nested"),
        ({"gender": nested(100)}, "nested deeper than 64"),
        ({"gender": float("nan")}, "NaN"),
        ({"gender": Decimal("Infinity")}, "NaN, Infinity"),
        ({"gender": object()}, "another object"),
        ({"gender": "x" * 17 * 2**20}, "larger than 16 MiB"),
    ],
)
def test_objects_that_no_json_says_are_set_aside(change, reason, tmp_path):
    sent = [patient(1), patient(2) | change, patient(3)]
    result = store_of(FakeFhir()).push(sent, cohort="tiny", rejects=tmp_path / "r.ndjson")
    assert result.created == {"Patient": 2}
    (finding,) = result.rejected
    assert finding.location == "Patient/tiny-p2"
    assert reason in finding.diagnostics
    assert json.loads((tmp_path / "r.ndjson").read_text())["source"] == "resource 2"


@pytest.mark.parametrize("thing", [None, [], "Patient", 7])
def test_what_is_no_object_is_set_aside(thing, tmp_path):
    result = store_of(FakeFhir()).push([patient(1), thing], cohort="tiny", rejects=tmp_path / "r.ndjson")
    assert result.created == {"Patient": 1}
    assert [str(finding) for finding in result.rejected] == [
        "resource 2: error: not a FHIR resource (no resourceType)"
    ]


@pytest.mark.parametrize("broken", [b'{"resourceType":"Patient","id":"tiny-P2",', b'"\\u0000"', b"a_b"])
def test_what_refers_to_the_bad_one_goes_with_it_and_costs_no_request(broken, tmp_path):
    """Observations before their Patient, a Group of all: each is named with what it lacks."""
    path = tmp_path / "in"
    path.mkdir()
    texts = [dumps(one).encode() for one in ward()]
    place = next(number for number, one in enumerate(ward()) if one["id"] == "tiny-P2")
    if broken == b"a_b":
        texts = [text.replace(b"Patient/tiny-P2", b"Patient/a_b") for text in texts]
        texts[place] = texts[place].replace(b'"id":"tiny-P2"', b'"id":"a_b"')
    elif broken.startswith(b"{"):
        texts[place] = broken
    else:
        texts[place] = texts[place].replace(b'"female"', broken).replace(b'"male"', broken)
    (path / "all.ndjson").write_bytes(b"\n".join(texts) + b"\n")
    fake = FakeFhir()
    result = store_of(fake).push(NdjsonFolder(path), cohort="tiny", rejects=tmp_path / "r.ndjson")
    lost = {"Patient/tiny-P2", "AdverseEvent/tiny-P2-crs", "Observation/tiny-P2-blasts"}
    lost |= {"Specimen/tiny-P2-marrow", "Group/tiny-all", "Observation/tiny-all-rate"}
    assert fake.held.keys() == {f"{one['resourceType']}/{one['id']}" for one in ward()} - lost
    assert len([one for one in fake.requests if b'"transaction"' in one.content]) == 3
    reasons = {str(finding).partition(": error: ")[2] for finding in result.rejected}
    assert any(f"refers to {path / 'all.ndjson'}:{place + 1}" in reason for reason in reasons)
    assert len((tmp_path / "r.ndjson").read_text().splitlines()) == len(lost)


def test_a_broken_line_does_not_take_a_whole_one_with_it(tmp_path):
    """The name that is seen in a broken line can be another's."""
    path = tmp_path / "in"
    path.mkdir()
    whole = b"\n".join(dumps(one).encode() for one in ward())
    (path / "all.ndjson").write_bytes(b'{"resourceType":"Patient","id":"tiny-P2"\n' + whole)
    fake = FakeFhir()
    result = store_of(fake).push(NdjsonFolder(path), cohort="tiny", rejects=tmp_path / "r.ndjson")
    assert len(fake.held) == 15
    assert len(result.rejected) == 1


def test_an_update_that_the_server_refuses_leaves_the_old_version(tmp_path):
    fake = FakeFhir()
    store_of(fake).push(ward(), cohort="tiny")
    sent = ward()
    next(one for one in sent if one["id"] == "tiny-P1")["generalPractitioner"] = [
        {"reference": "Practitioner/x"}
    ]
    result = store_of(fake).push(sent, cohort="tiny", rejects=tmp_path / "r.ndjson", verify="full")
    assert [finding.location for finding in result.rejected] == ["Patient/tiny-P1"]
    assert sum(result.unchanged.values()) == 14
    assert fake.versions() == {"1"}


def test_large_resources_go_in_small_bundles(tmp_path, monkeypatch):
    """No more of a folder is read at once than a bundle may hold."""
    monkeypatch.setattr("fhir_blina.http.pace.MOST_BUNDLE_CHARACTERS", 5_000)
    sent = [
        patient(number) | {"text": {"div": "x" * (6_000 if number == 3 else 2_000)}} for number in range(9)
    ]
    write_ndjson(tmp_path / "in" / "x.ndjson", sent)
    fake = FakeFhir()
    store_of(fake).push(NdjsonFolder(tmp_path / "in"), cohort="tiny")
    bundles = [json.loads(one.content) for one in fake.requests if b'"transaction"' in one.content]
    assert [len(bundle["entry"]) for bundle in bundles] == [1, 2, 1, 2, 2, 1]


def test_the_file_of_rejects_is_asked_for_before_anything_is_sent(tmp_path):
    fake = FakeFhir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path / "link", tmp_path):
        with pytest.raises(StoreRefused, match="rejected resources need a file"):
            store_of(fake).push(ward(), cohort="tiny", rejects=path)
    assert fake.requests == []


def test_a_file_that_changes_while_it_is_pushed_is_an_error(tmp_path):
    folder = folder_of(tmp_path / "in", lines()[0])
    (folder / "Patient.ndjson").write_bytes(b"\n".join(lines()[:3]) + b"\n")
    sent = Sent(NdjsonFolder(folder), "tiny", R4)
    assert sent["Patient/tiny-p3"]["id"] == "tiny-p3"
    (folder / "Patient.ndjson").write_bytes(b"\n".join(lines()[1:4]))
    with pytest.raises(StoreIncomplete, match=r"Patient\.ndjson:3: error: was changed while it was pushed"):
        sent["Patient/tiny-p3"]


# --- the command ---------------------------------------------------------------------------------------


def test_the_command_pushes_a_folder_and_says_what_it_could_not(tmp_path, capsys):
    folder, out, fake = tmp_path / "in", tmp_path / "out", FakeFhir()
    folder.mkdir()
    texts = [dumps(patient(1)), bad(gender="\x00").decode(), dumps(patient(2))]
    (folder / "Patient.ndjson").write_text("\n".join(texts))
    with served(fake) as url:
        code = main(["push", str(folder), "--store", url, "--out", str(out), "--quiet", "--dry-run"])
        said = capsys.readouterr()
        assert code == 4
        assert "Patient.ndjson:2 Patient/tiny-p6789: error: not readable as JSON" in said.err
        assert fake.held == {}
        code = main(["push", str(folder), "--store", url, "--out", str(out), "--quiet"])
        said = capsys.readouterr()
    assert code == 4
    assert set(fake.held) == {"Patient/tiny-p1", "Patient/tiny-p2"}
    assert (
        "Patient.ndjson:2 Patient/tiny-p6789: error: not readable as JSON: a string holds a NUL" in said.err
    )
    assert f"what was refused is in {out / 'rejects.ndjson'}" in said.out
    assert VALUE not in said.out + said.err
    (kept,) = map(json.loads, (out / "rejects.ndjson").read_text().splitlines())
    assert json.loads(kept["text"])["gender"] == "\x00"
    assert (out / "rejects.ndjson").stat().st_mode & 0o777 == 0o600


def test_the_command_pushes_a_folder_into_a_folder(tmp_path, capsys):
    open_store(tmp_path / "in").push(ward(), cohort="tiny")
    assert main(["push", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert "15 created" in capsys.readouterr().out
    for name in ("Patient.ndjson", "Group.ndjson"):
        assert (tmp_path / "out" / "fhir" / name).read_bytes() == (tmp_path / "in" / name).read_bytes()
    assert not (tmp_path / "out" / "rejects.ndjson").exists()


def test_a_folder_without_a_tag_or_with_options_of_a_cohort_is_refused(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.ndjson").write_text('{"resourceType":"Patient","id":"a"}\n')
    assert main(["push", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 4
    assert f"has the tag of a cohort, {COHORT}|NAME" in capsys.readouterr().err
    assert main(["push", str(tmp_path / "in"), "--definitions", "--out", str(tmp_path / "out")]) == 4
    assert "need a cohort" in capsys.readouterr().err
