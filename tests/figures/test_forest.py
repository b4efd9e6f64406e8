"""The forest plot: every line is in it, infinite limits end in arrows, and nothing is cut off."""

from __future__ import annotations

import re

from fhir_blina.figures import ForestRow, forest

ROWS = [
    ForestRow("All", 0.59, 0.42, 0.82, "165/228", 165, "0.59 (0.42 to 0.82)"),
    ForestRow("Performance", said="interaction P = 0.79", heading=True),
    ForestRow("good", 0.54, 0.25, 1.15, "37/63", 37, "0.54 (0.25 to 1.15)"),
    ForestRow("poor", 31.0, 1.2, None, "5/51", 5, "31 (1.2 to not reached)"),
    ForestRow("nobody", counts="0/0", said="not estimable"),
]


def made(rows=ROWS):
    return forest("figure-1", "Subgroups", "In words.", rows, sides=("fewer events: a", "fewer events: b"))


def test_every_line_and_its_numbers_stand_in_the_figure():
    texts = set(re.findall(r">([^<>\n]+)</text>", made().wide))
    said = " ".join(texts)
    for row in ROWS:
        assert row.label in said
        assert row.said in said
    assert "← fewer events: a" in texts
    assert "Hazard ratio, 95 % interval" in texts


def test_the_same_rows_give_the_same_bytes():
    assert made().svg == made().svg


def test_a_row_alone_and_none_are_drawn():
    assert "0.59" in made(ROWS[:1]).wide
    assert made([]).svg


def test_the_axis_holds_1_and_is_not_stretched_by_one_limit():
    texts = re.findall(r">([^<>\n]+)</text>", made().wide)
    assert {"0.5", "1", "20"} <= set(texts)
    assert "50" not in texts
