"""The data sets of R's survival package, written out by R where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="session")
def from_r(tmp_path_factory):
    """A folder with the data sets of R's survival package and R's values for them."""
    program = shutil.which("Rscript")
    if program is None:
        pytest.skip("Rscript is not installed")
    folder = tmp_path_factory.mktemp("r")
    done = subprocess.run(
        [program, DATA / "r_data_sets.R", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("a package of R is not installed: " + done.stderr.splitlines()[-1])
    return folder
