"""The forest plot in a report: ratios, tests of interaction and their number, in figure and table."""

from __future__ import annotations

import re

import pytest

from fhir_blina.report import write_report
from tests.analysis.test_subgroups import DEFINITIONS, lung_tables, results


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lung")
    found = results(folder)
    made = write_report(
        folder / "report", tables=lung_tables(), results=found, definitions=folder / "endpoints.yaml"
    )
    return made.read_text("utf-8")


def test_each_subgroup_has_a_line(page):
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    # R: coxph of sex in all and in those of 65 and more
    assert "All 165 228 0.59 (0.42 to 0.82)" in text
    assert "old 79 100 0.53 (0.32 to 0.86)" in text
    assert "165/228 0.59 (0.42 to 0.82)" in text
    assert "interaction P = 0.579" in text
    assert "← fewer events: female" in text


def test_how_many_tests_there_are_is_said(page):
    text = " ".join(re.findall(r">([^<>\n]+)</text>", page))
    assert "Tests of interaction: 2; 0 of 2 with P of 0.05 or less" in text
    assert "of its own." in text


def test_without_subgroups_there_is_none(tmp_path):
    found = results(tmp_path, DEFINITIONS.replace("    subgroups: [performance, age]\n", ""))
    made = write_report(
        tmp_path / "report", tables=lung_tables(), results=found, definitions=tmp_path / "endpoints.yaml"
    )
    assert "subgroup" not in made.read_text("utf-8")
