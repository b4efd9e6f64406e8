"""How a figure is drawn, named, coloured and written.

A `Drawing` is one figure in three forms: an SVG file, SVG to stand inside an HTML page, and a PNG file, which
is made from the same drawing when it is first asked for, since it takes longer than the others together.
The form for the page exists twice, wide and narrow, so that a phone gets a figure drawn for a phone.
Its colours are CSS variables (``--fig-ink``, ``--fig-blue`` …), so that the page decides light or dark.

The same input gives the same bytes: no date, no random id, one bundled font for the layout.
Text stays text: it can be selected, searched and read aloud.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from fhir_blina.figures.wording import families, reword, said
from fhir_blina.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Colours of Okabe and Ito (jfly.uni-koeln.de/color), told apart by every kind of colour vision,
#: darkened where 3:1 against white asks for it. Each value is unique: the page swaps it for a variable.
PALETTE = {
    "ink": "#1a1a1b",
    "muted": "#595960",
    "grid": "#dcdce0",
    "paper": "#fffffe",
    "blue": "#0072b2",
    "orange": "#c34a00",
    "green": "#00805c",
    "purple": "#a8487d",
    "sky": "#56b4e9",
    "sand": "#e69f00",
}
#: The order in which groups take a colour, each with a line style and a marker of its own.
SERIES = (
    ("blue", "-", "o"),
    ("orange", (0, (5, 2)), "s"),
    ("green", (0, (1, 1.5)), "D"),
    ("purple", (0, (6, 2, 1, 2)), "^"),
)
WIDE_INCHES, NARROW_INCHES = 7.2, 3.5

_STYLE: dict[str, Any] = {
    "font.size": 9,
    "text.color": PALETTE["ink"],
    "text.parse_math": False,
    "axes.edgecolor": PALETTE["muted"],
    "axes.labelcolor": PALETTE["ink"],
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.unicode_minus": True,
    "figure.facecolor": PALETTE["paper"],
    "grid.color": PALETTE["grid"],
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.6,
    "xtick.color": PALETTE["muted"],
    "ytick.color": PALETTE["muted"],
    "xtick.labelcolor": PALETTE["ink"],
    "ytick.labelcolor": PALETTE["ink"],
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "svg.fonttype": "none",
    "path.simplify": False,
}
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_LONG_FRACTION = re.compile(r"-?\d+\.\d{3,}")
_FONT = re.compile(r"font-family: [^;]*; ?")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Drawing:
    """One figure, ready to be written and to stand in a page.

    Attributes:
        name: Name of the files, ``[a-z0-9-]``.
        title: One line.
        description: What the figure shows, for readers who do not see it.
        svg: The SVG file, on white.
        wide: ``<svg>`` for an HTML page, transparent, colours as CSS variables.
        narrow: The same content drawn for a phone.
    """

    name: str
    title: str
    description: str
    svg: bytes
    wide: str
    narrow: str
    _as_png: Callable[[], bytes] = field(repr=False, compare=False)

    @cached_property
    def png(self) -> bytes:
        """The PNG file, 300 dots per inch, on white."""
        return self._as_png()

    def write(self, folder: Path, *, png: bool = False) -> tuple[Path, ...]:
        """Write ``<name>.svg`` into ``folder``, with ``png`` also ``<name>.png``, and return the paths.

        Without ``png`` an older PNG of that name goes: it would show what the SVG no longer does.
        """
        vector, pixels = folder / f"{self.name}.svg", folder / f"{self.name}.png"
        write_whole(vector, self.svg)
        if not png:
            pixels.unlink(missing_ok=True)
            return (vector,)
        write_whole(pixels, self.png)
        return vector, pixels


def printable(text: object) -> str:
    """The text in the report's language, without control and direction-override characters."""
    return _UNPRINTABLE.sub("\ufffd", said(str(text)))


