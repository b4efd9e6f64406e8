"""Reports of cohorts of every size in a browser: nothing lies on anything else, and as few pages as promised."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from fhir_blina.analysis import analyze
from fhir_blina.cli.pipeline import run
from fhir_blina.cohorts.folder import read_cohort
from fhir_blina.report import write_report
from fhir_blina.views import read_tables
from tests.browser import accessibility

OVERLAPS = Path(__file__).with_name("overlaps.js").read_text("utf-8")
OPEN = "() => document.querySelectorAll('details').forEach(d => { d.open = true })"
#: Cohorts, and how many pages their reports print at most; a number is so many patients of the second.
PAGES = {"cjcp2023": 8, "ncctg-lung": 4, "mayo-pbc": 5, "stanford-heart": 4, "1140": 4, "10032": 4}
BIGGEST = 1_500_000
FAULTY = """<!doctype html><body><p style="height: 6px; margin: 0">first words</p><p style="margin: 0">second</p>
<figure><svg viewBox="0 0 200 100" width="200" height="100">
<path d="M 5 50 L 195 50" style="fill: none; stroke: var(--fig-blue)"/>
<path d="M 5 90 L 195 90" style="fill: none; stroke: var(--fig-grid)"/>
<text x="20" y="54" font-size="12">on a line</text><text x="20" y="94" font-size="12">on the grid</text>
<text x="120" y="30" font-size="12">above</text><text x="130" y="32" font-size="12">below</text>
</svg></figure></body>"""


@pytest.fixture(scope="module")
def report_of(tmp_path_factory):
    """The report of a cohort by name, or of so many patients, each written once."""

    @cache
    def written(name: str) -> Path:
        out = tmp_path_factory.mktemp(name)
        if not name.isdigit():
            run(name, out=out)
            return out / "report.html"
        cohort = read_cohort("ncctg-lung")
        tables = dict(read_tables(written("ncctg-lung").parent / "fhir"))
        times = int(name) // len(tables["patients"])
        tables = {table: _repeated(rows, times) for table, rows in tables.items()}
        results = analyze(tables, cohort.folder)
        return write_report(out, tables=tables, results=results, definitions=cohort.folder, title="Many")

    return written


def _repeated(rows: pd.DataFrame, times: int) -> pd.DataFrame:
    """The rows so many times, each time of other patients."""
    if "patient_id" not in rows:
        return rows
    made = [rows.assign(patient_id=rows["patient_id"] + f"-{number}") for number in range(times)]
    return pd.concat(made, ignore_index=True)


@pytest.mark.browser
def test_what_lies_on_something_is_found(chromium, tmp_path):
    path = tmp_path / "faulty.html"
    path.write_text(FAULTY, "utf-8")
    with chromium(path.as_uri()) as page:
        found = page.evaluate(OVERLAPS)
    assert sorted(found) == [
        'figure: "above" on "below"',
        'figure: a line on "on a line"',
        'page: "first words" on "second"',
    ]


@pytest.mark.browser
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("width", [375, 768, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_no_words_lie_on_others_or_under_marks_and_lines(report_of, chromium, name, width):
    for file in ("report.html", "sources.html"):
        with chromium(report_of(name).with_name(file).as_uri(), width=width) as page:
            page.evaluate(OPEN)
            assert page.evaluate(OVERLAPS) == []
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width
            if width != 768 and file == "report.html":
                assert accessibility(page) == []


@pytest.mark.browser
@pytest.mark.long
@pytest.mark.parametrize("name", PAGES)
def test_so_many_pages_are_printed_at_most(report_of, chromium, name):
    path = report_of(name)
    assert path.stat().st_size < BIGGEST
    with chromium(path.as_uri()) as page:
        data = page.pdf(prefer_css_page_size=True)
    assert 1 < len(re.findall(rb"/Type /Page\b", data)) <= PAGES[name]
