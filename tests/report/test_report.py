"""The report: what it says, that nothing hostile gets through, and how it looks in a browser."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fhir_blina.analysis.analysis import analyze
from fhir_blina.cohorts.folder import read_cohort
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.errors import AnalysisError
from fhir_blina.files.json import read_ndjson
from fhir_blina.report.generic import generic_layout
from fhir_blina.report.layout import Layout, read_layout
from fhir_blina.report.report import write_report
from fhir_blina.results.entries import DataFinding
from fhir_blina.views.tables import read_tables
from tests.browser import ARTIFACTS, accessibility

FIGURES = {"swimmer", "survival", "proportions", "before_after"}
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>\u202e'
ENDPOINTS = """
subjects: {table: patients, key: patient_id, label: study_subject}
measures:
  score: {table: observations, where: {code: score}, value: value_quantity, unit: "%"}
  last: {table: observations, where: {code: os}, value: value_code}
sets:
  responded: {table: observations, where: {code: response, value_code: cr}}
  failed: {none_of: [responded]}
groups:
  response: {sets: {responded: CR, failed: NR}}
times:
  start: {table: patients, day: zero}
  end: {table: observations, where: {code: os}, day: value_quantity}
  death: {table: observations, where: {code: os, value_code: died}, day: value_quantity}
endpoints:
  overall_survival:
    title: Overall survival
    start: start
    events: [death]
    censor: end
    censor_reason: last
    compare: [response]
    survival_at_days: [30, last]
summaries: {score: {}}
proportions: {responded: {}}
"""
LAYOUT = """
group: response
sections:
  - title: Everything
    blocks:
      - {kind: characteristics, caption: Characteristics, rows: [{label: Score, measure: score}, {label: Responded, set: responded}]}
      - kind: patients
        caption: One row per patient
        columns: [{label: Score, table: observations, where: {code: score}, show: observed}, {label: Response, group: response}]
      - kind: swimmer
        caption: Courses
        endpoint: overall_survival
        treatment: {table: administrations, start: start_study_day, end: end_study_day, show: "{rate_value} {rate_unit}"}
        marks: [{label: died, shape: cross, ends_with: death}, {label: alive, shape: arrow, ends_with: alive}]
      - {kind: survival, caption: Survival, endpoint: overall_survival, by: response, tests: [overall_survival.log_rank]}
      - {kind: proportions, caption: Proportions, items: [{label: Responded, proportion: responded}]}
      - kind: before_after
        caption: Scores
        axis: Score (%)
        stages: {before: before, after: after}
        panels: [{label: Score, where: {code: score}}]
      - {kind: matrix, caption: Values, table: observations, where: {code: score}, column: timepoint, show: observed}
      - {kind: list, caption: Doses, table: administrations, columns: [{label: Patient, show: "{patient}"}, {label: Rate, show: "{rate_value} {rate_unit}"}]}
      - {kind: records, caption: Numbers, names: ["overall_survival.*"]}
      - {kind: claims}
      - {kind: findings}
      - {kind: methods}
      - {kind: derivation}
"""


class Page(HTMLParser):
    """A page taken apart: every element with its attributes, in order, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


@cache
def page_of(path: Path) -> Page:
    return Page(path.read_text("utf-8"))


def rows_of(html: str, caption: str) -> list[list[str]]:
    """The cells of the table with a caption, tags taken out."""
    table = next(
        t for t in re.findall(r"<table.*?</table>", html, re.DOTALL) if caption in t.split("</caption>")[0]
    )
    return [
        [
            " ".join(re.sub(r"<[^>]+>", "", cell).split())
            for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL)
        ]
        for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)
    ]


def sources_of(report: Path) -> str:
    """The page of sources beside a report."""
    return report.with_name("sources.html").read_text("utf-8")


@pytest.fixture(scope="module")
def published(published_run, published_tables, published_results) -> dict[str, Any]:
    """What the cohort that comes with the package gives, and the report that a run of it wrote."""
    return {
        "tables": published_tables,
        "results": published_results,
        "cohort": read_cohort("cjcp2023"),
        "html": published_run / "report.html",
        "ids": {
            f"{path.stem}/{resource['id']}"
            for path in (published_run / "fhir").glob("*.ndjson")
            for _, resource in read_ndjson(path)
        },
    }


