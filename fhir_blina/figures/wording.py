"""The words of a figure in the language of its report, and how they are broken into lines."""

from __future__ import annotations

import logging
import textwrap
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SAY: ContextVar[Callable[[str], str] | None] = ContextVar("say", default=None)
#: Fonts with ideographs, taken for what the bundled one lacks where one of them is installed.
_IDEOGRAPHS = ("Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei")


@contextmanager
def wording(say: Callable[[str], str]) -> Iterator[None]:
    """Within it, figures are drawn with every word as ``say`` gives it."""
    before = _SAY.set(say)
    try:
        yield
    finally:
        _SAY.reset(before)


def said(text: str) -> str:
    """The text in the language in which figures are drawn just now."""
    say = _SAY.get()
    return text if say is None else say(text)


def reword(figure: Figure) -> None:
    """Put every word that stands in a painted figure into the language."""
    if _SAY.get() is None:
        return
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        found = text.get_text() if isinstance(text, Text) else ""
        if found and isinstance(text, Text):
            text.set_text(said(found))


def families(first: str) -> list[str]:
    """The font of figures, and in another language one for the signs that it lacks, where there is one."""
    if _SAY.get() is None:
        return [first]
    from matplotlib.font_manager import fontManager

    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # says which weights a font lacks
    installed = set(fontManager.get_font_names())
    return [first, *(name for name in _IDEOGRAPHS if name in installed)]


def width_of(text: str) -> int:
    """How many Latin characters a text is as wide as: an ideograph counts for two, less its narrow gaps."""
    return sum(1 + (unicodedata.east_asian_width(sign) in "WF") for sign in text)


def wrapped(text: str, room: int) -> list[str]:
    """The text in lines of at most so many Latin characters."""
    if width_of(text) == len(text):
        return textwrap.wrap(text, room)
    lines, line = [], ""
    for sign in text:
        if line and width_of(line + sign) > room and sign not in "，。；：、）":
            lines.append(line.strip())
            line = ""
        line += sign
    return [*lines, line.strip()]
