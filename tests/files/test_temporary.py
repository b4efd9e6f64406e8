"""Folders of a step: private, gone at its end, and swept where a kill left them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fhir_blina.files import scratch, write_whole

HOLD = """
import sys, time
from fhir_blina.files import scratch, write_whole
with scratch() as folder:
    (folder / "Patient.ndjson").write_text("{}")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def test_what_a_killed_process_left_goes_when_the_next_begins_and_what_lives_stays(place):
    holders = [
        subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    try:
        dead, alive = (one.stdout.readline().strip() for one in holders)
        holders[0].send_signal(signal.SIGKILL)
        holders[0].wait()
        assert Path(dead).exists()
        with scratch() as folder:
            assert folder.stat().st_mode & 0o777 == 0o700
            assert not Path(dead).exists()
            assert Path(alive).exists()
    finally:
        for one in holders:
            one.kill()
            one.communicate()
    assert not folder.exists()


def test_a_folder_lives_however_many_are_made_and_swept_beside_it(place):
    """Its name is one that is swept only when it has its lock."""

    def used(number):
        with scratch() as folder:
            (folder / "file").write_text(str(number))
            time.sleep(0.002)
            return (folder / "file").read_text() == str(number)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(used, range(400)))
    assert list(place.iterdir()) == []


def test_an_empty_folder_without_a_lock_goes_after_an_hour(place):
    for name, age in (("new-fhir-blina-a", 3601), ("new-fhir-blina-b", 60)):
        (place / name).mkdir()
        os.utime(place / name, (time.time() - age,) * 2)
    with scratch():
        pass
    assert [one.name for one in place.iterdir()] == ["new-fhir-blina-b"]


def test_a_link_with_such_a_name_is_not_followed(place):
    (place / "mine").mkdir()
    (place / "mine" / "file").touch()
    (place / "fhir-blina-x").symlink_to(place / "mine")
    with scratch():
        pass
    assert (place / "mine" / "file").exists()


def test_folders_elsewhere_are_hidden_and_swept_too(place):
    (place / ".fhir-blina-left").mkdir()
    (place / ".fhir-blina-left" / "v.parquet").touch()
    with scratch(place) as folder:
        assert folder.parent == place
        assert folder.name.startswith(".")
        assert [one for one in place.iterdir() if one != folder] == []
    assert list(place.iterdir()) == []


WRITE = """
import sys, time
from pathlib import Path
from fhir_blina.files import write_whole
def rows():
    yield "patient\\n" * 100_000
    print("begun", flush=True)
    time.sleep(60)
write_whole(Path(sys.argv[1]), rows())
"""


def test_half_a_file_of_a_killed_process_goes_when_the_next_writes_and_one_in_work_stays(place, monkeypatch):
    monkeypatch.setattr("fhir_blina.files.json.YOUNG_SECONDS", 0.0)
    target = place / "a[1].csv"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE, str(target)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        for one in writers:
            assert one.stdout.readline() == "begun\n"
        (place / ".other.csv.x.tmp").touch()
        assert len(list(place.iterdir())) == 3
        writers[0].send_signal(signal.SIGKILL)
        writers[0].wait()
        write_whole(target, "whole\n")
        assert len(list(place.iterdir())) == 3  # what lives, what is of another file, the file
        writers[1].send_signal(signal.SIGKILL)
        writers[1].wait()
        write_whole(target, "whole\n")
    finally:
        for one in writers:
            one.kill()
            one.communicate()
    assert sorted(one.name for one in place.iterdir()) == [".other.csv.x.tmp", "a[1].csv"]
    assert target.read_text() == "whole\n"
