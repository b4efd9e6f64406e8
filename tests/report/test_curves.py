"""Curves in the report: competing events as incidence, nothing carried on, medians that are not reached."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from fhir_blina.analysis import analyze
from fhir_blina.report import write_report

DEFINITIONS = """
subjects: {table: followed, key: patient_id, label: patient_id}
sets:
  a: {table: followed, where: {arm: a}}
  b: {table: followed, where: {arm: b}}
groups: {arm: {sets: {a: Old, b: New}}}
times:
  start: {table: followed, day: zero}
  stop: {table: followed, day: day}
  death: {table: followed, where: {status: died}, day: day}
  graft: {table: followed, where: {status: grafted}, day: day}
endpoints:
  grafting:
    title: Time to graft; death competes
    start: start
    events: [graft]
    competing: [death]
    censor: stop
    compare: [arm]
    survival_at_days: [4, 12]
  grafting_censored:
    title: Time to graft; death censored
    start: start
    events: [graft]
    censor: stop
    survival_at_days: [4, 12]
  survival:
    title: Survival
    start: start
    events: [death]
    censor: stop
    compare: [arm]
    survival_at_days: [4, 12]
proportions: {a: {}}
"""
ORDER = ("grafting:", "survival:")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return made(tmp_path_factory.mktemp("page"), DEFINITIONS)


def made(folder, definitions):
    """The report, without a report file, of ten patients of two arms; the first arm is followed for 8 days."""
    (folder / "endpoints.yaml").write_text(definitions, "utf-8")
    status = ["grafted", "died", "grafted", "well", "well", "died", "grafted", "died", "well", "well"]
    frame = pd.DataFrame(
        {
            "patient_id": [f"p{n}" for n in range(10)],
            "arm": list("aaaaabbbbb"),
            "zero": 0,
            "day": [1, 2, 3, 5, 8, 2, 4, 6, 15, 20],
            "status": status,
        }
    ).astype(object)
    tables = {"followed": frame}
    results = analyze(tables, folder / "endpoints.yaml")
    write_report(folder / "out", tables=tables, results=results, definitions=folder / "endpoints.yaml")
    return folder / "out"


def rows(html, caption):
    """The cells of the table whose caption has these words."""
    table = next(
        t for t in re.findall(r"<table.*?</table>", html, re.DOTALL) if caption in t.split("</caption>")[0]
    )
    cells = [
        re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL)
        for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)
    ]
    return [[" ".join(re.sub(r"<[^>]+>", "", cell).split()) for cell in row] for row in cells]


def test_a_competing_endpoint_is_drawn_as_incidence_with_its_own_table(page):
    html = (page / "report.html").read_text("utf-8")
    assert "Time to graft; death competes: cumulative incidence (Aalen-Johansen)" in html
    assert "death competes: Kaplan-Meier" not in html
    found = rows(html, "death competes: cumulative incidence")
    assert found[0][:3] == ["Event", "Day", "Incidence"]
    # by hand on day 4: 1/10 + 9/10·... : grafts on 1, 3, 4 of ten, two deaths on day 2 between
    by_hand = 1 / 10 + (9 / 10) * (7 / 9) * (1 / 7) + (9 / 10) * (7 / 9) * (6 / 7) * (1 / 6)
    assert found[1][:3] == ["graft", "4", f"{100 * by_hand:.1f} %"]
    figures = {path.name: path.read_bytes() for path in (page / "figures").glob("*.svg")}
    assert len(set(figures.values())) == len(figures)
    assert any(b"Cumulative incidence" in text for text in figures.values())


def test_nothing_is_carried_beyond_a_groups_last_follow_up(page):
    html = (page / "report.html").read_text("utf-8")
    found = [row for row in rows(html, "Survival: Kaplan-Meier estimates") if row[1] == "12"]
    assert found == [] or all("%" in row[2] for row in found)
    tables = [t for t in re.findall(r"<table.*?</table>", html, re.DOTALL) if "Survival: Kaplan-Meier" in t]
    assert len(tables) == 2  # of all, and by arm
    by_arm = re.sub(r"<[^>]+>", " ", tables[1])
    old = by_arm.split("Old")[2].split("New")[0]
    assert "last follow-up: day 8" in old
    assert "%" not in old.split("12")[1]


def test_the_headline_is_the_last_follow_up_and_not_the_last_day_listed(tmp_path):
    # the days listed end on 12; follow-up ends on 20: 9/10 · 7/9 ... by hand for survival
    definitions = DEFINITIONS.replace("  grafting:\n", "  later:\n", 1)
    head, survival = definitions.split("  survival:\n")
    first = head.replace("endpoints:\n", "endpoints:\n  survival:\n" + survival.split("proportions")[0])
    page = made(tmp_path, first + "proportions: {a: {}}\n")
    html = (page / "report.html").read_text("utf-8")
    summary = re.sub(r"<[^>]+>", " ", html.split("Summary", 1)[1])[:2000]
    # deaths: day 2 two of nine, day 6 one of four
    assert "Survival at last follow-up" in summary
    assert f"{100 * (7 / 9) * (3 / 4):.1f} %" in summary


def test_a_first_endpoint_with_competing_events_has_its_incidence_as_headline(page):
    summary = re.sub(r"<[^>]+>", " ", (page / "report.html").read_text("utf-8").split("Summary", 1)[1])[:2000]
    assert "Grafting, cumulative incidence at last follow-up" in summary
    assert "not reached" in summary


def test_the_groups_of_any_cohort_are_not_said_to_be_chosen(page):
    html = (page / "report.html").read_text("utf-8")
    assert "randomised" not in html


def test_everything_that_an_endpoint_names_is_in_a_report_without_a_file(tmp_path):
    more = "    landmark_days: [3]\n    restrict_at_days: [6]\n    cox: {plain: {covariates: [arm]}}\n"
    html = (
        made(tmp_path, DEFINITIONS.replace("proportions:", more + "proportions:")) / "report.html"
    ).read_text()
    found = [row[0] for row in rows(html, "Survival: medians, hazard ratios")]
    for word in (
        "median",
        "restricted mean",
        "log-rank test from the landmark",
        "hazard ratio",
        "hazard ratio in the model plain",
    ):
        assert f"survival: {word}" in found, word
    tests = [row[0] for row in rows(html, "Comparison of the groups")]
    assert "Gray, 1 degree of freedom" in tests
    assert "log-rank, 1 degree of freedom" in tests


def test_tests_stand_beside_the_curves_of_their_own_groups(page):
    html = (page / "report.html").read_text("utf-8")
    assert html.count("Comparison of the groups") == 2
    assert "Old v New" in html