def made_up(folder: Path, count: int, label: str = "S") -> dict[str, Any]:
    """Tables of invented patients with definitions and layout, as arguments of ``write_report``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "endpoints.yaml").write_text(ENDPOINTS, "utf-8")
    keys = [f"p{n:04}" for n in range(count)]
    patients = pd.DataFrame(
        {"patient_id": keys, "study_subject": [f"{label}{n:04}" for n in range(count)], "zero": 0}
    )
    observations: list[dict[str, Any]] = []
    for n, key in enumerate(keys):
        base = {"patient_id": key, "value_unit": "%", "value_display": None, "value_text": None}
        observations += [
            {
                **base,
                "observation_id": f"{key}-os",
                "code": "os",
                "value_unit": "d",
                "value_quantity": 10 + n,
                "value_code": "died" if n % 2 else "alive",
            },
            {
                **base,
                "observation_id": f"{key}-before",
                "code": "score",
                "value_quantity": 1 + n,
                "timepoint": "before",
            },
            {
                **base,
                "observation_id": f"{key}-response",
                "code": "response",
                "value_code": "cr" if n % 3 else "nr",
            },
        ]
    frame = pd.DataFrame(observations)
    doses = pd.DataFrame(
        {
            "administration_id": [f"{k}-dose" for k in keys],
            "patient_id": keys,
            "start_study_day": 1,
            "end_study_day": 7,
            "rate_value": 5,
            "rate_unit": "ug/d",
        }
    )
    empty = folder / "nothing"
    empty.mkdir()
    tables = read_tables(empty)  # every table with all its columns, and no rows
    for name, rows in (("patients", patients), ("observations", frame), ("administrations", doses)):
        every = [*rows.columns, *tables[name].columns.difference(rows.columns)]
        wide = rows.reindex(columns=every).astype(object)
        tables[name] = wide.where(wide.notna(), None)
    return {
        "tables": tables,
        "results": analyze(tables, folder / "endpoints.yaml"),
        "definitions": folder / "endpoints.yaml",
    }


def without_figures(layout: Layout) -> Layout:
    """The layout with what is quick to make."""
    sections = [
        replace(one, blocks=tuple(block for block in one.blocks if block["kind"] not in FIGURES))
        for one in layout.sections
    ]
    return replace(layout, sections=tuple(sections))


@pytest.fixture(scope="module")
def three(tmp_path_factory) -> dict[str, Any]:
    """Three invented patients, and a layout without figures, which hold no link."""
    folder = tmp_path_factory.mktemp("three")
    given = with_layout(folder, made_up(folder, 3))
    layout = read_layout(folder / "report.yaml", read_endpoints(folder))
    return {**given, "layout": without_figures(layout)}


def with_layout(folder: Path, given: dict[str, Any], text: str = LAYOUT) -> dict[str, Any]:
    (folder / "report.yaml").write_text(text, "utf-8")
    return given


# What the publication prints, and what follows from it: tables 1 and 2 and the abstract.


@pytest.mark.parametrize(
    "words",
    [
        "41.7 %",
        "5.6 to 76.7 % (log-log)",
        "126 days",
        "170 days",
        "50.0 %",
        "11.8 to 88.2 %",
        "Z = −1.964",
        "Chin J Contemp Pediatr",
    ],
)
def test_the_headline_numbers_stand_in_the_summary(published, words):
    assert words in page_of(published["html"]).text.split("Table 1.")[0]


def test_the_first_table_has_the_published_characteristics(published):
    rows = {
        row[0]: row[1:]
        for row in rows_of(published["html"].read_text("utf-8"), "Characteristics at enrolment")
    }
    assert rows["Age at enrolment, median (range), years"] == [
        "10.5 (5–13)",
        "10 (5–11)",
        "12 (5–13)",
    ]
    assert rows["Male"] == ["3 (50)", "0 (0)", "3 (100)"]
    assert rows["MRD in marrow, median (range), %"] == [
        "15.505 (0.08–78.30)",
        "5.79 (0.08–8.37)",
        "66.37 (22.64–78.30)",
    ]


def test_one_row_per_patient_as_printed(published):
    rows = rows_of(published["html"].read_text("utf-8"), "treatment and response")
    assert [row[0] for row in rows] == ["Patient", "P1", "P2", "P3", "P4", "P5", "P6"]
    assert rows[1][2] == "days 1–7: 5 µg/m²/d; days 8–14: 15 µg/m²/d"
    assert rows[3][4:] == ["not tested", "Complete remission", "0.08 %", "Negative", "–"]
    assert rows[2][4:] == ["&lt;150 /µL", "No remission", "78.30 %", "none (blood only)", "35.0 %"]


def test_kinds_of_missing_stay_apart(published):
    rows = {
        row[0]: row[1:] for row in rows_of(published["html"].read_text("utf-8"), "CD19 on leukaemic cells")
    }
    assert rows["P2"] == ["intermediate", "not tested", "not applicable"]
    assert rows["P3"] == ["weak", "not detected", "not applicable"]
    assert rows["P5"] == ["intermediate", "not detected", "intermediate"]


def test_survival_table_agrees_with_the_fractions(published):
    rows = rows_of(published["html"].read_text("utf-8"), "Overall survival from enrolment")
    by_day = {row[1]: row[2:] for row in rows if row[0] == "all"}
    assert by_day["60"] == ["83.3 %", "27.3 to 97.5 %", "4", "1"]  # 5/6
    assert by_day["126"][0] == "41.7 %"  # 5/6 · 3/4 · 2/3
    assert by_day["267"] == ["41.7 %", "5.6 to 76.7 %", "1", "3"]


def test_the_reproduction_begins_with_what_differs(published):
    html = published["html"].read_text("utf-8")
    rows = rows_of(html, "Published results that differ")
    assert rows[1][1:4] == ["2", "3", "✗ disagrees"]
    assert [row[3] for row in rows[2:]] == ["△ truncated", "△ truncated"]
    assert len(rows_of(html, "Published results that agree")) - 1 == 52


def test_what_can_be_recomputed_is_the_denominator(published):
    """The paper's results: 52 agree, 2 are cut off (15.505 and 50.5 days), 1 count differs; see the claims."""
    said = (
        "52 of 55 published results that can be recomputed agree, 2 are cut off instead of rounded, "
        "1 disagrees. 22 more cannot be computed from printed data."
    )
    assert said in " ".join(page_of(published["html"]).text.split())


