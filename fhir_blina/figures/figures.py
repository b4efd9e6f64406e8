"""The figures: survival curves, proportions with intervals, values before and after, a lane per patient.

Each function takes plain numbers and words and returns a `Drawing`. Every line, marker and bar differs in
shape as well as in colour. Cohorts of hundreds are drawn too: lanes thin out, values become boxes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fhir_blina.figures.canvas import NARROW_INCHES, PALETTE, SERIES, WIDE_INCHES, Drawing, draw, printable
from fhir_blina.statistics import Curve

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
_DAY_STEPS = (1, 2, 5, 7, 10, 14, 20, 30, 60, 90, 180, 365, 730, 1461, 3652)


@dataclass(frozen=True)
class Interval:
    """A proportion: ``label``, ``value`` with ``low`` and ``high`` (0 to 1), and the counts as text."""

    label: str
    value: float
    low: float
    high: float
    counts: str


def day_ticks(longest: float, at_most: int) -> list[int]:
    """Round days from 0 up to the longest follow-up, in steps of weeks, months or years."""
    step = next((step for step in _DAY_STEPS if longest / step <= at_most), _DAY_STEPS[-1])
    return list(range(0, int(longest) + 1, step))


def survival(
    name: str,
    title: str,
    description: str,
    curves: Sequence[tuple[str, Curve]],
    *,
    axis: str = "Overall survival",
    start: str = "start",
    interval: str = "log-log",
) -> Drawing:
    """Kaplan-Meier curves with intervals, censor marks and numbers at risk.

    Args:
        name: Name of the files.
        title: One line.
        description: What the curves show, in words.
        curves: Label and curve of each group; more than four repeat the line styles.
        axis: Label of the vertical axis.
        start: What day 0 is; ends the label of the horizontal axis.
        interval: Name of the interval to draw, a key of ``Curve.intervals``.
    """
    longest = max((float(curve.times[-1]) for _, curve in curves if curve.n), default=0.0) or 1.0
    rows = len(curves)
    words = sum(len(label) + 12 for label, _ in curves if rows > 1) + 45
    longest_label = max((len(label) for label, _ in curves), default=0)
    below_each_other = rows + 2 if longest_label > 8 else 1 + -(-rows // 2)
    legend_rows = (1 + (words > 96), below_each_other if rows > 1 else 1)
    beside = min(2.0, max(1.1, 0.85 + 0.068 * min(longest_label, 18))) if rows > 1 else 1.1
    row_height = (14.4, 25.0 if rows > 1 else 14.4)

    def paint(figure: Figure, narrow: bool) -> None:
        top = 0.16 + 0.2 * legend_rows[narrow]
        left = 0.62 if narrow else beside
        below = 0.86 + row_height[narrow] / 72 * rows
        axes = margins(figure, left=left, right=0.2, top=top, bottom=below, narrow=narrow)
        for (_, curve), (colour, line, _) in zip(curves, _series(rows), strict=True):
            _curve(axes, curve, interval, PALETTE[colour], line)
        axes.set_ylim(0, 1.02)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100"])
        axes.set_ylabel(f"{printable(axis)} (%)")
        axes.set_xlim(-longest * 0.01, longest * 1.03)
        axes.set_xticks(day_ticks(longest, 5 if narrow else 10))
        axes.set_xlabel(f"Days since {printable(start)}")
        axes.grid(axis="y")
        _curve_legend(axes, curves, interval, -(-(rows * (rows > 1) + 2) // legend_rows[narrow]), narrow)
        _numbers_at_risk(axes, curves, 72 * left - 5, row_height[narrow], narrow)

    heights = [
        base + (rows * height) / 72 + 0.2 * legend
        for base, height, legend in zip((3.3, 2.9), row_height, legend_rows, strict=True)
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


def _curve(axes: Axes, curve: Curve, interval: str, colour: str, line: Any) -> None:
    """One step line to the end of its follow-up, its band, its censor marks."""
    times = [float(time) for time in curve.times]
    low, high = curve.intervals[interval]
    axes.fill_between(
        _steps(times, low)[0],
        _steps(times, low)[1],
        _steps(times, high)[1],
        color=colour,
        alpha=0.16,
        linewidth=0,
    )
    for edge in (low, high):
        axes.plot(*_steps(times, edge), color=colour, linewidth=0.7, linestyle=line, alpha=0.75)
    axes.plot(*_steps(times, curve.survival), color=colour, linestyle=line, linewidth=2, zorder=4)
    marks = [(t, s) for t, s, c in zip(times, curve.survival, curve.censored, strict=True) if c]
    many = len(marks) > MOST_MARKS
    style = {**_CENSORED, "markersize": 5, "markeredgewidth": 0.5} if many else _CENSORED
    axes.plot(*zip(*marks, strict=True), **style) if marks else None


def _curve_legend(
    axes: Axes, curves: Sequence[tuple[str, Curve]], interval: str, columns: int, narrow: bool
) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    if len(curves) > 1:
        for (label, curve), (colour, line, _) in zip(curves, _series(len(curves)), strict=True):
            words = f"{printable(label)} (n = {curve.n})"
            handles.append(Line2D([], [], color=PALETTE[colour], linestyle=line, linewidth=2, label=words))
    band = PALETTE[SERIES[0][0]] if len(curves) == 1 else PALETTE["muted"]
    words = f"{curves[0][1].confidence:.0%} interval".replace("%", " %") if curves else "interval"
    handles.append(
        Patch(color=band, alpha=0.25, linewidth=0, label=f"{words}{'' if narrow else f', {interval}'}")
    )
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
    axes: Axes, curves: Sequence[tuple[str, Curve]], room: float, row_height: float, narrow: bool
) -> None:
    """The rows of counts under the axis, as journals print them; on a phone each under its label."""
    under: dict[str, Any] = {"xycoords": "axes points", "annotation_clip": False, "fontsize": 8.5}
    axes.annotate("Number at risk", (-room, -48), fontweight="bold", **under)
    for row, ((label, curve), (colour, line, _)) in enumerate(zip(curves, _series(len(curves)), strict=True)):
        height = -62 - row_height * row - (row_height - 14.4)
        if len(curves) > 1:
            above = height + (row_height - 14.4)
            stroke = {"arrowstyle": "-", "color": PALETTE[colour], "linestyle": line, "linewidth": 2}
            axes.annotate(
                "",
                (20 - room, above + 3),
                (-room, above + 3),
                textcoords="axes points",
                arrowprops={**stroke, "shrinkA": 0, "shrinkB": 0},
                **under,
            )
            axes.annotate(printable(label)[: 34 if narrow else 18], (24 - room, above), **under)
        for day in axes.get_xticks():
            count = str(curve.number_at_risk(float(day)))
            where = {**under, "xycoords": ("data", "axes points")}
            axes.annotate(count, (float(day), height), ha="center", **where)


def proportions(
    name: str, title: str, description: str, rows: Sequence[Interval], *, interval: str
) -> Drawing:
    """Proportions with their intervals, one under the other, counts at the right.

    Args:
        name: Name of the files.
        title: One line.
        description: What the proportions are, in words.
        rows: From top to bottom.
        interval: What the bars are; ends the label of the axis.
    """
    texts = [
        f"{row.counts} · {100 * row.value:.0f} % ({100 * row.low:.0f}–{100 * row.high:.0f})" for row in rows
    ]
    beside = 0.2 + 0.078 * max(map(len, texts), default=0)
    before = min(3.4, 0.3 + 0.075 * max((len(row.label) for row in rows), default=0))

    def paint(figure: Figure, narrow: bool) -> None:
        axes = margins(
            figure,
            left=0.25 if narrow else before,
            right=0.25 if narrow else beside,
            top=0.3 if narrow else 0.1,
            bottom=0.55,
            narrow=narrow,
        )
        for place, row in enumerate(rows):
            axes.plot(
                [row.low, row.high],
                [place, place],
                color=PALETTE["blue"],
                linewidth=2.4,
                solid_capstyle="butt",
            )
            for end in (row.low, row.high):
                axes.plot([end, end], [place - 0.14, place + 0.14], color=PALETTE["blue"], linewidth=1.4)
            axes.plot([row.value], [place], "D", color=PALETTE["ink"], markersize=5.5, zorder=4)
            text = texts[place]
            if narrow:
                axes.text(0, place - 0.3, f"{printable(row.label)}: {text}", fontsize=7.6, va="bottom")
            else:
                axes.text(-0.03, place, printable(row.label)[:44], ha="right", va="center")
                axes.text(1.04, place, text, va="center")
        axes.set_ylim(len(rows) - 0.5, -0.7 if narrow else -0.5)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlim(-0.01, 1.01)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100"])
        axes.set_xlabel(f"Patients (%), {interval}")
        axes.grid(axis="x")

    return draw(name, title, description, paint, heights=(0.75 + 0.3 * len(rows), 0.95 + 0.48 * len(rows)))


def _series(count: int) -> list[tuple[str, Any, str]]:
    return [SERIES[index % len(SERIES)] for index in range(count)]


def margins(figure: Figure, *, left: float, right: float, top: float, bottom: float, narrow: bool) -> Axes:
    """Axes with margins in inches, so that no label is ever cut off."""
    width, height = (NARROW_INCHES if narrow else WIDE_INCHES), float(figure.get_figheight())
    return figure.add_axes(
        (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    )
