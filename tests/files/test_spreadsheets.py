"""No text of a cell is run by a spreadsheet."""

from __future__ import annotations

import pytest

from fhir_blina.files import as_plain_cell


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1+1",
        "-1+cmd|' /C calc'!A0",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1+1",
        "\u00a0=1",
        "\ufeff=1",
        "\u200b=1",
        "＝1+1",
        "＋1",
        "－1",
        "＠SUM(1)",
        "\x00=1",
    ],
)
def test_a_formula_becomes_text(text):
    assert as_plain_cell(text)[0] == "'"
    assert as_plain_cell(text).replace("'", "") == text.replace("'", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a;=1+1", "a;'=1+1"),
        ("a\t@SUM(1)", "a\t'@SUM(1)"),
        ('a;"=1', "a;\"'=1"),
        ("a\n=1", "a\n'=1"),
        ("a;+cmd|x", "a;'+cmd|x"),
        ("a; -5; 3", "a; -5; 3"),
        ("plain", "plain"),
        ("x = 1", "x = 1"),
        ("2020-01-01", "2020-01-01"),
        ("a@b.example", "a@b.example"),
        ("", ""),
    ],
)
def test_what_a_split_at_a_semicolon_would_run_becomes_text_and_the_rest_stays(text, shown):
    assert as_plain_cell(text) == shown