def test_the_other_claims_stand_on_the_page_of_sources(published):
    html = sources_of(published["html"])
    for caption, count in (
        ("Published results that cannot be computed", 22),
        ("numbers that the text prints", 40),
        ("Rules of the study", 23),
        ("Numbers cited", 20),
    ):
        assert len(rows_of(html, caption)) - 1 == count


def test_every_finding_is_in_the_report_or_among_its_sources(published):
    pages = (page_of(published["html"]), Page(sources_of(published["html"])))
    text = " ".join(" ".join(page.text for page in pages).split())
    assert len(published["results"].findings) >= 18
    for finding in published["results"].findings:
        assert " ".join(finding.title.split()) in text


def test_every_number_leads_back_to_resources_that_exist(published):
    named = set(re.findall(r"\b[A-Z][A-Za-z]+/cjcp2023-[\w.-]+", sources_of(published["html"])))
    assert len(named) > 60
    assert named <= published["ids"]


def test_own_words_are_marked_as_chinese(published):
    html = published["html"].read_text("utf-8")
    body = re.sub(r"<style>.*?</style>|<head>.*?</head>", "", html, flags=re.DOTALL)
    unmarked = re.sub(r'<(span|h2)[^>]*lang="zh"[^>]*>.*?</\1>', "", body, flags=re.DOTALL)
    unmarked = re.sub(r"<svg.*?</svg>|data-label=\"[^\"]*\"", "", unmarked, flags=re.DOTALL)
    assert re.findall("[\u4e00-\u9fff]+", unmarked) == []


