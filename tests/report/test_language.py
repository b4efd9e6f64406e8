"""A report in another language: whole, by phrases that are data, with the publication's own words where it has them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fhir_blina.analysis import analyze
from fhir_blina.cli.pipeline import opened, prepare
from fhir_blina.cli.terminal import Terminal
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.errors import AnalysisError
from fhir_blina.report.language import Language, languages, own_words, read_language
from fhir_blina.report.layout import read_layout
from fhir_blina.report.report import write_report
from fhir_blina.views import read_tables

#: What stays as it is in Chinese: names of methods and programs, of genes, regimens and drugs, short forms.
NAMES = re.compile(
    r"Kaplan-Meier|Aalen-Johansen|Greenwood|Clopper-Pearson|Wilson|Wald|Mann-Whitney|Mantel-Byar|Mosteller"
    r"|Gehan-Breslow|Tarone-Ware|Peto-Peto|Firth|Efron|Cox|Gray|[Ll]og-rank|log-log|logit|arcsine|plain|\blog\b"
    r"|bpcp|Dasa|Ven|Haploid|aGVHD|allo-HSCT|RIALTO|FHIR|cjcp2023|fhir-blina|fhir\.resources|figures/|\.json"
    r"|Holm|Bonferroni|Python|lifelines|scipy|numpy|pandas|duckdb|matplotlib|Jinja2|results|Monte Carlo"
)


class _Texts(HTMLParser):
    """The texts of a page, those of figures and for screen readers among them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.style = tag == "style"
        self.found += [value for name, value in attrs if name in {"aria-label", "data-label"} and value]

    def handle_data(self, data: str) -> None:
        if data.strip() and not self.style:
            self.found.append(" ".join(data.split()))


@pytest.fixture(scope="module")
def chinese(published_results, published_tables, tmp_path_factory) -> str:
    """The report of the published cohort in Chinese."""
    folder = tmp_path_factory.mktemp("chinese")
    cohort = Path("mappings/cohorts/cjcp2023").resolve()
    layout = folder / "report.yaml"
    layout.write_text("language: zh\n" + (cohort / "report.yaml").read_text("utf-8"), "utf-8")
    path = write_report(
        folder / "out",
        tables=published_tables,
        results=published_results,
        definitions=cohort,
        layout=layout,
        title="Blinatumomab in six children with relapsed or refractory B-ALL, recomputed",
    )
    return path.read_text("utf-8")


def test_no_english_is_left_in_a_chinese_report(chinese):
    texts = _Texts(chinese).found
    assert len(texts) > 1000
    left = {text for text in texts if re.search("[A-Za-z]*[a-z]{3,}", NAMES.sub("", text))}
    assert left == set()


@pytest.mark.long
@pytest.mark.parametrize("name", ["ncctg-lung", "stanford-heart"])
def test_of_any_cohort_only_its_own_words_are_left(name, tmp_path):
    """Subgroups, models, states and competing risks too; a report file of one line names the language."""
    cohort, mapped, _ = prepare(name, terminal=Terminal(quiet=True))
    opened(tmp_path / "fhir", release=cohort.release).push(mapped.resources, cohort=name)
    tables = read_tables(tmp_path / "fhir")
    (tmp_path / "report.yaml").write_text("language: zh\n", "utf-8")
    results = analyze(tables, cohort.folder)
    page = write_report(
        tmp_path, tables=tables, results=results, definitions=cohort.folder, layout=tmp_path / "report.yaml"
    )
    files = [cohort.folder / one for one in ("endpoints.yaml", "claims.csv", "cohort.yaml")]
    own = set(re.findall("[a-z]{3,}", " ".join(one.read_text("utf-8") for one in files).lower()))
    texts = _Texts(page.read_text("utf-8")).found
    assert len(texts) > 200
    left = {text: set(re.findall("[a-z]{3,}", NAMES.sub("", text).lower())) - own - {"svg"} for text in texts}
    assert {text: words for text, words in left.items() if words} == {}


