"""The forest plot: hazard ratios of a comparison in all and in each subgroup, on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fhir_blina.figures.canvas import PALETTE, Drawing, draw, printable
from fhir_blina.figures.figures import margins
from fhir_blina.figures.wording import wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDEST = (0.05, 20.0)  # beyond these an interval ends in an arrow
_LINE = 0.14  # inches of a line under the axis
_TICKS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)


@dataclass(frozen=True)
class ForestRow:
    """One line: a ratio, or a heading.

    Attributes:
        label: Subgroup; of a heading, what follows.
        value: Hazard ratio; ``None`` where it is not estimable, or of a heading.
        low: Lower limit.
        high: Upper limit; ``None`` where it has none.
        counts: Events and patients in words.
        events: Makes the square larger.
        said: Right of the line: the ratio with its interval, or the P of a heading.
        heading: Whether the line is a heading.
    """

    label: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    counts: str = ""
    events: int = 0
    said: str = ""
    heading: bool = False


def forest(
    name: str,
    title: str,
    description: str,
    rows: Sequence[ForestRow],
    *,
    sides: tuple[str, str],
    said: str = "",
) -> Drawing:
    """A forest plot.

    Args:
        name: Name of the files.
        title: One line.
        description: What the ratios are, in words.
        rows: From top to bottom; the first is of all, and a line is drawn at its ratio.
        sides: What a ratio below 1, and one above it, means.
        said: A sentence under the axis.
    """
    low, high = _range(rows)
    before = min(2.6, 0.35 + 0.075 * max((len(row.label) for row in rows), default=0))
    beside = 0.15 + 0.068 * max((len(_beside(row)) for row in rows), default=0)

    def paint(figure: Figure, narrow: bool) -> None:
        axes = margins(
            figure,
            left=0.2 if narrow else before,
            right=0.2 if narrow else beside,
            top=0.1,
            bottom=0.8 + _LINE * len(_wrapped(said, narrow=narrow)),
            narrow=narrow,
        )
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        _references(axes, rows, narrow=narrow)
        most = max((row.events for row in rows), default=1) or 1
        for place, row in enumerate(rows):
            _line(axes, place, row, (low, high), most)
            _words(axes, place, row, narrow=narrow)
        axes.set_ylim(len(rows) - 0.4, -0.9 if narrow else -0.6)
        axes.set_yticks([])
        axes.minorticks_off()
        axes.spines["left"].set_visible(False)
        ticks = [tick for tick in _TICKS if low <= tick <= high]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_xlabel("Hazard ratio, 95 % interval")
        for across, side, text in ((0.0, "left", f"← {sides[0]}"), (1.0, "right", f"{sides[1]} →")):
            axes.annotate(
                printable(text),
                (across, 0),
                (0, -38),
                xycoords="axes fraction",
                textcoords="offset points",
                ha=side,
                fontsize=7.5,
                color=PALETTE["muted"],
            )
        lines = _wrapped(said, narrow=narrow)
        figure.text(0.02, 0.01, "\n".join(lines), fontsize=7.5, va="bottom", linespacing=1.25)

    below = [_LINE * len(_wrapped(said, narrow=narrow)) for narrow in (False, True)]
    heights = (0.95 + 0.27 * len(rows) + below[0], 1.1 + 0.45 * len(rows) + below[1])
    return draw(name, title, description, paint, heights=heights)


def _wrapped(sentences: str, *, narrow: bool) -> list[str]:
    return wrapped(printable(sentences), 56 if narrow else 122)


def _references(axes: Axes, rows: Sequence[ForestRow], *, narrow: bool) -> None:
    """Lines at 1 and at the ratio of all; on a phone beside each interval only, as words stand between."""
    styles: list[tuple[float, Any]] = [(1.0, {"color": PALETTE["ink"]})]
    if rows and rows[0].value is not None:
        styles.append((rows[0].value, {"color": PALETTE["muted"], "linestyle": (0, (3, 3))}))
    for ratio, style in styles:
        if not narrow:
            axes.axvline(ratio, linewidth=0.9, **style)
            continue
        for place, row in enumerate(rows):
            if row.value is not None:
                axes.plot([ratio, ratio], [place - 0.2, place + 0.2], linewidth=0.9, **style)


def _range(rows: Sequence[ForestRow]) -> tuple[float, float]:
    """The ends of the axis: all intervals, 1 within, nothing beyond the widest."""
    ends = [end for row in rows for end in (row.low, row.high, row.value) if end]
    low, high = min([0.5, *ends]), max([2.0, *ends])
    return max(_WIDEST[0], low * 0.9), min(_WIDEST[1], high * 1.1)


def _line(axes: Axes, place: int, row: ForestRow, ends: tuple[float, float], most: int) -> None:
    if row.value is None:
        return
    low = max(row.low or ends[0], ends[0])
    high = min(row.high or ends[1], ends[1])
    axes.plot([low, high], [place, place], color=PALETTE["blue"], linewidth=1.6, solid_capstyle="butt")
    for end, given, marker in ((low, row.low, "<"), (high, row.high, ">")):
        if not given or end != given:
            axes.plot([end], [place], marker, color=PALETTE["blue"], markersize=5, clip_on=False)
    if ends[0] <= row.value <= ends[1]:
        size = 3.5 + 4.5 * math.sqrt(row.events / most)
        shape = "D" if place == 0 else "s"
        axes.plot([row.value], [place], shape, color=PALETTE["ink"], markersize=size, zorder=4)


def _beside(row: ForestRow) -> str:
    return "   ".join(text for text in (row.counts, row.said) if text)


def _words(axes: Axes, place: int, row: ForestRow, *, narrow: bool) -> None:
    weight = "bold" if row.heading or place == 0 else "normal"
    indent = "" if row.heading or place == 0 else "  "
    text = _beside(row)
    style: Any = {"transform": axes.get_yaxis_transform(), "weight": weight}
    if narrow:
        said = f"{printable(row.label)}{': ' if text else ''}{printable(text)}"
        axes.text(0, place - 0.28, said, fontsize=7.2, va="bottom", **style)
        return
    axes.text(-0.03, place, indent + printable(row.label), ha="right", va="center", **style)
    axes.text(1.03, place, printable(text), va="center", fontsize=8, transform=style["transform"])
