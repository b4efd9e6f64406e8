"""Texts with blanks, ``{{ … }}``: taken apart in one way, whoever fills them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_BLANK = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


class Gap(NamedTuple):
    """A blank of a text.

    Attributes:
        inside: What stands in it, without the white space around.
        text: As written, with its brackets.
    """

    inside: str
    text: str


def pieces_of(text: str) -> tuple[str | Gap, ...]:
    """The plain pieces and the blanks of a text, in order; no piece is empty."""
    pieces: list[str | Gap] = []
    end = 0
    for match in _BLANK.finditer(text):
        pieces += [text[end : match.start()], Gap(match[1].strip(), match[0])]
        end = match.end()
    return tuple(piece for piece in (*pieces, text[end:]) if piece)


def gaps_of(text: str) -> frozenset[str]:
    """What stands in the blanks of a text."""
    return frozenset(piece.inside for piece in pieces_of(text) if isinstance(piece, Gap))


def fill_constants(text: str, constants: Mapping[str, str]) -> str:
    """Put constants into the ``{{ %name }}`` blanks of a text outside the templates; others stay."""
    return "".join(
        piece
        if isinstance(piece, str)
        else constants.get(piece.inside[1:], piece.text)
        if piece.inside.startswith("%")
        else piece.text
        for piece in pieces_of(text)
    )