def test_the_page_says_its_language_and_marks_nothing_in_it(chinese):
    assert '<html lang="zh">' in chinese
    assert '<span lang="zh">' not in chinese


@pytest.mark.parametrize(
    "words",
    [
        "可重新计算的 55 个已发表结果中 52 个一致，2 个被截断而非四舍五入，1 个不一致。另有 22 个无法由已刊数据算出。",
        "完全缓解（n = 3）",
        "入组年龄，中位数（范围），岁",
        "骨髓阴性",  # as the paper prints it
        "风险人数",
        "距入组天数",
    ],
)
def test_its_words_are_those_of_the_phrases_and_of_the_paper(chinese, words):
    assert words in chinese


PHRASES = {
    "{n} patients": "{n} 例患者",
    "{label}, median ({kind})": "{label}，中位数（{kind}）",
    "range": "范围",
    "Age": "年龄",
    "{low} to {high}": "{low} 至 {high}",
    "not reached": "未达到",
    "; ": "；",
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Age", "年龄"),
        (" Age", " 年龄"),
        ("Age, median (range)", "年龄，中位数（范围）"),
        ("Height, median (range)", "Height，中位数（范围）"),
        ("5 to not reached", "5 至 未达到"),
        ("6 patients; Age", "6 例患者；年龄"),
        ("back to work", "back to work"),  # words are no ends of an interval
        ("all patients", "all patients"),  # and no number
        ("12.5", "12.5"),
    ],
)
def test_texts_are_said_by_whole_phrases_and_by_those_with_blanks(text, said):
    assert Language("zh", PHRASES).say(text) == said


def test_english_is_as_it_stands():
    assert Language().say("Age, median (range)") == "Age, median (range)"


def test_own_words_stand_instead_of_a_label_only_in_their_language():
    blocks = [
        {"label": "Age", "local": "年龄"},
        {"caption": "Rows", "columns": [{"label": "A", "local": "甲"}]},
    ]
    assert own_words(blocks, own=True) == [
        {"label": "年龄"},
        {"caption": "Rows", "columns": [{"label": "甲"}]},
    ]
    assert own_words(blocks, own=False) == [
        {"label": "Age"},
        {"caption": "Rows", "columns": [{"label": "A"}]},
    ]


def test_a_language_without_phrases_is_refused_with_its_line(tmp_path):
    cohort = Path("mappings/cohorts/cjcp2023").resolve()
    path = tmp_path / "report.yaml"
    path.write_text("language: zz\n" + (cohort / "report.yaml").read_text("utf-8"), "utf-8")
    with pytest.raises(AnalysisError, match=r"report\.yaml:1: error: no language is named \"zz\".*en, zh"):
        read_layout(path, read_endpoints(cohort))
    assert languages() == ["en", "zh"]


def test_phrases_of_a_cohort_come_before_those_of_the_program(tmp_path):
    (tmp_path / "languages").mkdir()
    (tmp_path / "languages" / "zh.yaml").write_text(
        'phrases: {Contents: 内容, "Mine {n}": "我的 {n}"}\n', "utf-8"
    )
    found = read_language("zh", [tmp_path])
    assert (found.say("Contents"), found.say("Mine 3"), found.say("Patient")) == ("内容", "我的 3", "患者")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('phrases:\n  "Mine {n}": "我的 {k}"\n', "has a blank that it lacks"),
        ("phrases: {Mine: 3}\n", "string"),
    ],
)
def test_phrases_at_fault_are_refused_with_their_line(tmp_path, text, message):
    (tmp_path / "languages").mkdir()
    (tmp_path / "languages" / "zh.yaml").write_text(text, "utf-8")
    with pytest.raises(AnalysisError, match=message) as caught:
        read_language("zh", [tmp_path])
    assert re.search(r"zh\.yaml:\d", str(caught.value))
