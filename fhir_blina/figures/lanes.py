"""The swimmer plot: a lane for each patient, from the first day to the end of follow-up.

Up to sixty patients have a labelled lane each; more are drawn as thin lanes without labels,
and of more than 1,500 some, as the title says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fhir_blina.figures.canvas import PALETTE, Drawing, draw, printable
from fhir_blina.figures.figures import day_ticks, margins
from fhir_blina.figures.keys import SHAPES, STEPS, step_style, swimmer_legend
from fhir_blina.figures.wording import width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LABELLED, MOST_LANES = 60, 1500
_SIGN_INCHES = 0.066  # width of a character of a step's label


@dataclass(frozen=True)
class Span:
    """A step of treatment, first and last day included; ``order`` is 0 for the first, `ONLY` for one."""

    start: float
    end: float
    order: int
    label: str


@dataclass(frozen=True)
class Lane:
    """One patient from day 0 to the end of follow-up.

    Attributes:
        label: The patient.
        group: Heading under which the lane stands, empty for none.
        end: Last day of follow-up.
        spans: Steps of treatment.
        marks: ``(day, name of the mark)``.
        note: What ended the follow-up, in a word or two.
    """

    label: str
    group: str
    end: float
    spans: tuple[Span, ...]
    marks: tuple[tuple[float, str], ...]
    note: str


def swimmer(
    name: str,
    title: str,
    description: str,
    lanes: Sequence[Lane],
    shapes: Mapping[str, str],
    *,
    zoom_days: int | None = None,
    start: str = "start",
    steps: Sequence[str] = ("first dose step", "next dose step", "further dose steps"),
    only: str = "one dose throughout",
) -> Drawing:
    """A lane per patient: treatment steps, what happened, how follow-up ended.

    Args:
        name: Name of the files.
        title: One line.
        description: What the figure shows, in words.
        lanes: From top to bottom; lanes of one group stand together.
        shapes: Name of each mark to its shape, a key of ``SHAPES``; the order of the legend.
        zoom_days: Draw the first days a second time, enlarged, with the labels of the steps.
        start: What day 0 is.
        steps: Names of the first, second and further steps of treatment.
        only: Name of the step of those who have one.
    """
    if len(lanes) > MOST_LANES:
        every = -(-len(lanes) // MOST_LANES)
        title = f"{title}: {len(lanes[::every])} of {len(lanes)} patients, one in {every}"
        lanes = lanes[::every]
    labelled = len(lanes) <= MOST_LABELLED
    groups = [lane.group for lane in lanes]
    places, headings = _places(groups, room=1.0 if labelled else max(1.0, len(lanes) / 30))
    size = (max(places, default=0) + 1) * (0.3 if labelled else min(0.05, 7.0 / len(lanes)))
    longest = max((lane.end for lane in lanes), default=1.0) or 1.0
    orders = sorted({span.order for lane in lanes for span in lane.spans})
    used = [mark for mark in shapes if any(mark == kind for lane in lanes for _, kind in lane.marks)]
    rows = -(-(len(orders) + len(used)) // 2)
    beside = min(
        1.75, max(0.5, 0.2 + 0.058 * max((width_of(printable(lane.note)) for lane in lanes), default=0))
    )
    legend = (0.18 * -(-(len(orders) + len(used)) // 4) + 0.12, 0.18 * rows + 0.12)

    def paint(figure: Figure, narrow: bool) -> None:
        top = legend[narrow] + (0.22 if zoom_days else 0)
        panels = [(0.0, longest, False)]
        if zoom_days and zoom_days < longest:
            panels.insert(0, (0.0, float(zoom_days), True))
        for index, (_, until, zoomed) in enumerate(panels):
            left = (0.62, 3.55)[index] if not narrow and len(panels) > 1 else 0.62
            right = beside if not narrow else 0.15
            if not narrow and len(panels) > 1 and index == 0:
                right = 3.95
            below = 0.55 + (size + 0.75 if narrow and len(panels) > 1 and index == 0 else 0)
            above = top if not (narrow and index) else top + size + 0.75
            axes = margins(figure, left=left, right=right, top=above, bottom=below, narrow=narrow)
            _lanes(axes, lanes, places, shapes, until, labelled=labelled, zoomed=zoomed)
            _lane_names(
                axes, lanes, places, headings, labelled=labelled and (index == 0 or narrow), narrow=narrow
            )
            axes.set_xticks(day_ticks(until, 4 if narrow else 6 if len(panels) > 1 else 9))
            axes.set_xlim(0, until * (1.0 if zoomed else 1.02))
            axes.set_xlabel(f"Days since {printable(start)}")
            if len(panels) > 1:
                axes.set_title(
                    ("A  Treatment", "B  Follow-up")[index], loc="left", fontsize=9, fontweight="bold", pad=4
                )
            if labelled and not zoomed and not narrow:
                for lane, place in zip(lanes, places, strict=True):
                    axes.text(
                        longest * 1.05,
                        place,
                        printable(lane.note)[:30],
                        va="center",
                        fontsize=8,
                        clip_on=False,
                    )
        swimmer_legend(figure, orders, used, shapes, steps, only, columns=2 if narrow else 4)

    extra = 0.22 if zoom_days else 0
    panels = 2 if zoom_days and zoom_days < longest else 1
    heights = (size + 0.55 + legend[0] + extra, (size + 0.75) * panels - 0.2 + legend[1] + extra)
    return draw(name, title, description, paint, heights=heights)


def _places(groups: Sequence[str], room: float) -> tuple[list[float], list[tuple[float, str]]]:
    """Height of each lane, and of each group's heading, with room before a new group."""
    places: list[float] = []
    headings: list[tuple[float, str]] = []
    height = 0.0
    for index, group in enumerate(groups):
        if group and (index == 0 or group != groups[index - 1]):
            headings.append((height, group))
            height += room
        places.append(height)
        height += 1
    return places, headings


