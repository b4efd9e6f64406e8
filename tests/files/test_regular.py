"""Files of a folder that somebody else made: no link, no device, no end."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from fhir_blina.cli.parser import main
from fhir_blina.cohorts import conformance_resources, read_cohort
from fhir_blina.errors import CohortError, StoreIncomplete
from fhir_blina.files.regular import files_in, keep_within, read_regular
from fhir_blina.terminology.valuesets import value_set
from fhir_blina.views import export_tables

SECRET = "5f1d0c3b9aSECRETKEYSECRETKEYSECRETKEY77aa"


@pytest.mark.parametrize("name", ["*.csv", "*.yaml"])
def test_a_link_in_a_cohort_folder_is_not_followed(tiny, tmp_path, capsys, name):
    secret = tmp_path / "id-key"
    secret.write_text(SECRET)
    for path in sorted(tiny.rglob(name)):
        kept = path.read_bytes()
        path.unlink()
        path.symlink_to(secret)
        assert main(["check", str(tiny)]) == 2, path
        said = capsys.readouterr()
        assert "symbolic link" in said.err, path
        assert SECRET[:12] not in said.err + said.out
        path.unlink()
        path.write_bytes(kept)


@pytest.mark.parametrize("name", ["*.csv", "*.yaml"])
def test_a_fifo_or_a_device_holds_nobody_up(tiny, capsys, name):
    for path in sorted(tiny.rglob(name)):
        kept = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        assert main(["check", str(tiny)]) == 2, path
        assert "is not a regular file" in capsys.readouterr().err, path
        path.unlink()
        path.write_bytes(kept)
    with pytest.raises(OSError, match="is not a regular file"):
        read_regular(Path("/dev/zero"))


def test_a_file_is_read_up_to_a_bound(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(3 * 2**20)
    with pytest.raises(OSError, match="larger than 2 MiB"):
        read_regular(path, 2 * 2**20)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_push_of_a_folder_takes_regular_files_only(tmp_path, capsys, make):
    (tmp_path / "sent").mkdir()
    make(tmp_path / "sent" / "Patient.ndjson")
    store = str(tmp_path / "store")
    assert main(["push", str(tmp_path / "sent"), "--store", store, "--out", str(tmp_path / "out")]) == 4
    assert "Patient.ndjson" in capsys.readouterr().err


def test_a_strange_header_is_not_printed(tiny, capsys):
    path = next((tiny / "data").glob("*.csv"))
    path.write_text(SECRET + "\n1\n")
    assert main(["check", str(tiny)]) == 2
    assert SECRET not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["data", "resources"])
def test_a_linked_folder_in_a_cohort_folder_is_not_followed(tiny, tmp_path, capsys, name):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    inside = tiny / name
    if inside.exists():
        for path in inside.iterdir():
            (elsewhere / path.name).write_bytes(path.read_bytes())
        shutil.rmtree(inside)
    (elsewhere / f"{SECRET}.csv").write_text(SECRET)
    inside.symlink_to(elsewhere)
    assert main(["map", str(tiny), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert "symbolic link" in said.err
    assert SECRET[:12] not in said.err + said.out


def test_profiles_of_a_cohort_are_not_read_through_a_linked_folder(tiny, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    shutil.rmtree(tiny / "profiles", ignore_errors=True)
    (tiny / "profiles").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CohortError, match="symbolic link"):
        conformance_resources(read_cohort(tiny))


def test_no_part_of_the_way_below_a_fence_is_a_link(tmp_path):
    (tmp_path / "real" / "a" / "b").mkdir(parents=True)
    (tmp_path / "real" / "a" / "b" / "file").write_text("x")
    (tmp_path / "given").symlink_to(tmp_path / "real")
    assert read_regular(tmp_path / "given" / "a" / "b" / "file") == b"x"
    keep_within(tmp_path / "given")  # the way to the folder itself may have links
    assert read_regular(tmp_path / "given" / "a" / "b" / "file") == b"x"
    assert files_in(tmp_path / "given" / "a" / "b", "le") == [tmp_path / "given" / "a" / "b" / "file"]
    (tmp_path / "real" / "linked").symlink_to("a")
    for name in ("linked/b/file", "linked/b/../b/file"):
        with pytest.raises(OSError, match="symbolic link"):
            read_regular(tmp_path / "given" / name)
    with pytest.raises(OSError, match="symbolic link"):
        files_in(tmp_path / "given" / "linked" / "b", "le")
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "given" / "a" / "c" / "file")
    with pytest.raises(NotADirectoryError):
        read_regular(tmp_path / "given" / "a" / "b" / "file" / "c")
    assert files_in(tmp_path / "given" / "none", "") == []


def test_a_value_set_is_not_read_through_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "drugs.json").write_text(SECRET)
    beside = tmp_path / "cohort"
    beside.mkdir()
    (beside / "value_sets").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="symbolic link"):
        value_set("drugs", beside)


@pytest.mark.parametrize(
    "how", [{}, {"engine": "python"}, {"keep_going": True}, {"format": "parquet"}, {"format": "duckdb"}]
)
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_tables_of_a_folder_take_regular_files_only(tmp_path, how, make):
    (tmp_path / "fhir").mkdir()
    make(tmp_path / "fhir" / "Patient.ndjson")
    with pytest.raises((StoreIncomplete, OSError), match=r"Patient\.ndjson"):
        export_tables(tmp_path / "fhir", tmp_path / "out", **how)
