"""The cohorts beside the first one: from their files to the report, every cell back, every printed number met."""

from __future__ import annotations

import pytest

from fhir_blina.cli.pipeline import run
from fhir_blina.cohorts.folder import cohort_names, find_cohort

PRINTED = {"mayo-pbc": 32, "ncctg-lung": 34, "stanford-heart": 14}  # how many published numbers each has
MOST_LINES = 150


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_a_cohort_runs_and_meets_what_was_published(name, tmp_path):
    done = run(name, out=tmp_path)
    assert (done.round_trip.lost, done.round_trip.differences) == (0, ())
    assert [one.claim.claim for one in done.results.claims if one.agreement != "agrees"] == []
    assert len(done.results.claims) == PRINTED[name]
    assert done.report is not None
    assert done.report.is_file()


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
