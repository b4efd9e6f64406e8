"""The cohorts beside the first one: from their files to the report, every cell back, every printed number met."""

from __future__ import annotations

import csv
import io
import random
import shutil
import subprocess
from functools import cache
from pathlib import Path

import openpyxl
import pytest

from fhir_blina.cli.pipeline import run
from fhir_blina.cohorts.folder import cohort_names, find_cohort
from fhir_blina.store import open_store
from scripts import trial_workbook

# How many published numbers each has.
PRINTED = {"mayo-pbc": 32, "ncctg-lung": 40, "stanford-heart": 14, "synthetic-trial": 29}
MOST_LINES = 150


@pytest.fixture(scope="session")
def on_the_folder(tmp_path_factory):
    """What a run of a cohort on the folder store leaves, once for all tests."""

    @cache
    def ran(name):
        out = tmp_path_factory.mktemp(name)
        return run(name, out=out), out

    return ran


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_a_cohort_runs_and_meets_what_was_published(name, on_the_folder):
    done, _ = on_the_folder(name)
    assert (done.round_trip.lost, done.round_trip.differences) == (0, ())
    assert [one.claim.claim for one in done.results.claims if one.agreement != "agrees"] == []
    assert len(done.results.claims) == PRINTED[name]
    assert done.report is not None
    assert done.report.is_file()


@pytest.mark.hapi
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", sorted(PRINTED))
def test_a_cohort_on_hapi_gives_the_same_bytes(name, on_the_folder, hapi_server, tmp_path):
    here, folder = on_the_folder(name)
    try:
        there = run(name, store=hapi_server, out=tmp_path)
        assert (there.round_trip.lost, there.round_trip.differences) == (0, ())
        assert (tmp_path / "results.json").read_bytes() == (folder / "results.json").read_bytes()
        assert there.report is not None
        assert here.round_trip.mapped == there.round_trip.mapped
        for table in (folder / "tables").glob("*.csv"):
            assert (tmp_path / "tables" / table.name).read_bytes() == table.read_bytes(), table.name
    finally:
        open_store(hapi_server).unload(name)


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_a_cohort_is_little_to_write_and_says_where_its_data_come_from(name):
    folder = find_cohort(name)
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in folder.rglob("*.yaml"))
    assert lines <= MOST_LINES
    words = (folder / "README.md").read_text("utf-8")
    assert "**Data.**" in words
    assert "licen" in words.lower() or "LGPL" in words


def test_every_cohort_that_is_shipped_is_tried():
    assert set(cohort_names()) == {"cjcp2023", *PRINTED}


@pytest.fixture(scope="module")
def drawn():
    """The patients of the synthetic trial, and the draws that follow theirs."""
    draw = random.Random(trial_workbook.SEED)
    return trial_workbook.patients(draw), draw.getstate()


def cells(book):
    """The filled cells of a workbook; a date and the midnight it begins with are one."""
    return {
        (sheet.title, cell.coordinate): str(cell.value).removesuffix(" 00:00:00")
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if cell.value is not None
    }


def test_the_workbook_of_the_synthetic_trial_is_what_its_script_writes(drawn):
    people, state = drawn
    draw = random.Random()
    draw.setstate(state)
    shipped = openpyxl.load_workbook(find_cohort("synthetic-trial") / "data" / "trial.xlsx")
    saved = io.BytesIO()
    trial_workbook.workbook(people, draw).save(saved)
    assert cells(shipped) == cells(openpyxl.load_workbook(saved))


def test_its_claims_are_the_truth_that_the_script_knows(drawn):
    written = (find_cohort("synthetic-trial") / "claims.csv").read_text("utf-8")
    known = trial_workbook.claims(trial_workbook.truth(drawn[0]))
    assert written.startswith(known)
    assert all("R: " in line for line in written[len(known) :].splitlines())


R_SAYS = """
library(survival)
d <- read.csv("{file}"); d$dead <- (d$status == "dead") + 0
f <- summary(coxph(Surv(days, dead) ~ arm, d))$conf.int
m <- summary(survfit(Surv(days, dead) ~ arm, d))$table
a <- summary(survfit(Surv(days, dead) ~ 1, d))$table
cat(sprintf("%.1f", survdiff(Surv(days, dead) ~ arm, d)$chisq), sprintf("%.3f (%.3f-%.3f)", f[1], f[3], f[4]),
    a["median"], a["0.95LCL"], sprintf("%.0f (%.0f-%.0f)", m[2, "median"] + 1e-9, m[2, "0.95LCL"], m[2, "0.95UCL"]), sep = "\\n")
"""


@pytest.mark.r
def test_what_its_claims_say_that_r_printed_r_prints(tmp_path):
    if shutil.which("Rscript") is None:
        pytest.skip("no R")
    assert trial_workbook.main(["--truth", str(tmp_path / "truth.csv")]) == 0
    (tmp_path / "a.R").write_text(R_SAYS.format(file=tmp_path / "truth.csv"))
    done = subprocess.run(["Rscript", tmp_path / "a.R"], capture_output=True, text=True, check=True)
    with Path(find_cohort("synthetic-trial") / "claims.csv").open(encoding="utf-8", newline="") as file:
        printed = {row["claim"]: row["value_printed"] for row in csv.DictReader(file)}
    claimed = [printed[name] for name in ("log_rank", "hr", "median", "median_low", "median_b")]
    assert done.stdout.splitlines() == claimed