def test_each_figure_is_also_a_file(published):
    folder = published["html"].parent / "figures"
    count = len(re.findall(r'<svg class="wide"', published["html"].read_text("utf-8")))
    assert count >= 8
    assert len(list(folder.glob("*.svg"))) == len(list(folder.iterdir())) == count


def test_structure_is_sound(published):
    page = page_of(published["html"])
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert [name for name, times in Counter(ids).items() if times > 1] == []
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            assert attributes.get(name) is None or attributes[name] in ids
        if (attributes.get("href") or "").startswith("#"):
            assert attributes["href"][1:] in ids
    assert len(page.all("table")) == len(page.all("caption"))
    assert all(attributes.get("scope") in {"col", "row"} for attributes in page.all("th"))
    assert {tag for tag, _ in page.elements} >= {
        "header",
        "nav",
        "main",
        "footer",
        "h1",
        "figure",
        "figcaption",
    }
    assert page.elements[0] == ("html", {"lang": "en"})


def test_nothing_runs_and_nothing_is_loaded(published):
    page = page_of(published["html"])
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert {tag for tag, _ in page.elements} & {
        "script",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
        "img",
    } == set()
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name in {"src", "srcset"}]
        assert re.match(r"(#|data:,$|sources\.html)", attributes.get("href") or "#")


# Hostile words, in every place that holds words.


def test_hostile_words_are_shown_not_obeyed(tmp_path):
    given = with_layout(tmp_path, made_up(tmp_path, 4, label=HOSTILE))
    tables = given["tables"]
    tables["observations"]["value_text"] = HOSTILE
    tables["administrations"]["rate_unit"] = HOSTILE
    finding = DataFinding(
        rule="hostile",
        severity="error",
        kind="note",
        subject=HOSTILE,
        where=HOSTILE,
        title=HOSTILE,
        printed=HOSTILE,
        follows=HOSTILE,
        evidence=(HOSTILE,),
    )
    given["results"] = replace(given["results"], findings=(finding,))
    path = write_report(
        tmp_path / "out", **given, title=HOSTILE, citation=HOSTILE, store_url="https://h.example/" + HOSTILE
    )
    page = page_of(path)
    assert {tag for tag, _ in page.elements} & {"script", "img"} == set()
    assert "<script>alert(1)</script>" in page.text
    for svg in (tmp_path / "out/figures").glob("*.svg"):
        assert "<script" not in svg.read_text("utf-8")


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "out/fhir", "/srv/fhir", "ftp://h/fhir", "https://u:p@h/fhir", "https:///x", ""],
)
def test_only_a_server_makes_links(three, tmp_path, address):
    path = write_report(tmp_path / "out", **three, store_url=address)
    for page in (page_of(path), page_of(path.with_name("sources.html"))):
        assert all(re.match(r"#|sources\.html|report\.html", a.get("href") or "#") for a in page.all("a"))


def test_resources_link_to_the_server(three, tmp_path):
    page = page_of(write_report(tmp_path / "out", **three, store_url="http://127.0.0.1:8080/fhir/"))
    links = {a["href"] for a in page.all("a")}
    more = {a["href"] for a in page_of(tmp_path / "out" / "sources.html").all("a")}
    assert "http://127.0.0.1:8080/fhir/Observation/p0001-os" in more
    assert "http://127.0.0.1:8080/fhir/Observation/p0002-before" in links
    assert "http://127.0.0.1:8080/fhir/Patient/p0000" in links


def test_joined_cells_link_to_each_of_their_resources(published, tmp_path):
    given = {key: published[key] for key in ("tables", "results", "cohort")}
    folder = published["cohort"].folder
    layout = without_figures(read_layout(folder / "report.yaml", read_endpoints(folder)))
    path = write_report(tmp_path, **given, layout=layout, store_url="https://h.example/fhir")
    html = path.read_text("utf-8")
    steps = [
        f"https://h.example/fhir/MedicationAdministration/cjcp2023-P1-blinatumomab-step-{n}" for n in (1, 2)
    ]
    cell = next(cell for cell in re.findall(r"<td.*?</td>", html, re.DOTALL) if steps[0] in cell)
    assert re.findall(r'href="([^"]+)"', cell) == steps


