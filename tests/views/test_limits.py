"""Views of somebody else's: bounded in time, memory, disk and rows on both engines."""

from __future__ import annotations

import errno
import subprocess
import sys
import time

import pytest

from fhir_blina.errors import ViewError
from fhir_blina.files import json as fhirjson
from fhir_blina.views import definition, reference
from fhir_blina.views.duckdb import limits, run
from fhir_blina.views.tables import read_rows, read_view

BOTH = pytest.mark.parametrize("engine", ["duckdb", "python"])


def questionnaire(depth):
    item = {"linkId": "x"}
    for _ in range(depth):
        item = {"linkId": "x", "item": [item]}
    return {"resourceType": "QuestionnaireResponse", "id": "q", "status": "completed", "item": [item]}


def view_of(resource, *select):
    return {"v": read_view({"resource": resource, "name": "v", "select": list(select)})}


COLUMN = [{"name": "c", "path": "linkId"}]


@pytest.mark.long
@BOTH
def test_a_repeat_that_doubles_at_each_level_ends(tmp_path, engine, monkeypatch):
    monkeypatch.setattr(limits, "LEAST_SECONDS", 2.0)
    fhirjson.write_ndjson(tmp_path / "QuestionnaireResponse.ndjson", [questionnaire(28)])
    view = view_of("QuestionnaireResponse", {"repeat": ["item", "item.where(true)"], "column": COLUMN})
    began = time.process_time()
    with pytest.raises(ViewError, match=r"repeat|takes (longer|more)|more than"):
        read_rows(tmp_path, view, engine=engine)
    assert time.process_time() - began < 60  # of processors, however busy they are


@pytest.mark.long
def test_levels_below_levels_are_counted_together(tmp_path):
    names = [{"given": ["a"] * 200}] * 200
    patient = {"resourceType": "Patient", "id": "p", "name": names}
    fhirjson.write_ndjson(tmp_path / "Patient.ndjson", [patient])
    inner = {"forEach": "%resource.name.given", "column": [{"name": "c", "path": "$this"}]}
    view = view_of("Patient", {"forEach": "name.given", "select": [inner]})
    with pytest.raises(ViewError, match="more than 1,000,000 rows of one resource"):
        read_rows(tmp_path, view, engine="python")


@BOTH
def test_rows_of_many_resources_are_counted_together(tmp_path, engine, monkeypatch):
    def few(resources):
        return 10 + resources

    monkeypatch.setattr(definition, "most_rows", few)
    monkeypatch.setattr(reference, "most_rows", few)
    monkeypatch.setattr(run, "most_rows", few)
    patients = [{"resourceType": "Patient", "id": f"p{n}", "name": [{"given": ["a"] * 50}]} for n in range(9)]
    fhirjson.write_ndjson(tmp_path / "Patient.ndjson", patients)
    view = view_of("Patient", {"forEach": "name.given", "column": [{"name": "c", "path": "$this"}]})
    with pytest.raises(ViewError, match=r"more than \d+ rows"):
        read_rows(tmp_path, view, engine=engine)


@BOTH
def test_time_over_all_resources_has_an_end(tmp_path, engine, monkeypatch):
    monkeypatch.setattr(limits, "LEAST_SECONDS", 0.05)
    monkeypatch.setattr(reference, "LEAST_SECONDS", 0.05)
    monkeypatch.setattr(reference, "SECONDS_A_RESOURCE", 0.0)
    monkeypatch.setattr(limits, "BYTES_A_SECOND", 10**12)
    patients = [
        {"resourceType": "Patient", "id": f"p{n}", "name": [{"given": ["a"] * 60}]} for n in range(400)
    ]
    fhirjson.write_ndjson(tmp_path / "Patient.ndjson", patients)
    crossed = [{"forEach": "name.given", "column": [{"name": f"c{n}", "path": "$this"}]} for n in range(2)]
    with pytest.raises(ViewError, match="takes longer than"):
        read_rows(tmp_path, view_of("Patient", *crossed), engine=engine)


def test_memory_and_temporary_disk_of_duckdb_have_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr(
        limits,
        "settings_for",
        lambda spill, memory: {
            "temp_directory": spill,
            "memory_limit": "64MiB",
            "max_temp_directory_size": "1MiB",
        },
    )
    monkeypatch.setattr(run, "settings_for", limits.settings_for)
    patients = [
        {"resourceType": "Patient", "id": f"p{n}", "name": [{"given": ["a"] * 90}]} for n in range(900)
    ]
    fhirjson.write_ndjson(tmp_path / "Patient.ndjson", patients)
    crossed = [{"forEach": "name.given", "column": [{"name": f"c{n}", "path": "$this"}]} for n in range(3)]
    with pytest.raises(ViewError, match="more memory and temporary disk"):
        read_rows(tmp_path, view_of("Patient", *crossed), engine="duckdb")


FULL = """
import resource, signal, sys
from pathlib import Path
from fhir_blina.views.duckdb.writing import write_duckdb
from fhir_blina.views.tables import read_view
folder, kind = Path(sys.argv[1]), sys.argv[2]
view = read_view({"resource": "Patient", "name": "v", "select": [{"column": [{"name": "id", "path": "id"}]}]})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, 64 * 1024))
try:
    write_duckdb(folder, {"v": view}, folder / "tables", kind)
except OSError as error:
    print(error.errno, error.filename)
"""


@pytest.mark.parametrize(("kind", "name"), [("parquet", "v.parquet"), ("duckdb", "tables.duckdb")])
def test_a_full_disk_names_the_file_that_was_written(tmp_path, kind, name):
    patients = [{"resourceType": "Patient", "id": f"{n:064x}"} for n in range(30_000)]
    fhirjson.write_ndjson(tmp_path / "Patient.ndjson", patients)
    command = [sys.executable, "-c", FULL, str(tmp_path), kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.strip() == f"{errno.EFBIG} {tmp_path / 'tables' / name}"
    assert "Traceback" not in done.stderr  # DuckDB itself may say at the end what it has not freed
    assert list((tmp_path / "tables").iterdir()) == []
