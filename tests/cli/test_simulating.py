"""The truth of a simulation, whoever else works on this machine."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from fhir_blina.cli import pipeline
from fhir_blina.cli.simulating import truth_of
from fhir_blina.files import scratch


@pytest.mark.long
def test_another_process_leaves_the_folder_alone_in_which_the_truth_is_worked_out(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    read = pipeline.tables_of

    def while_others_begin(folder: Path):
        for one in tmp_path.iterdir():
            os.utime(one, (0, 0))  # not made just now
        with scratch():  # removes what has no lock
            pass
        return read(folder)

    monkeypatch.setattr(pipeline, "tables_of", while_others_begin)
    truth = truth_of("cjcp2023")
    assert (
        next(one["value"] for one in truth if one["name"] == "age.median") == 10.5
    )  # as the paper prints it
