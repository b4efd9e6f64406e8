from __future__ import annotations

import csv
import io
import sys
from html.parser import HTMLParser

import pytest

from fhir_blina.errors import AnalysisError
from fhir_blina.exports.formats import as_csv, as_html, as_latex, to_great_tables
from fhir_blina.exports.sheets import Sheet

HOSTILE = '<script>x</script> & 50 % of $1_000 "q", \\end{table}'
SHEET = Sheet(
    name="t",
    title=f"Title {HOSTILE}",
    head=("Group", "Survival"),
    rows=(("All", "41.7 %"), ("  no value", "1–2"), (HOSTILE, "=1+1")),
    notes=(f"Note {HOSTILE}",),
)


class Cells(HTMLParser):
    """The cells of a page, and its tags."""

    def __init__(self, text):
        super().__init__()
        self.cells, self.tags, self.inside = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag in ("td", "th")
        if self.inside:
            self.cells.append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.cells[-1] += data


def test_csv_gives_back_every_cell_and_no_formula():
    rows = list(csv.reader(io.StringIO(as_csv(SHEET))))
    assert rows == [list(SHEET.head), *map(list, SHEET.rows[:2]), [HOSTILE, "'=1+1"]]


def test_html_has_every_cell_and_its_style_with_it():
    page = Cells(as_html(SHEET))
    assert [cell.replace("\xa0", " ") for cell in page.cells] == [
        *SHEET.head,
        *(c for row in SHEET.rows for c in row),
    ]
    assert "script" not in {tag for tag, _ in page.tags}
    assert {
        tag for tag, attributes in page.tags if tag in ("td", "th") and "style" not in attributes
    } == set()
    assert not [attributes for _, attributes in page.tags if {"class", "src", "href"} & set(attributes)]


def test_latex_escapes_what_latex_would_obey():
    text = as_latex(SHEET)
    assert r"41.7 \%" in text
    assert r"\quad no value & 1--2 \\" in text
    assert r"\& 50 \% of \$1\_000" in text
    assert text.count(r"\end{table}") == 1
    assert text.count(r"\begin{tabular}{lr}") == 1


def test_great_tables_has_the_cells():
    page = Cells(to_great_tables(SHEET).as_raw_html())
    assert "41.7 %" in page.cells


def test_without_great_tables_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "great_tables", None)
    with pytest.raises(AnalysisError, match=r"fhir-blina\[notebook\]"):
        to_great_tables(SHEET)
