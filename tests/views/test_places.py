"""Folders with names that DuckDB would read as patterns: no other study's patients, no file elsewhere."""

import shutil
from pathlib import Path

import duckdb
import pytest

from fhir_blina.errors import ViewError
from fhir_blina.files import json as fhirjson
from fhir_blina.views.duckdb import frames as view_frames
from fhir_blina.views.duckdb.places import pattern_of, plain_folder
from fhir_blina.views.export import export_tables
from fhir_blina.views.loading import load_views
from fhir_blina.views.tables import read_tables, view_sql, views_folder

# A name, and another that it would match as a pattern.
NAMES = [
    ("a[1]", "a1"),
    ("b*", "bx"),
    ("c?", "cx"),
    ("d]", "d"),
    ("e{1,2}", "e1"),
    ("**", "any"),
    ("[!x]", "y"),
    ("f[*]g", "f*g"),
    ("it's #1 100%", "its"),
]
VIEWS = {
    name: view
    for name, view in load_views(views_folder()).items()
    if name in {"patients", "patient_tags", "conditions"}
}


@pytest.fixture
def stores(tmp_path):
    for name in [one for pair in NAMES for one in pair]:
        patient = {"resourceType": "Patient", "id": f"of-{NAMES_ID[name]}", "gender": "male"}
        fhirjson.write_ndjson(tmp_path / name / "Patient.ndjson", [patient])
    return tmp_path


NAMES_ID = {name: f"n{place}" for place, name in enumerate(one for pair in NAMES for one in pair)}


@pytest.mark.parametrize("large", [32 * 2**20, 0])
@pytest.mark.parametrize("name", [pair[0] for pair in NAMES])
def test_only_the_folder_that_was_named(stores, monkeypatch, name, large):
    monkeypatch.setattr(view_frames, "LARGE_BYTES", large)
    expected = [f"of-{NAMES_ID[name]}"]
    assert read_tables(stores / name, VIEWS)["patients"]["patient_id"].tolist() == expected
    monkeypatch.chdir(stores)
    assert (
        read_tables(Path(name), {"patients": VIEWS["patients"]})["patients"]["patient_id"].tolist()
        == expected
    )
    with duckdb.connect() as connection:
        script = view_sql("patients", stores / name)
        assert [row[0] for row in connection.execute(script).fetchall()] == expected


@pytest.mark.parametrize("name", [pair[0] for pair in NAMES])
def test_the_files_are_written_where_they_were_asked_for(stores, name):
    source, target = stores / name, stores / "out" / name
    before = sorted(path.name for path in stores.iterdir())
    for kind in ("csv", "parquet", "duckdb"):
        files, _, _ = export_tables(source, target, format=kind, views=VIEWS)
        assert all(path.parent == target and path.is_file() and not path.is_symlink() for path in files)
    assert sorted(path.name for path in stores.iterdir()) == sorted([*before, "out"])
    assert sorted(path.name for path in target.iterdir()) == sorted(
        [f"{view}.{kind}" for view in VIEWS for kind in ("csv", "parquet")] + ["tables.duckdb"]
    )
    shutil.copy(target / "patients.parquet", stores / "plain.parquet")
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT patient_id FROM '{stores}/plain.parquet'").fetchall()
    assert found == [(f"of-{NAMES_ID[name]}",)]


@pytest.mark.skipif(Path("/") != Path("/").absolute(), reason="a backslash is a separator here")
def test_a_backslash_is_refused():
    with pytest.raises(ViewError, match="backslash"):
        pattern_of("a\\b")


def test_a_strange_folder_for_temporary_files_is_named(tmp_path, monkeypatch):
    strange = tmp_path / "t*"
    strange.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(strange))
    with pytest.raises(ViewError, match="Set TMPDIR"), plain_folder(strange):
        pass