# Other cohorts, small and large.


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    return write_report(folder / "out", **with_layout(folder, made_up(folder, 600)))


@pytest.mark.long
def test_of_six_hundred_patients_none_has_a_row_or_a_label(large):
    for name in ("report.html", "sources.html"):
        html = large.with_name(name).read_text("utf-8")
        assert re.findall(r"S0\d{3}|\bp0\d{3}\b", html) == []
    assert large.stat().st_size < 1_500_000


def test_many_patients_have_their_flow_and_follow_up(tmp_path):
    """40 patients, every second one died, the day being 10 + n; three in every three responded but one."""
    given = made_up(tmp_path, 40)
    text = " ".join(page_of(write_report(tmp_path / "out", **given)).text.split())
    assert "All patients: 40" in text
    assert "Analysed: 40" in text
    assert "death: 20" in text
    assert "CR: 26" in text  # of 0 … 39, 14 are divisible by three
    assert "NR: 14" in text
    assert "Tables and figures are split by response" in text
    html = (tmp_path / "out" / "report.html").read_text("utf-8")
    row = next(row for row in rows_of(html, "Follow-up") if row[0] == "All")
    assert row[1] == "40"
    assert row[4] == "29.5 (10–49)"  # 10 … 49
    assert row[5:] == ["20", "3.2"]  # 1180 days


def test_a_cohort_without_a_layout_has_a_report(tmp_path):
    given = made_up(tmp_path, 6)
    page = page_of(write_report(tmp_path / "out", **given))
    assert {"Characteristics", "Values by patient", "Proportions"} <= {
        words for words in ("Characteristics", "Values by patient", "Proportions") if words in page.text
    }
    assert generic_layout(read_endpoints(tmp_path)).group == "response"
    assert "S0003" in page.text
    assert "S0003" in sources_of(tmp_path / "out" / "report.html")


def test_one_patient_and_no_claims(tmp_path):
    page = page_of(write_report(tmp_path / "out", **with_layout(tmp_path, made_up(tmp_path, 1))))
    assert "1 patient." in page.text
    assert "Published numbers" not in page.text
    assert "Findings" not in page.text


def test_without_cohort_and_definitions_there_is_no_report(tmp_path):
    given = made_up(tmp_path, 2)
    del given["definitions"]
    with pytest.raises(ValueError, match="a cohort or definitions"):
        write_report(tmp_path / "out", **given)


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        (
            "measure: score}, {label: Responded",
            "measure: scor}, {label: Responded",
            'no measure is named "scor". Did you mean "score"',
        ),
        ("by: response", "by: respons", 'no by is named "respons"'),
        (
            'names: ["overall_survival.*"]',
            'names: ["overal_survival.*"]',
            'no number is named "overal_survival"',
        ),
        ("tests: [overall_survival.log_rank]", "tests: [survival.log_rank]", 'no number is named "survival"'),
        (
            'names: ["overall_survival.*"]',
            "names: [overall_survival.medain]",
            'no statistic is named "medain". Did you mean "median"',
        ),
        (
            "tests: [overall_survival.log_rank]",
            "tests: [overall_survival.logrank]",
            'no statistic is named "logrank". Did you mean "log_rank"',
        ),
        ("kind: claims", "kind: claim", "must be one of"),
        ("caption: Courses", "capton: Courses", "capton"),
        ("shape: cross", "shape: skull", "must be one of"),
    ],
)
def test_a_layout_at_fault_is_refused_with_its_line(tmp_path, wrong, right, message):
    (tmp_path / "endpoints.yaml").write_text(ENDPOINTS, "utf-8")
    assert wrong in LAYOUT
    path = tmp_path / "report.yaml"
    path.write_text(LAYOUT.replace(wrong, right), "utf-8")
    with pytest.raises(AnalysisError) as caught:
        read_layout(path, read_endpoints(tmp_path))
    line = next(n for n, text in enumerate(path.read_text("utf-8").splitlines(), 1) if right in text)
    assert message in str(caught.value)
    numbers = [int(n) for n in re.findall(r"report\.yaml:(\d+)", str(caught.value))]
    assert any(abs(n - line) <= 2 for n in numbers)


