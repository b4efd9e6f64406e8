"""Files of a folder that somebody else made: no link, no device, no end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fhir_blina.cli.parser import main
from fhir_blina.files.regular import read_regular

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
