"""Proportions with their intervals, and what every figure with an axis of days needs.

Each function takes plain numbers and words and returns a `Drawing`. Every line, marker and bar differs in
shape as well as in colour. Cohorts of hundreds are drawn too: lanes thin out, values become boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fhir_blina.figures.canvas import NARROW_INCHES, PALETTE, WIDE_INCHES, Drawing, draw, printable
from fhir_blina.figures.wording import width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
    before = min(3.4, 0.3 + 0.075 * max((width_of(printable(row.label)) for row in rows), default=0))

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


def margins(figure: Figure, *, left: float, right: float, top: float, bottom: float, narrow: bool) -> Axes:
    """Axes with margins in inches, so that no label is ever cut off."""
    width, height = (NARROW_INCHES if narrow else WIDE_INCHES), float(figure.get_figheight())
    return figure.add_axes(
        (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    )
