"""The benchmarks: a tiny run works, answers are compared, and the page says what was measured."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from benchmarks import document, paper
from benchmarks.contenders import differing, tasks

ROOT = Path(__file__).parent.parent


def test_the_page_is_what_was_measured():
    page = document.PAGE.read_text("utf-8")
    part = page.partition(document.BEGIN)[2].partition(document.END)[0]
    assert part == "\n" + document.page_part(document.read()) + "\n"


def test_the_page_of_a_hundred_million_is_made_of_what_was_measured():
    page = paper.PAGE.read_text("utf-8")
    part = page.partition(paper.BEGIN)[2].partition(paper.END)[0]
    assert part == "\n" + paper.page_part(document.read()) + "\n"


def test_the_plot_is_what_was_measured():
    words = document.plot_words(document.read())
    assert words
    assert f"<desc>{escape(words)}</desc>" in document.PLOT.read_text("utf-8")


def test_no_contender_that_was_measured_gave_another_answer():
    wrong = {
        (one["task"], one["size"], one["contender"]): one["differs"]
        for one in document.read()["records"]
        if one.get("differs")
    }
    assert wrong == {}


def test_every_task_was_measured_or_needs_a_server():
    measured = {one["task"] for one in document.read()["records"]}
    assert measured >= {name for name, task in tasks().items() if not task.server}
    assert measured <= set(tasks())


@pytest.mark.parametrize("power", [0.5, 1.0, 1.7])
def test_the_exponent_of_a_power_is_that_power(power):
    assert math.isclose(document.exponent([(n, 3 * n**power) for n in (10, 100, 5000)]), power)
    assert document.exponent([(10, 1.0)]) is None


def test_answers_that_differ_are_named():
    ours = {"rows": 3, "median": 1.0, "digest": "a"}
    assert differing(ours, {"rows": 3, "median": 1.0 + 1e-12, "digest": "a"}) == []
    assert differing(ours, {"rows": 2, "median": 1.001, "digest": "a"}) == ["median", "rows"]
    assert differing(ours, {"rows": 3, "median": 1.0}) == ["digest"]


@pytest.mark.long
def test_a_tiny_run_measures_compares_and_says_who_is_left_out(tmp_path):
    out = tmp_path / "measured.json"
    command = [sys.executable, "-m", "benchmarks", "--rounds", "1", "--sizes", "20", "--out", str(out)]
    chosen = [word for name in ("survival", "tables", "pull") for word in ("--task", name)]
    subprocess.run([*command, *chosen], cwd=ROOT, check=True, capture_output=True)
    records = json.loads(out.read_text("utf-8"))["records"]
    found = {(one["task"], one["contender"]): one for one in records}
    assert found["survival", "lifelines"]["differs"] == found["tables", "SQL by hand"]["differs"] == []
    assert found["survival", "lifelines"]["compared"] == 6
    assert found["tables", "fhir-blina"]["compared"] == 29  # 28 columns and the number of rows
    assert found["pull", "fhir-blina"]["compared"] >= 8  # a file by type
    for one in records:
        assert one.get("left_out") or one["processor"] > 0
    assert document.page_part(json.loads(out.read_text("utf-8"))).count("| 20 |") == len(records)