def _lanes(
    axes: Axes,
    lanes: Sequence[Lane],
    places: Sequence[float],
    shapes: Mapping[str, str],
    until: float,
    *,
    labelled: bool,
    zoomed: bool,
) -> None:
    from matplotlib.collections import PolyCollection

    bar, line = (0.56, 1.6) if labelled else (0.8, 0.5)
    ends = [min(lane.end, until) for lane in lanes]
    axes.hlines(places, 0, ends, color=PALETTE["muted"], linewidth=line, zorder=1)
    for order in sorted({span.order for lane in lanes for span in lane.spans}):
        colour, hatch = STEPS[step_style(order)]
        found = [
            (s, p) for lane, p in zip(lanes, places, strict=True) for s in lane.spans if s.order == order
        ]
        found = [(span, place) for span, place in found if span.start - 1 < until]
        corners = [
            [
                (left, place - bar / 2),
                (left, place + bar / 2),
                (right, place + bar / 2),
                (right, place - bar / 2),
            ]
            for span, place in found
            for left, right in [(max(span.start - 1, 0), min(span.end, until))]
        ]
        style: dict[str, Any] = {"facecolor": PALETTE[colour], "edgecolor": PALETTE["paper"], "zorder": 2}
        style |= {"hatch": hatch, "linewidth": 0.6} if labelled else {"linewidth": 0}
        axes.add_collection(PolyCollection(corners, **style), autolim=False)
    for mark, shape in shapes.items():
        marker, colour, width = SHAPES[shape]
        found_marks = [
            (d, p) for lane, p in zip(lanes, places, strict=True) for d, m in lane.marks if m == mark
        ]
        found_marks = [(day, place) for day, place in found_marks if day <= until]
        axes.plot(
            [day for day, _ in found_marks],
            [place for _, place in found_marks],
            marker,
            color=PALETTE[colour],
            markeredgecolor=PALETTE["ink"],
            markeredgewidth=0.9 if labelled else 0.2,
            markersize=width if labelled else 2.2,
            zorder=5,
            clip_on=False,
        )
    if zoomed and labelled:
        for lane, place in zip(lanes, places, strict=True):
            _step_labels(axes, lane, place, until)
    axes.set_ylim(max(places, default=0) + 0.6, -0.6)
    axes.grid(axis="x")
    axes.set_axisbelow(True)


def _step_labels(axes: Axes, lane: Lane, place: float, until: float) -> None:
    """The label of each step in its bar, of the last beside its end where the bar is too short."""
    figure: Any = axes.figure
    inches = float(figure.get_figwidth()) * axes.get_position().width / until
    spans = [span for span in lane.spans if span.start - 1 < until]
    for span in spans:
        left, right = max(span.start - 1, 0), min(span.end, until)
        words = printable(span.label)
        needed = width_of(words) * _SIGN_INCHES / inches
        marked = any(left < day <= right + 0.5 for day, _ in lane.marks)
        style: dict[str, Any] = {"va": "center", "fontsize": 7.2, "zorder": 4}
        if needed + (0.09 / inches if marked else 0) <= right - left:
            box = {"facecolor": PALETTE["paper"], "edgecolor": "none", "pad": 1.0}
            axes.text((left + right) / 2, place, words, ha="center", bbox=box, **style)
        elif span is spans[-1] and right + 0.1 / inches + needed < until:
            box = {"facecolor": PALETTE["paper"], "edgecolor": "none", "pad": 0.6}
            axes.text(right + 0.1 / inches, place, words, ha="left", bbox=box, **style)


def _lane_names(
    axes: Axes,
    lanes: Sequence[Lane],
    places: Sequence[float],
    headings: Sequence[tuple[float, str]],
    *,
    labelled: bool,
    narrow: bool,
) -> None:
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_yticks(
        places if labelled else [], [printable(lane.label)[:9] for lane in lanes] if labelled else []
    )
    if labelled or len(lanes) > MOST_LABELLED:
        for place, group in headings:
            where: dict[str, Any] = {
                "xycoords": ("axes fraction", "data"),
                "annotation_clip": False,
                "va": "center",
            }
            axes.annotate(
                printable(group)[: 28 if narrow else 40],
                (-0.02, place),
                ha="left",
                fontsize=8.5,
                fontweight="bold",
                bbox={"facecolor": PALETTE["paper"], "edgecolor": "none", "pad": 1},
                **where,
            )
