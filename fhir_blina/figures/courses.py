"""Courses of a measure over time, by patient or as means with intervals, and its change as a waterfall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fhir_blina.figures.canvas import PALETTE, SERIES, Drawing, draw, printable
from fhir_blina.figures.figures import day_ticks, margins

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Course:
    """One line over time: of a patient, or the mean of a group with its interval where it has one.

    Attributes:
        group: Name of the group, empty for none.
        days: Rising.
        values: As many.
        low: Lower ends of the interval of each value, empty without intervals.
        high: Upper ends.
    """

    group: str
    days: Sequence[float]
    values: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True)
class Bar:
    """The change of one patient in per cent: label, empty for none, and group."""

    label: str
    group: str
    change: float


def spaghetti(
    name: str,
    title: str,
    description: str,
    courses: Sequence[Course],
    groups: Sequence[str],
    *,
    axis: str,
    start: str,
) -> Drawing:
    """A line for each course, in the colour and style of its group; intervals as bars.

    Args:
        name: Name of the files.
        title: One line.
        description: What the figure shows, in words.
        courses: Of patients, or of groups.
        groups: In the order of their colours; empty for none.
        axis: Label of the vertical axis, with unit.
        start: What day 0 is; ends the label of the horizontal axis.
    """
    first = min((course.days[0] for course in courses), default=0.0)
    last = max((course.days[-1] for course in courses), default=0.0)

    def paint(figure: Figure, narrow: bool) -> None:
        top = 0.3 if groups else 0.1
        axes = margins(figure, left=0.75, right=0.2, top=top, bottom=0.55, narrow=narrow)
        for course in courses:
            _course(axes, course, groups)
        low = min(first, 0.0)
        axes.set_xlim(low - 0.02 * (last - low or 1.0), last + 0.03 * (last - low or 1.0))
        axes.set_xticks([day for day in day_ticks(last, 5 if narrow else 10) if day >= low])
        axes.set_xlabel(f"Days since {printable(start)}")
        axes.set_ylabel(printable(axis))
        axes.grid(axis="y")
        _key(figure, groups)

    return draw(name, title, description, paint, heights=(3.4, 3.0))


def _course(axes: Axes, course: Course, groups: Sequence[str]) -> None:
    colour, style, marker = _series(course.group, groups)
    line: dict[str, Any] = {"color": PALETTE[colour], "linestyle": style}
    if course.low:
        ends = (
            [value - low for value, low in zip(course.values, course.low, strict=True)],
            [high - value for value, high in zip(course.values, course.high, strict=True)],
        )
        axes.errorbar(
            course.days,
            course.values,
            yerr=ends,
            marker=marker,
            markersize=5,
            capsize=3,
            linewidth=1.6,
            **line,
        )
        return
    axes.plot(course.days, course.values, marker=marker, markersize=3, linewidth=1.0, **line)


def waterfall(
    name: str,
    title: str,
    description: str,
    bars: Sequence[Bar],
    groups: Sequence[str],
    *,
    axis: str,
    lines: Sequence[float] = (),
) -> Drawing:
    """A bar for each patient, from the greatest rise to the greatest fall.

    Args:
        name: Name of the files.
        title: One line.
        description: What the figure shows, in words.
        bars: In the order in which they stand.
        groups: In the order of their colours; empty for none.
        axis: Label of the vertical axis.
        lines: Changes that are marked across the figure, in per cent.
    """
    labelled = any(bar.label for bar in bars)

    def paint(figure: Figure, narrow: bool) -> None:
        from matplotlib.patches import Patch

        top = 0.3 if groups else 0.1
        axes = margins(figure, left=0.75, right=0.2, top=top, bottom=0.55, narrow=narrow)
        for place, bar in enumerate(bars):
            colour, _, _ = _series(bar.group, groups)
            hatch = _HATCHES[groups.index(bar.group) % len(_HATCHES)] if bar.group in groups else ""
            style: dict[str, Any] = {"color": PALETTE[colour], "edgecolor": PALETTE["paper"], "hatch": hatch}
            axes.bar([place], [bar.change], width=0.8, linewidth=0.4, **style)
        axes.axhline(0, color=PALETTE["muted"], linewidth=0.8)
        for line in lines:
            axes.axhline(line, color=PALETTE["muted"], linewidth=0.8, linestyle=(0, (2, 2)))
        axes.set_xlim(-0.7, len(bars) - 0.3)
        size = 8.5 if len(bars) <= (12 if narrow else 24) else 6
        turned: dict[str, Any] = {"rotation": 90} if narrow and len(bars) > 8 else {}
        names = [printable(bar.label)[:8] for bar in bars]
        axes.set_xticks(
            range(len(bars)) if labelled else [], names if labelled else [], fontsize=size, **turned
        )
        axes.tick_params(axis="x", length=0)
        axes.set_ylabel(printable(axis))
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        handles = [
            Patch(
                facecolor=PALETTE[_series(group, groups)[0]],
                edgecolor=PALETTE["paper"],
                hatch=_HATCHES[place % len(_HATCHES)],
                label=printable(group),
            )
            for place, group in enumerate(groups)
        ]
        if handles:
            figure.legend(
                handles=handles, loc="upper left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0.1
            )

    return draw(name, title, description, paint, heights=(3.2, 3.0))


_HATCHES = ("", "////", "....", "\\\\")


def _series(group: str, groups: Sequence[str]) -> tuple[str, Any, str]:
    return SERIES[groups.index(group) % len(SERIES)] if group in groups else SERIES[0]


def _key(figure: Figure, groups: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            color=PALETTE[colour],
            linestyle=style,
            marker=marker,
            markersize=4,
            label=printable(group),
        )
        for group in groups
        for colour, style, marker in [_series(group, groups)]
    ]
    if handles:
        figure.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0.1)
