"""The flow of patients: how many there are, who is left out and why, and how many each group counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fhir_blina.figures.canvas import NARROW_INCHES, PALETTE, WIDE_INCHES, Drawing, draw, printable
from fhir_blina.figures.wording import wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE, _GAP, _PAD = 0.175, 0.28, 0.12  # inches: a line of text, between boxes, inside a box
Point = tuple[float, float]
_SIGN = 0.082  # inches: the width of a character


@dataclass(frozen=True)
class Step:
    """A box of the flow: its lines, and those of the box beside it for who leaves here, empty for none."""

    lines: tuple[str, ...]
    leaving: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Box:
    """A box in inches: its left and upper edge, width, height, lines."""

    left: float
    top: float
    width: float
    height: float
    lines: tuple[str, ...]

    @property
    def middle(self) -> float:
        return self.left + self.width / 2


def flow(
    name: str, title: str, description: str, steps: Sequence[Step], groups: Sequence[Step] = ()
) -> Drawing:
    """Boxes from all patients to those analysed, and one box a group below them.

    Args:
        name: Name of the files.
        title: One line.
        description: The same in words.
        steps: From top to bottom.
        groups: Side by side under the last step; under each other on a phone and where there are many.
    """
    places = {narrow: _placed(steps, groups, narrow) for narrow in (False, True)}
    heights = {
        narrow: max(box.top + box.height for box in found[0]) + 0.1 for narrow, found in places.items()
    }

    def paint(figure: Figure, narrow: bool) -> None:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, NARROW_INCHES if narrow else WIDE_INCHES)
        axes.set_ylim(heights[narrow], 0)
        axes.axis("off")
        boxes, arrows = places[narrow]
        for start, end in arrows:
            _paint_arrow(axes, start, end)
        for box in boxes:
            _paint_box(axes, box)

    return draw(name, title, description, paint, heights=(heights[False], heights[True]))


def _paint_arrow(axes: Axes, start: Point, end: Point) -> None:
    """Straight, or down, across and down again where the box stands elsewhere."""
    if start[0] != end[0] and start[1] != end[1]:
        bus = end[1] - 0.14
        axes.plot([start[0], start[0], end[0]], [start[1], bus, bus], color=PALETTE["muted"], linewidth=1)
        start = (end[0], bus)
    style = {"arrowstyle": "-|>", "color": PALETTE["muted"], "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style)


def _paint_box(axes: Axes, box: _Box) -> None:
    from matplotlib.patches import Rectangle

    style: dict[str, Any] = {"facecolor": PALETTE["paper"], "edgecolor": PALETTE["muted"], "linewidth": 0.9}
    axes.add_patch(Rectangle((box.left, box.top), box.width, box.height, **style))
    for place, line in enumerate(box.lines):
        axes.text(
            box.left + _PAD,
            box.top + _PAD + _LINE * (place + 0.5),
            line,
            va="center",
            fontsize=8.5,
            fontweight="bold" if place == 0 else "normal",
        )


def _placed(
    steps: Sequence[Step], groups: Sequence[Step], narrow: bool
) -> tuple[list[_Box], list[tuple[Point, Point]]]:
    """Boxes and arrows of one form of the figure."""
    wide = (NARROW_INCHES if narrow else WIDE_INCHES) - 0.2
    column = wide if narrow else wide * 0.46
    beside = wide - 0.3 if narrow else wide - column - 0.35
    boxes: list[_Box] = []
    arrows: list[tuple[Point, Point]] = []
    top, trunk = 0.1, 0.1 + (0.15 if narrow else column / 2)
    last: _Box | None = None
    for step in steps:
        box = _boxed(0.1, top, column, step.lines)
        if last is not None:
            arrows.append(((trunk, last.top + last.height), (trunk, box.top)))
        boxes.append(box)
        last, top = box, box.top + box.height + _GAP
        if step.leaving:
            left = 0.4 if narrow else 0.1 + column + 0.35
            out = _boxed(left, top, beside, step.leaving)
            boxes.append(out)
            half = out.top + out.height / 2
            arrows.append(((trunk, half), (left, half)))
            top = out.top + out.height + _GAP
    side_by_side = not narrow and 1 < len(groups) <= 4
    share = (wide - 0.15 * (len(groups) - 1)) / len(groups) if side_by_side else wide if narrow else column
    made = [
        _boxed(0.1 + (share + 0.15) * place if side_by_side else 0.1, top, share, group.lines)
        for place, group in enumerate(groups)
    ]
    for place, box in enumerate(made):
        shifted = box
        if not side_by_side:
            shifted = _Box(box.left, top, box.width, box.height, box.lines)
            top = shifted.top + shifted.height + _GAP
        boxes.append(shifted)
        if last is not None and (side_by_side or place == 0):
            start = (trunk, last.top + last.height)
            arrows.append((start, (shifted.middle if side_by_side else trunk, shifted.top)))
    return boxes, arrows


def _boxed(left: float, top: float, width: float, lines: Sequence[str]) -> _Box:
    room = int((width - 2 * _PAD) / _SIGN)
    broken = [part for line in lines for part in wrapped(printable(line), room) or [""]]
    return _Box(left, top, width, 2 * _PAD + _LINE * len(broken), tuple(broken))
