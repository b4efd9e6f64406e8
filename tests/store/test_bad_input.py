"""The corpus of bad input: each named file ends in an exit code and one line that shows no value.

``data/bad_input.csv`` names every file, what it must end in, and how the line begins. Bad cohort folders stand in
``cohorts/bad`` and are tried by ``test_check.py``.
"""

from __future__ import annotations

import csv
import gzip
import json
import shutil
import stat
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_blina.cli.parser import main
from fhir_blina.errors import StoreIncomplete, StoreRefused
from fhir_blina.files.json import read_ndjson
from fhir_blina.http import retry
from fhir_blina.store import open_store
from fhir_blina.store.rest.rest import RestStore
from tests.fake_fhir import COHORT, FakeFhir, resource
from tests.fault_proxy import served

DATA = Path(__file__).parents[1] / "data"
VALUE = "Kanarie"  # stands for a patient's value in every file of the corpus
PATIENT = '{"resourceType":"Patient","id":"p1","name":[{"family":"Kanarie"}]}\n'
MANIFEST = '{"output":[{"type":"Patient","url":"Patient.ndjson"}],"error":[]}'
KINDS = {"html": "text/html", "xml": "application/fhir+xml"}

with (DATA / "bad_input.csv").open(encoding="utf-8", newline="") as listed:
    CORPUS = list(csv.DictReader(listed))


def rows(folder: str):
    return [pytest.param(row, id=row["file"]) for row in CORPUS if row["folder"] == folder]


def test_every_file_is_listed_and_there_are_many():
    there = {f"{path.parent.name}/{path.name}" for path in DATA.glob("bad_*/*")}
    assert {f"{row['folder']}/{row['file']}" for row in CORPUS} == there
    assert len(there) >= 80


def check(said, code: int, row, place: str) -> None:
    lines = [line.replace(place, "").removeprefix("error: ") for line in said.err.splitlines()]
    assert code == int(row["exit_code"])
    assert lines[0].startswith(row["reason"]), lines[0]
    assert len(lines) <= 2
    assert "Traceback" not in said.err
    assert VALUE not in said.out + said.err


@pytest.mark.parametrize("row", [*rows("bad_lines"), *rows("bad_manifests")])
def test_a_bad_store_folder(row, tmp_path, capsys):
    folder = tmp_path / "store"
    folder.mkdir()
    content = (DATA / row["folder"] / row["file"]).read_bytes()
    lines = row["folder"] == "bad_lines"
    (folder / "Patient.ndjson").write_bytes(content if lines else PATIENT.encode())
    (folder / "manifest.json").write_bytes(MANIFEST.encode() if lines else content)
    (folder / "certificate.json").write_text("{}", "utf-8")  # as a pull of ours leaves it
    code = main(["tables", "--store", str(folder), "--out", str(tmp_path / "out"), "--quiet"])
    check(capsys.readouterr(), code, row, f"{folder}/")
    assert not (tmp_path / "out" / "tables").exists()