def draw(
    name: str,
    title: str,
    description: str,
    paint: Callable[[Figure, bool], None],
    *,
    heights: tuple[float, float],
) -> Drawing:
    """Draw one figure in all its forms.

    Args:
        name: Name of the files, ``[a-z0-9-]``.
        title: One line.
        description: What the figure shows, in words.
        paint: Called as ``paint(figure, narrow)`` with an empty figure 7.2 or 3.5 inches wide.
        heights: Height in inches of the wide and the narrow form.

    Raises:
        ValueError: ``name`` is not made of ``[a-z0-9-]``.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a name for a figure: {name!r}")
    title, description = printable(title), printable(description)
    with _styled(name):
        wide = _painted(paint, WIDE_INCHES, heights[0], narrow=False)
        svg = _as_file(_saved(wide, "svg"), title, description)
        narrow = _saved(_painted(paint, NARROW_INCHES, heights[1], narrow=True), "svg")

    def as_png() -> bytes:
        with _styled(name):
            return _saved(wide, "png")

    return Drawing(
        name=name,
        title=title,
        description=description,
        svg=svg,
        wide=_for_page(svg, f"{name}-w", title, description),
        narrow=_for_page(narrow, f"{name}-n", title, description),
        _as_png=as_png,
    )


@contextmanager
def _styled(name: str) -> Iterator[None]:
    """Our style and no other, ids that depend on the figure's name alone."""
    import matplotlib as mpl

    style: Any = {**_STYLE, "font.family": families("DejaVu Sans"), "svg.hashsalt": name}
    with mpl.rc_context(style), warnings.catch_warnings():
        # A glyph that the bundled font lacks is still text in the SVG, and the page's font has it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _painted(paint: Callable[[Figure, bool], None], width: float, height: float, *, narrow: bool) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    paint(figure, narrow)
    reword(figure)
    return figure


def _saved(figure: Figure, form: str) -> bytes:
    metadata: dict[str, Any] = {"Software": None}
    if form == "svg":
        metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    target = io.BytesIO()
    figure.savefig(target, format=form, dpi=300 if form == "png" else 72, metadata=metadata)
    return target.getvalue()


def _as_file(svg: bytes, title: str, description: str) -> bytes:
    """The drawing with a title, a description and fonts to fall back on."""
    words = f"<title>{escape(title)}</title>\n <desc>{escape(description)}</desc>\n "
    head, body = svg.split(b"<defs>", 1)
    body = body.replace(
        b"font-family: 'DejaVu Sans'", b"font-family: 'DejaVu Sans', Verdana, Arial, sans-serif"
    )
    return head + words.encode() + b"<defs>" + body


def _for_page(svg: bytes, prefix: str, title: str, description: str) -> str:
    """The drawing as an element of an HTML page: own ids, no style sheet, no background, a name for all."""
    root = ET.fromstring(svg)  # noqa: S314 - written by matplotlib a moment ago
    used = set(re.findall(rb"#([A-Za-z][\w.-]*)", svg))
    for parent in root.iter():
        for child in list(parent):
            if _local(child.tag) in {"metadata", "style", "title", "desc"} or child.get("id") == "patch_1":
                parent.remove(child)
    for element in root.iter():
        element.tag = _local(element.tag)
        for key, value in list(element.attrib.items()):
            del element.attrib[key]
            if key != "id" or value.encode() in used:
                element.set(_local(key), _attribute(_local(key), value, prefix))
    view_box = root.get("viewBox", "")
    root.attrib.clear()
    root.attrib.update(
        {
            "class": "wide" if prefix.endswith("-w") else "narrow",
            "viewBox": view_box,
            "role": "img",
            "aria-labelledby": f"{prefix}-title",
            "aria-describedby": f"{prefix}-desc",
        }
    )
    for index, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ET.Element(tag, {"id": f"{prefix}-{tag}"})
        element.text = text
        root.insert(index, element)
    return re.sub(r"\n\s*", "\n", ET.tostring(root, encoding="unicode"))


def _attribute(key: str, value: str, prefix: str) -> str:
    """The attribute with ids made unique to the figure, colours as variables, the page's font."""
    if key == "id":
        return f"{prefix}-{value}"
    if key == "href":
        return f"#{prefix}-{value.removeprefix('#')}"
    if key == "transform":
        return value.replace("rotate(-0 ", "rotate(0 ")
    if key in {"d", "x", "y"}:
        return _LONG_FRACTION.sub(lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), value)
    value = _FONT.sub("", value.replace("url(#", f"url(#{prefix}-"))
    for colour, code in PALETTE.items():
        value = value.replace(code, f"var(--fig-{colour})")
    return value


def _local(name: str) -> str:
    return name.rsplit("}", 1)[-1]
