"""Shapes of marks and shades of treatment steps in a swimmer plot, and the legend that names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fhir_blina.figures.canvas import PALETTE, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The words that a report definition uses for the shape of a mark.
SHAPES = {
    "diamond": ("D", "purple", 5.5),
    "triangle": ("v", "orange", 6.5),
    "cross": ("X", "ink", 7.0),
    "circle": ("o", "paper", 5.5),
    "square": ("s", "green", 5.0),
    "star": ("*", "sand", 8.0),
    "arrow": (">", "ink", 6.0),
}
#: Steps of treatment, told apart by shade and hatching: first, second, later, and the only one of a patient.
STEPS = (("sky", "////"), ("blue", ""), ("green", "...."), ("sand", "\\\\"))
_LATER, ONLY = 2, 3


def step_style(order: int) -> int:
    """The place in `STEPS` of a step's order."""
    return order if order == ONLY else min(order, _LATER)


def swimmer_legend(
    figure: Figure,
    orders: Sequence[int],
    used: Sequence[str],
    shapes: Mapping[str, str],
    steps: Sequence[str],
    only: str,
    *,
    columns: int,
) -> None:
    """The legend above a swimmer plot: steps of treatment, then marks."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    for order in sorted({step_style(order) for order in orders}):
        colour, hatch = STEPS[order]
        words = only if order == ONLY else steps[min(order, len(steps) - 1)]
        handles.append(Patch(facecolor=PALETTE[colour], hatch=hatch, edgecolor=PALETTE["paper"], label=words))
    for mark in used:
        marker, colour, size = SHAPES[shapes[mark]]
        style: dict[str, Any] = {
            "color": PALETTE[colour],
            "markeredgecolor": PALETTE["ink"],
            "markersize": size,
        }
        handles.append(Line2D([], [], marker=marker, linestyle="none", label=printable(mark), **style))
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns,
        columnspacing=1.4,
        handlelength=1.6,
        borderaxespad=0.1,
    )