@pytest.mark.parametrize("row", rows("bad_answers"))
def test_a_bad_answer_of_a_server(row, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(retry, "TRIES", 2)
    path = DATA / row["folder"] / row["file"]
    fake = FakeFhir()
    fake.held["Patient/p1"] = {
        "resourceType": "Patient",
        "id": "p1",
        "meta": {"versionId": "1", "lastUpdated": "2026", "tag": [{"system": COHORT, "code": "tiny"}]},
    }

    def bad(_, request):
        if not request.url.path.endswith("/Patient") or b"_count" not in request.url.query:
            return None
        kind = KINDS.get(path.stem, "application/fhir+json")
        return httpx.Response(200, content=path.read_bytes(), headers={"content-type": kind})

    fake.faults.append(bad)
    with served(fake) as url:
        out = tmp_path / "out"
        code = main(["pull", "tiny", "--store", url, "--types", "Patient", "--out", str(out), "--quiet"])
        check(capsys.readouterr(), code, row | {"reason": row["reason"].replace("URL", "")}, url)
    assert not (out / "fhir").exists()


def test_a_line_of_sixty_megabytes_is_refused_without_being_held(tmp_path):
    path = tmp_path / "Patient.ndjson"
    with path.open("w") as file:
        file.write('{"resourceType":"Patient","id":"p1","x":"')
        for _ in range(60):
            file.write("a" * 2**20)
        file.write('"}\n')
    with pytest.raises(StoreIncomplete, match=r"Patient\.ndjson:1: line longer than 16 MiB"):
        list(read_ndjson(path))


def test_a_resource_of_seventeen_megabytes_is_neither_stored_nor_pulled(tmp_path):
    large = [resource("Patient", "p1", text={"div": "a" * 17 * 2**20})]
    with pytest.raises(StoreRefused, match="Patient/p1: error: is larger than 16 MiB"):
        open_store(tmp_path / "fhir").push(large, cohort="tiny")
    assert not (tmp_path / "fhir").exists()


def test_what_unpacks_a_hundredfold_is_cut_off(tmp_path):
    packed = gzip.compress(b'{"resourceType":"Bundle","x":"' + b" " * 50_000_000 + b'"}', 9)

    def bomb(_: httpx.Request) -> httpx.Response:
        headers = {"content-type": "application/fhir+json", "content-encoding": "gzip"}
        return httpx.Response(200, stream=httpx.ByteStream(packed), headers=headers)

    store = RestStore("http://fake.test/fhir", client=httpx.Client(transport=httpx.MockTransport(bomb)))
    with pytest.raises(StoreIncomplete, match="unpacks to over 100 times its size"):
        store.counts()


def read_or_refused(path: Path) -> bool:
    """Whether each line is a resource, or the refusal names the line and no value."""
    try:
        return all("resourceType" in one for _, one in read_ndjson(path))
    except StoreIncomplete as error:
        return str(error).startswith(f"{path}:") and VALUE not in str(error)


@given(st.integers(0, len(PATIENT)), st.integers(0, 12), st.binary(max_size=8))
def test_any_damage_to_a_line_is_named_or_harmless(tmp_path, start, length, instead):
    path = tmp_path / "Patient.ndjson"
    whole = PATIENT.encode()
    path.write_bytes(whole[:start] + instead + whole[start + length :])
    assert read_or_refused(path)


@pytest.mark.soak
@given(st.binary(max_size=200))
def test_ten_thousand_lines_of_anything(tmp_path, content):
    path = tmp_path / "Patient.ndjson"
    path.write_bytes(content)
    assert read_or_refused(path)


# --- files that are written ----------------------------------------------------------------------------


def test_every_file_of_a_run_is_private(published_run):
    """It ran where new files are open to everybody."""
    every = [published_run, *published_run.rglob("*")]
    found = {path: stat.S_IMODE(path.stat().st_mode) for path in every}
    assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in found.items() if path.is_file()} == {0o600}
    assert {".svg", ".html", ".csv", ".json", ".ndjson"} <= {path.suffix for path in found}


def test_no_output_is_written_through_a_link(published_run, tmp_path, capsys):
    """Somebody else's link in the output folder must not turn a report into their file."""
    target = tmp_path / "target"
    target.write_text("mine")
    link = tmp_path / "out" / "tables" / "patients.csv"
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    shutil.copytree(published_run / "fhir", tmp_path / "out" / "fhir")
    assert main(["tables", "--out", str(tmp_path / "out"), "--quiet"]) != 0
    assert "symbolic link" in capsys.readouterr().err
    assert target.read_text() == "mine"


def test_no_figure_is_written_through_a_link(tmp_path):
    from fhir_blina.figures.canvas import Drawing

    target = tmp_path / "target"
    target.write_text("mine")
    (tmp_path / "a.svg").symlink_to(target)
    with pytest.raises(OSError, match="symbolic link"):
        Drawing("a", "", "", b"<svg/>", "", "", bytes).write(tmp_path)
    assert target.read_text() == "mine"


def test_a_manifest_is_not_read_through_a_link(tmp_path, capsys):
    (tmp_path / "store").mkdir()
    (tmp_path / "elsewhere").write_text(json.dumps({"output": []}))
    (tmp_path / "store" / "manifest.json").symlink_to(tmp_path / "elsewhere")
    assert main(["tables", "--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")]) == 4
    assert "symbolic link" in capsys.readouterr().err
