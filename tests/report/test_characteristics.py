"""The first table and who is left out: missing values are counted, and are no denominators."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from fhir_blina.analysis import analyze
from fhir_blina.report import write_report

DEFINITIONS = """
subjects: {table: followed, key: patient_id, label: patient_id}
sets:
  oedema: {table: measured, where: {code: oedema, value_quantity: {min: 1}}}
  treated: {table: followed, where: {arm: a}}
  control: {table: followed, where: {arm: b}}
groups: {arm: {sets: {treated: Drug, control: Placebo}}}
measures: {copper: {table: measured, where: {code: copper}, value: value_quantity}}
times: {start: {table: followed, day: zero}, stop: {table: followed, day: day}, death: {table: followed, where: {dead: true}, day: day}}
endpoints: {survival: {title: Survival, start: start, events: [death], censor: stop, compare: [arm]}}
summaries: {copper: {}}
proportions: {oedema: {}, treated: {}}
"""

LAYOUT = """
group: arm
sections:
  - title: Patients
    blocks:
      - kind: characteristics
        caption: First table
        rows: [{label: Oedema, set: oedema}, {label: Copper, measure: copper}, {label: Drug, set: treated}]
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Forty patients of two arms; oedema is not known of three, copper not of ten."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "endpoints.yaml").write_text(DEFINITIONS, "utf-8")
    keys = [f"p{n:02}" for n in range(40)]
    followed = pd.DataFrame(
        {
            "patient_id": keys,
            "arm": list("ab" * 20),
            "zero": 0,
            "day": range(1, 41),
            "dead": [True, False] * 20,
        }
    )
    rows = [(key, "oedema", float(n % 3 == 0) if n >= 3 else None) for n, key in enumerate(keys)]
    rows += [(key, "copper", float(n)) for n, key in enumerate(keys) if n >= 10]
    measured = pd.DataFrame(rows, columns=["patient_id", "code", "value_quantity"])
    measured["observation_id"] = [f"o{n}" for n in range(len(measured))]
    tables = {"followed": followed.astype(object), "measured": measured.astype(object)}
    tables["measured"] = tables["measured"].where(tables["measured"].notna(), None)
    results = analyze(tables, folder / "endpoints.yaml")
    given = {"tables": tables, "results": results, "definitions": folder / "endpoints.yaml"}
    write_report(folder / "out", **given)
    report, sources = ((folder / "out" / f"{name}.html").read_text("utf-8") for name in ("report", "sources"))
    return results, report, sources, given


def rows(html, caption):
    table = next(
        t for t in re.findall(r"<table.*?</table>", html, re.DOTALL) if caption in t.split("</caption>")[0]
    )
    cells = [
        re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL)
        for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)
    ]
    return [[" ".join(re.sub(r"<[^>]+>", "", cell).split()) for cell in row] for row in cells]


def test_a_property_is_counted_among_those_of_whom_it_is_known(page):
    results, html, *_ = page
    # of the 37 known, those with n divisible by three: 3, 6 … 39; odd ones are in the second arm
    found = {row[0]: row[1:] for row in rows(html, "Characteristics")}
    assert found["Oedema"] == ["13/37 (35)", "6/18 (33)", "7/19 (37)"]
    (record,) = results.find("oedema.proportion", ci_method="Wilson")
    assert (record.events, record.n) == (13, 37)
    assert "37 of 40" in record.note


def test_the_missing_have_a_row_once_and_the_complete_have_none(page):
    _, html, *_ = page
    found = {row[0]: row[1:] for row in rows(html, "Values that are missing")[1:]}
    assert found == {
        "oedema": ["3 (7.5)", "2 (10.0)", "1 (5.0)"],
        "copper": ["10 (25.0)", "5 (25.0)", "5 (25.0)"],
    }
    assert "no value" not in [row[0] for row in rows(html, "Characteristics")]


def test_without_a_block_of_the_missing_they_stand_in_the_first_table(page, tmp_path):
    _, _, _, given = page
    path = tmp_path / "report.yaml"
    path.write_text(LAYOUT, "utf-8")
    html = write_report(tmp_path / "out", **given, layout=path).read_text("utf-8")
    table = rows(html, "First table")
    names = [row[0] for row in table]
    after = {names[place - 1]: row[1:] for place, row in enumerate(table) if row[0] == "no value"}
    assert after == {
        "Oedema": ["3 (8)", "2 (10)", "1 (5)"],
        "Copper, median (quartiles)": ["10 (25)", "5 (25)", "5 (25)"],
    }


def test_who_is_left_out_of_what_stands_with_its_reason(page):
    _, _, html, _ = page
    found = {row[0]: row[1:] for row in rows(html, "Who is left out of what")}
    assert found["oedema"][1] == "37 of 40"
    assert found["copper"][1] == "30 of 40"
    assert found["oedema"][2].startswith("3: ")
