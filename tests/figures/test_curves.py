"""Curves of cumulative incidence: what stands in them, and where they end."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from fhir_blina.figures import incidence, survival
from fhir_blina.statistics import cumulative_incidence, kaplan_meier

TIMES, CAUSES = [1, 2, 3, 4, 5, 9], [1, 2, 1, 0, 2, 0]


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.tag.endswith("text")]


def heights(svg: str) -> list[float]:
    """Heights of the thick lines' corners, in points from the top."""
    paths = re.findall(r'<path d="([^"]+)"[^>]*stroke-width: 2;', svg)
    return [float(y) for path in paths for y in re.findall(r"[ML] [\d.]+ ([\d.]+)", path)]


def test_incidence_rises_and_survival_falls():
    drawn = incidence("i", "T", "D.", [("relapse", cumulative_incidence(TIMES, CAUSES, 1))])
    rising = heights(drawn.wide)
    assert rising == sorted(rising, reverse=True)
    assert len(set(rising)) == 3  # 0, 1/6, and after the second
    falling = heights(survival("s", "T", "D.", [("all", kaplan_meier(TIMES, [1, 0, 1, 0, 0, 0]))]).wide)
    assert falling == sorted(falling)


def test_the_causes_of_one_group_have_one_row_of_numbers_at_risk():
    curves = [
        (name, cumulative_incidence(TIMES, CAUSES, cause)) for cause, name in ((1, "relapse"), (2, "death"))
    ]
    words = texts(incidence("i", "T", "D.", curves, one_group=True).wide)
    assert "relapse (n = 6)" in words
    assert "death (n = 6)" in words
    after = words[words.index("Number at risk") + 1 :]
    # days 0 to 9: patients whose follow-up reaches each
    assert after[:10] == ["6", "6", "5", "4", "3", "2", "1", "1", "1", "1"]


def test_each_of_several_groups_has_its_own_row():
    curves = [(name, cumulative_incidence(TIMES, CAUSES, 1)) for name in ("A", "B")]
    words = texts(incidence("i", "T", "D.", curves).wide)
    rows = words[words.index("Number at risk") + 1 :]
    assert rows[0] == "A"
    assert "B" in rows


def test_the_axis_says_what_is_drawn_and_nobody_is_marked_as_censored():
    words = texts(incidence("i", "T", "D.", [("x", cumulative_incidence(TIMES, CAUSES, 1))]).wide)
    assert "Cumulative incidence (%)" in words
    assert "censored" not in words


def test_nobody_at_all_makes_an_empty_figure():
    assert "<svg" in incidence("i", "T", "D.", [("x", cumulative_incidence([], [], 1))]).wide
