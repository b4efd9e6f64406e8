"""Figures: what stands in them, that colour never stands alone, and the same bytes each time."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import pytest

from fhir_blina.figures.canvas import PALETTE, SERIES, Drawing, draw, printable
from fhir_blina.figures.curves import survival
from fhir_blina.figures.figures import Interval, day_ticks, proportions
from fhir_blina.figures.lanes import SHAPES, Lane, Span, swimmer
from fhir_blina.figures.paired import Panel, before_after
from fhir_blina.statistics.survival import kaplan_meier

CSS = (Path(__file__).parents[2] / "fhir_blina/report/templates/report.css").read_text("utf-8")
DURATIONS, DIED = [91, 32, 126, 267, 170, 52], [True, True, True, False, False, False]


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.tag.endswith("text")]


@cache
def overall() -> Drawing:
    return survival("os", "Survival", "Curve.", [("all", kaplan_meier(DURATIONS, DIED))], start="enrolment")


@cache
def by_group() -> Drawing:
    curves = [("CR", kaplan_meier([126, 267, 170], [1, 0, 0])), ("NR", kaplan_meier([91, 32, 52], [1, 1, 0]))]
    return survival("by", "By response", "Curves.", curves)


def lanes(count: int) -> list[Lane]:
    return [
        Lane(
            f"S{n}",
            "A" if n < count / 2 else "B",
            30 + n,
            (Span(1, 7, 0, "5 µg/d"), Span(8, 28, 1, "9 µg/d")),
            ((30 + n, "died"),),
            "x",
        )
        for n in range(count)
    ]


def test_numbers_at_risk_are_those_counted_by_hand():
    # Patients whose follow-up reaches day 0, 30, 60 …: 91 32 126 267 170 52
    words = texts(overall().wide)
    after = words[words.index("Number at risk") + 1 :]
    assert after[:9] == ["6", "6", "4", "4", "3", "2", "1", "1", "1"]


def test_each_group_has_its_row_of_numbers_at_risk():
    words = texts(by_group().wide)
    rows = words[words.index("Number at risk") + 1 :]
    assert rows[: rows.index("NR")] == ["CR", "3", "3", "3", "3", "3", "2", "1", "1", "1"]


def test_one_censor_mark_for_each_censored_patient():
    def path_marks(drawing: Drawing) -> list[int]:
        found = re.findall(r'<path d="([^"]+)"[^>]*stroke: var\(--fig-ink\); stroke-width: 1.4', drawing.wide)
        return [path.count("M") for path in found if path.count("L") == path.count("M")]

    assert path_marks(overall()) == [3]
    assert sum(path_marks(by_group())) == 3


def test_the_curve_falls_where_patients_died():
    # The thick line is drawn in points; survival 5/6, 5/8, 5/12 of the axis' height after 32, 91 and 126 days.
    path = re.search(r'<path d="([^"]+)"[^>]*stroke-width: 2;', overall().wide)[1]
    points = [tuple(map(float, pair.split())) for pair in re.findall(r"[ML] ([\d.]+ [\d.]+)", path)]
    top = points[0][1]
    heights = list(dict.fromkeys(round(y - top, 3) for _, y in points))
    assert heights[1] / heights[3] == pytest.approx((1 / 6) / (7 / 12), rel=1e-3)
    assert heights[2] / heights[3] == pytest.approx((3 / 8) / (7 / 12), rel=1e-3)
    across = sorted({x for x, _ in points})
    assert (across[1] - across[0]) / (across[-1] - across[0]) == pytest.approx(32 / 267, rel=1e-3)


@pytest.mark.parametrize(
    ("durations", "events"),
    [([], []), ([5, 9], [False, False]), ([0, 0], [True, True]), ([3], [True])],
    ids=["nobody", "all censored", "time zero", "one death"],
)
def test_curves_at_the_edge_are_drawn(durations, events):
    drawing = survival("edge", "T", "D", [("all", kaplan_meier(durations, events))])
    assert str(len(durations)) in texts(drawing.wide)


def test_groups_differ_in_line_and_marker_not_only_in_colour():
    assert len({str(line) for _, line, _ in SERIES}) == len(SERIES)
    assert len({marker for _, _, marker in SERIES}) == len(SERIES)
    assert len({marker for marker, _, _ in SHAPES.values()}) == len(SHAPES)
    assert "stroke-dasharray" in by_group().wide


def test_the_page_form_takes_every_colour_from_the_page():
    for drawing in (overall(), by_group(), swimmer("s", "T", "D", lanes(6), {"died": "cross"})):
        for form in (drawing.wide, drawing.narrow):
            assert not re.search(r"#[0-9a-f]{6}\b", form)
            assert set(re.findall(r"var\(--fig-(\w+)\)", form)) <= set(PALETTE)


def test_ids_differ_between_figures_and_forms():
    forms = [form for d in (overall(), by_group()) for form in (d.wide, d.narrow)]
    ids = [name for form in forms for name in re.findall(r' id="([^"]+)"', form)]
    assert len(ids) == len(set(ids))
    for form in forms:
        used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', form))
        assert {a or b for a, b in used} <= set(re.findall(r' id="([^"]+)"', form))


def test_title_and_description_name_the_figure():
    drawing = overall()
    root = ET.fromstring(drawing.narrow)
    assert root.get("role") == "img"
    ids = {node.get("id"): node.text for node in root if node.tag in {"title", "desc"}}
    assert [ids[root.get("aria-labelledby")], ids[root.get("aria-describedby")]] == ["Survival", "Curve."]


def test_same_input_same_bytes(tmp_path):
    first, second = overall(), overall.__wrapped__()
    assert (first.svg, first.png, first.wide, first.narrow) == (
        second.svg,
        second.png,
        second.wide,
        second.narrow,
    )
    svg, png = first.write(tmp_path / "figures", png=True)
    assert (svg.name, png.name) == ("os.svg", "os.png")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert b"date" not in svg.read_bytes().lower()
    assert first.write(tmp_path / "figures") == (svg,)
    assert not png.exists(), "an older PNG would show what the SVG no longer does"


def test_text_stays_text_and_hostile_labels_stay_harmless():
    label = '<script>alert(1)</script> $x^2$ 患儿 "&\x00\u202e'
    drawing = proportions(
        "p", label, label, [Interval(label, 0.5, 0.1, 0.9, "3/6")], interval="95 % interval"
    )
    for form in (drawing.svg.decode(), drawing.wide, drawing.narrow):
        assert "<script" not in form
        assert "$x^2$ 患儿" in "".join(texts(form))
        assert "\x00" not in form
        assert "\u202e" not in form


def test_printable_replaces_what_breaks_or_misleads():
    assert printable("a\x07b\u202ec\ud800d") == "a\ufffdb\ufffdc\ufffdd"


def test_a_name_that_is_no_file_name_is_refused():
    with pytest.raises(ValueError, match="not a name"):
        draw("../x", "T", "D", lambda *_: None, heights=(1, 1))


def test_day_ticks_are_round_and_within_follow_up():
    assert day_ticks(267, 10) == [0, 30, 60, 90, 120, 150, 180, 210, 240]
    assert day_ticks(3000, 6) == [0, 730, 1460, 2190, 2920]
    assert day_ticks(1, 10) == [0, 1]


def test_every_patient_has_a_labelled_lane_up_to_sixty_and_none_beyond():
    marks = {"died": "cross"}
    few = swimmer("few", "T", "D", lanes(60), marks)
    many = swimmer("many", "T", "D", lanes(600), marks)
    assert {f"S{n}" for n in range(60)} <= set(texts(few.wide))
    assert not {f"S{n}" for n in range(600)} & set(texts(many.wide))
    assert len(many.wide) < 800_000


def test_a_swimmer_that_leaves_lanes_out_says_so():
    assert swimmer("all", "T", "D", lanes(1500), {"died": "cross"}).title == "T"
    assert (
        swimmer("some", "T", "D", lanes(1501), {"died": "cross"}).title == "T: 751 of 1501 patients, one in 2"
    )


def test_dose_steps_are_named_and_hatched():
    drawing = swimmer("dose", "T", "D", lanes(2), {"died": "cross"}, zoom_days=28, steps=("low", "high"))
    assert {"low", "high", "5 µg/d", "9 µg/d"} <= set(texts(drawing.wide))
    assert "<pattern" in drawing.wide


def test_words_and_zero_stand_below_the_logarithmic_axis():
    panel = Panel("MRD", ("before", "after"), {("P1", "CR"): (8.37, "negative"), ("P2", "NR"): (0, 82.6)})
    words = texts(before_after("ba", "T", "D", [panel], ["CR", "NR"], axis="MRD (%)").wide)
    assert {"negative", "0", "1", "10", "100", "P1", "P2"} <= set(words)


def test_a_panel_of_six_hundred_patients_becomes_boxes():
    panel = Panel("MRD", ("before", "after"), {(f"S{n}", "A"): (n + 1.0, "negative") for n in range(600)})
    drawing = before_after("boxes", "T", "D", [panel], ["A"], axis="MRD (%)")
    assert "S1" not in texts(drawing.wide)
    assert len(drawing.wide) < 20_000


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_of_text_and_of_lines(scheme):
    blocks = CSS.split("@media screen and (prefers-color-scheme: dark)")
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme == "dark"].split("}")[0]))
    for name in ("ink", "muted", "link", "good", "warn", "bad"):
        assert contrast(colours[name], colours["paper"]) >= 4.5, name
        assert contrast(colours[name], colours["wash"]) >= 4.5, name
    for name in ("fig-ink", "fig-muted"):
        assert contrast(colours[name], colours["fig-paper"]) >= 4.5, name
    for name in ("fig-blue", "fig-orange", "fig-green", "fig-purple", "focus"):
        assert contrast(colours[name], colours["paper"]) >= 3, name
