"""The page as Markdown and HTML: all there, nothing of others acts."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from fhir_blina.exploration.exploring import explore
from fhir_blina.exploration.page import page_parts
from fhir_blina.exploration.rendering import page_html, page_markdown
from tests.foreign import FORMS


class Tags(HTMLParser):
    """The tags and words of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def known(tmp_path):
    return explore(FORMS["singles"](tmp_path / "theirs"))


def test_all_parts_stand_in_both_forms(known):
    titles = [part.title for part in page_parts(known)]
    assert titles == ["What is here", "Subjects", "Dates", "Codes", "Units", "Elements"]
    markdown, html = page_markdown(known), page_html(known)
    for title in titles:
        assert f"## {title}" in markdown
        assert f"<h2>{title}</h2>" in html
    assert "| Encounter | 15 | 5 | encounters |" in markdown
    assert "in none" in html
    assert len(html) < 20_000
    assert "default-src 'none'" in html
    assert known._repr_html_() in html


def test_many_codes_are_counted_and_not_listed(tmp_path):
    lines = [
        json.dumps({"resourceType": "Condition", "id": f"c{n}", "code": {"coding": [{"code": f"x{n:02}"}]}})
        for n in range(15)
    ]
    (tmp_path / "c.ndjson").write_text("\n".join(lines), "utf-8")
    known = explore(tmp_path / "c.ndjson")
    markdown = page_markdown(known, 4)
    assert "x03" in markdown
    assert "x04" not in markdown
    assert "11 other codes" in markdown


def test_words_of_others_are_shown_and_not_obeyed(tmp_path):
    bad = "<script>alert(1)</script>|[x](javascript:1)\u202e"
    one = {"resourceType": "Condition", "id": "c", "code": {"coding": [{"code": "1", "display": bad}]}}
    (tmp_path / "c.ndjson").write_text(json.dumps(one), "utf-8")
    known = explore(tmp_path / "c.ndjson")
    page = Tags(page_html(known))
    assert "script" not in page.tags
    assert any("<script>" in words for words in page.words)
    markdown = page_markdown(known)
    assert "<script>" not in markdown.replace("\\<script\\>", "")
    assert "\\[x\\](javascript" in markdown  # no link
    assert "\u202e" not in markdown + page_html(known)
