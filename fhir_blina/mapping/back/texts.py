"""A text with gaps, read backwards: every way in which the gaps can have been filled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

MAX_READINGS = 1000


@dataclass(frozen=True)
class Gap:
    """What can stand in a gap.

    Attributes:
        words: The words it can hold; none if they are not listed.
        integer: Whether it holds a whole number.
    """

    words: tuple[str, ...] = ()
    integer: bool = False

    @property
    def form(self) -> str:
        """The gap as a regular expression."""
        if self.words:
            return "|".join(re.escape(word) for word in sorted(self.words, key=len, reverse=True))
        return "-?[0-9]+" if self.integer else ".+?"


class TextPattern:
    """Fixed text and gaps, for example ``"P", Gap(integer=True), "-day-", Gap(integer=True)``."""

    def __init__(self, pieces: Sequence[str | Gap]) -> None:
        self.pieces = tuple(pieces)
        self.gaps = sum(isinstance(piece, Gap) for piece in pieces)
        form = "".join(
            re.escape(piece) if isinstance(piece, str) else f"({piece.form})" for piece in self.pieces
        )
        self._form = re.compile(form, re.DOTALL)
        self._forms = tuple(
            re.compile(piece.form, re.DOTALL) if isinstance(piece, Gap) else None for piece in self.pieces
        )

    def fits(self, text: str) -> bool:
        """Whether the gaps can be filled so that this text comes out."""
        return self._form.fullmatch(text) is not None

    def readings(self, text: str) -> list[tuple[str, ...]] | None:
        """What may stand in the gaps, one tuple for each way; ``None`` if there are more than 1000."""
        found = self._form.fullmatch(text)
        if found is None:
            return []
        if self.gaps < 2:
            return [found.groups()]
        readings = list(islice(self._read(text, 0, 0), MAX_READINGS + 1))
        return readings if len(readings) <= MAX_READINGS else None

    def _read(self, text: str, number: int, start: int) -> Iterator[tuple[str, ...]]:
        if number == len(self.pieces):
            if start == len(text):
                yield ()
            return
        piece, form = self.pieces[number], self._forms[number]
        if isinstance(piece, str):
            if text.startswith(piece, start):
                yield from self._read(text, number + 1, start + len(piece))
            return
        assert form is not None  # noqa: S101 - a gap has a form
        for end in self._ends(text, number, start):
            if form.fullmatch(text, start, end):
                for rest in self._read(text, number + 1, end):
                    yield (text[start:end], *rest)

    def _ends(self, text: str, number: int, start: int) -> Iterator[int]:
        """Where a gap can end: before the text that follows it."""
        follower = self.pieces[number + 1] if number + 1 < len(self.pieces) else None
        if follower is None:
            yield len(text)
        elif isinstance(follower, Gap):
            yield from range(start + 1, len(text) + 1)
        else:
            end = text.find(follower, start)
            while end >= 0:
                yield end
                end = text.find(follower, end + 1)