def test_nothing_is_written_when_the_layout_is_at_fault(tmp_path):
    given = with_layout(tmp_path, made_up(tmp_path, 2), LAYOUT.replace("kind: claims", "kind: nothing"))
    with pytest.raises(AnalysisError):
        write_report(tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


# In a browser.

CLIPPED = """() => {
  const found = [];
  for (const svg of document.querySelectorAll('figure svg')) {
    const box = svg.getBoundingClientRect();
    if (!box.width) continue;
    for (const text of svg.querySelectorAll('text')) {
      const r = text.getBoundingClientRect();
      if (r.left < box.left - 1 || r.right > box.right + 1 || r.top < box.top - 1 || r.bottom > box.bottom + 1)
        found.push('figure: ' + text.textContent);
    }
  }
  const wide = document.documentElement.clientWidth;
  for (const e of document.querySelectorAll('main *, header *, footer *')) {
    if (e.closest('svg') || e.closest('.table')) continue;
    const r = e.getBoundingClientRect(), s = getComputedStyle(e);
    if (r.width && r.right > wide + 1 && s.position !== 'absolute' && !e.closest('thead')) found.push('out of the page: ' + e.tagName + ' ' + e.textContent.slice(0, 40));
    if (e.scrollWidth > e.clientWidth + 1 && s.overflowX === 'hidden') found.push('hidden: ' + e.textContent.slice(0, 40));
  }
  return found;
}"""


def _kept(name: str) -> Path:
    ARTIFACTS.mkdir(exist_ok=True)
    return ARTIFACTS / name


def _screens(page: Any, name: str, width: int, most: int = 6) -> None:
    """With PICTURES set: the page from the top, in pictures that a viewer can show."""
    if "PICTURES" not in os.environ:
        return
    whole = page.evaluate("() => document.documentElement.scrollHeight")
    for number, top in enumerate(range(0, min(whole, most * 4000), 4000), 1):
        clip = {"x": 0, "y": top, "width": width, "height": min(4000, whole - top)}
        page.screenshot(path=_kept(f"{name}-{number}.png"), full_page=True, clip=clip)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "width"), [("phone", 360), ("tablet", 820), ("laptop", 1280)])
def test_the_page_is_whole_at_every_width(published, chromium, name, width, scheme):
    with chromium(published["html"].as_uri(), width=width, scheme=scheme) as page:
        _screens(page, f"report-{name}-{scheme}", width)
        page.evaluate("() => document.querySelectorAll('details').forEach(d => { d.open = true })")
        assert page.said == []
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        assert page.evaluate(CLIPPED) == []


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark")])
def test_axe_finds_nothing(published, chromium, width, scheme):
    with chromium(published["html"].as_uri(), width=width, scheme=scheme) as page:
        assert accessibility(page) == []


@pytest.mark.browser
def test_the_page_prints(published, chromium):
    with chromium(published["html"].as_uri()) as page:
        data = page.pdf(path=_kept("report.pdf"), prefer_css_page_size=True)
        page.set_viewport_size({"width": 690, "height": 1000})  # A4 less its margins
        page.emulate_media(media="print")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 690
        assert page.evaluate(CLIPPED) == []
        _screens(page, "report-print", 690)
        hidden = page.evaluate("() => getComputedStyle(document.querySelector('nav')).display")
    assert data.startswith(b"%PDF-")
    assert hidden == "none"
    pages = len(re.findall(rb"/Type /Page\b", data))
    assert 6 <= pages <= 8


@pytest.mark.browser
def test_the_keyboard_reaches_everything(published, chromium):
    with chromium(published["html"].as_uri()) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("() => document.activeElement.id") == "main"
        page.locator("summary").first.focus()
        assert page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        assert page.evaluate("() => document.querySelector('details').open")


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
def test_six_hundred_patients_are_whole_too(large, chromium, width):
    with chromium(large.as_uri(), width=width) as page:
        _screens(page, f"report-600-{width}", width)
        assert page.said == []
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        assert page.evaluate(CLIPPED) == []
        if width == 1280:
            assert accessibility(page) == []
