"""Folders of a step: private, gone at its end, and swept where a kill left them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fhir_blina.files import scratch

HOLD = """
import sys, time
from fhir_blina.files import scratch
with scratch() as folder:
    (folder / "Patient.ndjson").write_text("{}")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("fhir_blina.files.temporary.YOUNG_SECONDS", 0.0)
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


def test_a_link_with_such_a_name_is_not_followed(place):
    (place / "mine").mkdir()
    (place / "mine" / "file").touch()
    (place / "fhir-blina-x").symlink_to(place / "mine")
    with scratch():
        pass
    assert (place / "mine" / "file").exists()
