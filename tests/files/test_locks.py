from __future__ import annotations

import subprocess
import sys

import pytest

from fhir_blina.errors import StoreUnavailable
from fhir_blina.files.locks import locked

HOLD = """
import sys, time
from pathlib import Path
from fhir_blina.files.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_goes_with_its_process(tmp_path):
    path = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(StoreUnavailable, match="locked by another process"),
            locked(path, wait_seconds=0.1),
        ):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with locked(path, wait_seconds=0.1):
        pass


def test_a_lock_can_be_taken_again_after_an_error(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path / "lock"):
        raise KeyError
    with locked(tmp_path / "lock", wait_seconds=0):
        pass
