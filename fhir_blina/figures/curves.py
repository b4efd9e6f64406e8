"""Curves over time: survival by Kaplan-Meier, cumulative incidence by Aalen-Johansen.

Both are step lines to the end of each group's follow-up, with bands and the numbers at risk below.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fhir_blina.figures.canvas import PALETTE, SERIES, Drawing, draw, printable
from fhir_blina.figures.figures import day_ticks, margins
from fhir_blina.figures.thinning import MOST_STEPS, CurveLine, apart, thinned
from fhir_blina.figures.wording import width_of, wrapped
from fhir_blina.statistics import Curve, Incidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_MARKS = 40  # censored patients of a group beyond which their marks are drawn thin
_CENSORED: dict[str, Any] = {
    "color": PALETTE["ink"],
    "marker": "|",
    "linestyle": "none",
    "markersize": 9,
    "markeredgewidth": 1.4,
    "zorder": 5,
}


def survival(
    name: str,
    title: str,
    description: str,
    curves: Sequence[tuple[str, Curve]],
    *,
    axis: str = "Overall survival",
    start: str = "start",
    interval: str = "log-log",
    said: Sequence[str] = (),
) -> Drawing:
    """Kaplan-Meier curves with intervals, censor marks and numbers at risk.

    Args:
        name: Name of the files.
        title: One line.
        description: What the curves show, in words.
        curves: Label and curve of each group; more than four repeat the line styles.
        axis: Label of the vertical axis.
        start: What day 0 is; ends the label of the horizontal axis.
        interval: Name of the interval to draw, see ``Curve.bounds``.
        said: Sentences under the curves: medians, P, hazard ratio.
    """
    lines = [
        CurveLine(
            label=label,
            times=[float(time) for time in curve.times],
            values=curve.survival.tolist(),
            low=curve.bounds(interval)[0].tolist(),
            high=curve.bounds(interval)[1].tolist(),
            censored=[
                (float(time), float(value))
                for time, value, count in zip(curve.times, curve.survival, curve.censored, strict=True)
                if count
            ],
            n=curve.n,
            at_risk=curve.number_at_risk,
        )
        for label, curve in curves
    ]
    confidence = curves[0][1].confidence if curves else 0.95
    return _draw(
        name, title, description, lines, lines, axis, start, f"{confidence:.0%} interval", interval, said
    )


def incidence(
    name: str,
    title: str,
    description: str,
    curves: Sequence[tuple[str, Incidence]],
    *,
    axis: str = "Cumulative incidence",
    start: str = "start",
    one_group: bool = False,
    said: Sequence[str] = (),
) -> Drawing:
    """Cumulative incidence with intervals and numbers at risk.

    Args:
        name: Name of the files.
        title: One line.
        description: What the curves show, in words.
        curves: Label and curve of each cause, or of each group.
        axis: Label of the vertical axis.
        start: What day 0 is; ends the label of the horizontal axis.
        one_group: The curves are the causes of one group, whose numbers at risk stand below once.
        said: Sentences under the curves: P, sizes.
    """
    lines = [
        CurveLine(
            label=label,
            times=[float(time) for time in curve.times],
            values=curve.incidence.tolist(),
            low=curve.interval()[0].tolist(),
            high=curve.interval()[1].tolist(),
            censored=[],
            n=curve.n,
            at_risk=curve.number_at_risk,
        )
        for label, curve in curves
    ]
    rows = lines[:1] if one_group else lines
    return _draw(name, title, description, lines, rows, axis, start, "95% interval", "log-log", said)


def _draw(
    name: str,
    title: str,
    description: str,
    lines: Sequence[CurveLine],
    under: Sequence[CurveLine],
    axis: str,
    start: str,
    band: str,
    interval: str,
    said: Sequence[str],
) -> Drawing:
    longest = max((line.times[-1] for line in lines if line.n), default=0.0) or 1.0
    several, rows = len(lines) > 1, len(under)
    words = sum(width_of(printable(line.label)) + 12 for line in lines if several) + 45
    longest_label = max((width_of(printable(line.label)) for line in lines), default=0)
    below_each_other = len(lines) + 2 if longest_label > 8 else 1 + -(-len(lines) // 2)
    legend_rows = (1 + (words > 96), below_each_other if several else 1)
    beside = min(2.0, max(1.1, 0.85 + 0.068 * min(longest_label, 18))) if rows > 1 else 1.1
    row_height = (14.4, 25.0 if rows > 1 else 14.4)
    under_all = [
        [part for sentence in said for part in wrapped(printable(sentence), room)] for room in (92, 44)
    ]

    def paint(figure: Figure, narrow: bool) -> None:
        top = 0.16 + 0.2 * legend_rows[narrow]
        left = 0.62 if narrow else beside
        below = 0.86 + row_height[narrow] / 72 * rows + 0.18 * len(under_all[narrow])
        axes = margins(figure, left=left, right=0.2, top=top, bottom=below, narrow=narrow)
        axes.set_xlim(-longest * 0.01, longest * 1.03)
        for line, (colour, style, _) in zip(lines, _series(len(lines)), strict=True):
            _step(axes, thinned(line), PALETTE[colour], style)
        axes.set_ylim(0, 1.02)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100"])
        axes.set_ylabel(f"{printable(axis)} (%)")
        axes.set_xticks(day_ticks(longest, 5 if narrow else 10))
        axes.set_xlabel(f"Days since {printable(start)}")
        axes.grid(axis="y")
        columns = -(-(len(lines) * several + 2) // legend_rows[narrow])
        shade = band.replace("%", " %") + ("" if narrow else f", {interval}")
        _legend(axes, lines, shade, columns)
        for place, line_said in enumerate(under_all[narrow]):
            height = -64 - row_height[narrow] * rows - 13 * place
            where = (5 - 72 * left, height)
            axes.annotate(line_said, where, xycoords="axes points", annotation_clip=False, fontsize=8.5)
        _numbers_at_risk(axes, under, 72 * left - 5, row_height[narrow], narrow)

    heights = [
        base + (rows * height) / 72 + 0.2 * legend + 0.18 * len(words_below)
        for base, height, legend, words_below in zip(
            (3.3, 2.9), row_height, legend_rows, under_all, strict=True
        )
    ]
    return draw(name, title, description, paint, heights=(heights[0], heights[1]))


def _steps(times: Sequence[float], values: Iterable[float]) -> tuple[list[float], list[float]]:
    """Corners of a right-continuous step line; stretches where it is not defined are left out as NaN."""
    across: list[float] = []
    up: list[float] = []
    for index, value in enumerate(values):
        until = times[index + 1] if index + 1 < len(times) else times[index]
        across += [times[index], until]
        up += [value, value]
    return across, up


def _step(axes: Axes, line: CurveLine, colour: str, style: Any) -> None:
    """One step line to the end of its follow-up, its band, its censor marks."""
    axes.fill_between(
        _steps(line.times, line.low)[0],
        _steps(line.times, line.low)[1],
        _steps(line.times, line.high)[1],
        color=colour,
        alpha=0.16,
        linewidth=0,
    )
    for edge in (line.low, line.high):
        axes.plot(*_steps(line.times, edge), color=colour, linewidth=0.7, linestyle=style, alpha=0.75)
    axes.plot(*_steps(line.times, line.values), color=colour, linestyle=style, linewidth=2, zorder=4)
    marks = apart(line.censored, axes.get_xlim()[1] / MOST_STEPS)
    if marks:
        half = 0.012 if len(line.censored) > MOST_MARKS else 0.022
        across = [place for day, _ in marks for place in (day, day, math.nan)]
        up = [place for _, value in marks for place in (value - half, value + half, math.nan)]
        width = 0.6 if len(line.censored) > MOST_MARKS else 1.4
        axes.plot(
            across, up, color=PALETTE["ink"], linewidth=width, solid_capstyle="butt", zorder=5, clip_on=False
        )


def _legend(axes: Axes, lines: Sequence[CurveLine], band: str, columns: int) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    if len(lines) > 1:
        for line, (colour, style, _) in zip(lines, _series(len(lines)), strict=True):
            words = f"{printable(line.label)} (n = {line.n})"
            handles.append(Line2D([], [], color=PALETTE[colour], linestyle=style, linewidth=2, label=words))
    fill = PALETTE[SERIES[0][0]] if len(lines) == 1 else PALETTE["muted"]
    handles.append(Patch(color=fill, alpha=0.25, linewidth=0, label=band))
    if any(line.censored for line in lines):
        handles.append(Line2D([], [], label="censored", **_CENSORED))
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=columns,
        borderaxespad=0.1,
        columnspacing=1.2,
        handlelength=2.6,
    )


def _numbers_at_risk(
    axes: Axes, lines: Sequence[CurveLine], room: float, row_height: float, narrow: bool
) -> None:
    """The rows of counts under the axis, as journals print them; on a phone each under its label."""
    under: dict[str, Any] = {"xycoords": "axes points", "annotation_clip": False, "fontsize": 8.5}
    axes.annotate("Number at risk", (-room, -48), fontweight="bold", **under)
    for row, (line, (colour, style, _)) in enumerate(zip(lines, _series(len(lines)), strict=True)):
        height = -62 - row_height * row - (row_height - 14.4)
        if len(lines) > 1:
            above = height + (row_height - 14.4)
            stroke = {"arrowstyle": "-", "color": PALETTE[colour], "linestyle": style, "linewidth": 2}
            axes.annotate(
                "",
                (20 - room, above + 3),
                (-room, above + 3),
                textcoords="axes points",
                arrowprops={**stroke, "shrinkA": 0, "shrinkB": 0},
                **under,
            )
            axes.annotate(printable(line.label)[: 34 if narrow else 18], (24 - room, above), **under)
        for day in axes.get_xticks():
            count = str(line.at_risk(float(day)))
            where = {**under, "xycoords": ("data", "axes points")}
            axes.annotate(count, (float(day), height), ha="center", **where)


def _series(count: int) -> list[tuple[str, Any, str]]:
    return [SERIES[index % len(SERIES)] for index in range(count)]
