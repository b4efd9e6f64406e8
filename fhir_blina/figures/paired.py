"""The figure of values before and after: a line for each patient, or boxes for thirty and more."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fhir_blina.figures.canvas import PALETTE, WIDE_INCHES, Drawing, draw, printable
from fhir_blina.figures.wording import wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Height = Callable[[float | str | None], float]

MOST_LINES = 29
_SIGN_INCHES = 0.064  # width of a character of a label
_MARKERS = (("blue", "o"), ("orange", "s"), ("green", "D"), ("purple", "^"))
_BOX: dict[str, Any] = {
    "showfliers": False,
    "manage_ticks": False,
    "medianprops": {"color": PALETTE["orange"], "linewidth": 1.6},
    "boxprops": {"color": PALETTE["blue"]},
    "whiskerprops": {"color": PALETTE["blue"]},
    "capprops": {"color": PALETTE["blue"]},
}


@dataclass(frozen=True)
class Panel:
    """Values of one measure in one specimen.

    Attributes:
        title: Measure and specimen.
        stages: Names of the times, from left to right.
        patients: Label and group of each patient to a value for each stage: a number, a word such as
            ``negative``, or ``None`` where there is nothing to draw.
    """

    title: str
    stages: tuple[str, ...]
    patients: Mapping[tuple[str, str], tuple[float | str | None, ...]]


def before_after(
    name: str, title: str, description: str, panels: Sequence[Panel], groups: Sequence[str], *, axis: str
) -> Drawing:
    """Values at successive times on a logarithmic axis, with lanes below it for words and for zero.

    Args:
        name: Name of the files.
        title: One line.
        description: What the figure shows, in words.
        panels: One plot each, sharing the axis.
        groups: Groups in the order of their markers.
        axis: Label of the axis, with unit.
    """
    values = [value for panel in panels for row in panel.patients.values() for value in row]
    numbers = [float(v) for v in values if not isinstance(v, str) and v is not None and v > 0]
    words = sorted(
        {"0" if v == 0 else str(v) for v in values if isinstance(v, str) or v == 0}, key=lambda w: w != "0"
    )
    low = math.floor(math.log10(min(numbers, default=1.0)))
    high = math.ceil(math.log10(max(numbers, default=10.0)))
    high += high == low

    def height(value: float | str | None) -> float:
        if isinstance(value, str) or value == 0:
            return low - 0.55 * (1 + words.index("0" if value == 0 else str(value)))
        return math.nan if value is None else math.log10(value)

    def paint(figure: Figure, narrow: bool) -> None:
        from matplotlib.gridspec import GridSpec

        columns = min(2 if narrow else 4, len(panels)) or 1
        rows = -(-len(panels) // columns)
        width, tall = figure.get_size_inches()
        grid = GridSpec(
            rows,
            columns,
            figure=figure,
            left=0.95 / width,
            right=1 - 0.25 / width,
            top=1 - 0.62 / tall,
            bottom=0.35 / tall,
            wspace=0.12,
            hspace=0.42,
        )
        for index, panel in enumerate(panels):
            axes = figure.add_subplot(grid[index // columns, index % columns])
            _panel(axes, panel, groups, height)
            ticks = [*(range(low, high + 1)), *(height(word) for word in words)]
            axes.set_yticks(
                ticks, [f"{10.0**power:g}" for power in range(low, high + 1)] + list(map(printable, words))
            )
            axes.set_ylim(low - 0.55 * len(words) - 0.35, high + 0.15)
            axes.grid(axis="y")
            if words:
                axes.axhline(low - 0.25, color=PALETTE["muted"], linewidth=0.8, linestyle=(0, (1, 2)))
            if index % columns:
                axes.tick_params(axis="y", labelleft=False)
            else:
                axes.set_ylabel(printable(axis))
        _panel_legend(figure, panels, groups)

    rows = -(-len(panels) // 2)
    return draw(
        name, title, description, paint, heights=(3.6 * max(1, -(-len(panels) // 4)), 0.4 + 2.7 * rows)
    )


def _panel(axes: Axes, panel: Panel, groups: Sequence[str], height: Height) -> None:
    axes.set_title("\n".join(wrapped(printable(panel.title), 22)), fontsize=8.5, loc="left")
    axes.set_xticks(range(len(panel.stages)), [printable(stage) for stage in panel.stages], fontsize=7.8)
    axes.set_xlim(-0.62, len(panel.stages) - 0.15)
    if len(panel.patients) > MOST_LINES:
        for place in range(len(panel.stages)):
            column = [height(row[place]) for row in panel.patients.values() if row[place] is not None]
            if column:
                axes.boxplot([column], positions=[place], widths=0.5, **_BOX)
        return
    ends: list[tuple[float, float, str]] = []
    for (label, group), row in panel.patients.items():
        colour, marker = _MARKERS[groups.index(group) % len(_MARKERS)] if group in groups else ("muted", "o")
        drawn = [(place, height(value)) for place, value in enumerate(row) if value is not None]
        if not drawn:
            continue
        style: dict[str, Any] = {
            "color": PALETTE[colour],
            "marker": marker,
            "markersize": 4.5,
            "linewidth": 1.1,
        }
        axes.plot(*zip(*drawn, strict=True), **style, clip_on=False)
        ends.append((drawn[-1][0], drawn[-1][1], printable(label)[:6]))
    _end_labels(axes, ends)


def _end_labels(axes: Axes, ends: Sequence[tuple[float, float, str]]) -> None:
    """The patients' labels at the ends of their lines; labels that would collide share a place.

    Room is made for those that stand left of the first time, so that none lies on the axis.
    """
    places: list[tuple[float, float, list[str]]] = []
    for across, up, label in sorted(ends):
        if places and places[-1][0] == across and up - places[-1][1] < 0.16:
            places[-1][2].append(label)
        else:
            places.append((across, up, [label]))
    narrow = float(axes.figure.get_figwidth()) < WIDE_INCHES  # type: ignore[union-attr]
    said = [
        (across, up, _together(labels, 1 + (across > 0) if narrow else 3)) for across, up, labels in places
    ]
    _make_room(axes, [(across, words) for across, _, words in said])
    for across, up, words in said:
        box = {"facecolor": PALETTE["paper"], "edgecolor": "none", "pad": 0.4, "alpha": 0.8}
        style: dict[str, Any] = {"textcoords": "offset points", "va": "center", "fontsize": 7.2, "bbox": box}
        style["ha"] = "right" if across == 0 else "left"  # lines leave the first time to the right
        axes.annotate(words, (across, up), (-5 if across == 0 else 5, 0), **style)


def _together(labels: Sequence[str], a_line: int) -> str:
    """Labels at one place, so many a line; how many there are of more than three."""
    if len(labels) > 3:
        return f"{len(labels)} patients"
    lines = [",".join(labels[place : place + a_line]) for place in range(0, len(labels), a_line)]
    return "\n".join(lines)


def _make_room(axes: Axes, labels: Sequence[tuple[float, str]]) -> None:
    """Limits of the times, so that labels before the first and after the last stay within the panel."""
    figure: Any = axes.figure
    width = float(figure.get_figwidth()) * axes.get_position().width
    last = max((across for across, _ in labels), default=0.0)
    left, right = (
        0.12
        + _SIGN_INCHES
        * max(
            (len(line) for across, words in labels if (across == 0) == first for line in words.split("\n")),
            default=3,
        )
        for first in (True, False)
    )
    if last and left + right < 0.7 * width:
        scale = last / (width - left - right)
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, -left * scale), max(high, last + right * scale))


def _panel_legend(figure: Figure, panels: Sequence[Panel], groups: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    if not groups or any(len(panel.patients) > MOST_LINES for panel in panels):
        return
    handles = [
        Line2D(
            [],
            [],
            color=PALETTE[colour],
            marker=marker,
            markersize=4.5,
            linewidth=1.1,
            label=printable(group),
        )
        for group, (colour, marker) in zip(groups, _MARKERS * len(groups), strict=False)
    ]
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0.1)
