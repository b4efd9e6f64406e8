"""What the evaluation of an expression may take: time, and items and characters made on the way.

A short expression can ask for more than any machine has (``select($this & $this)`` forty times over), and
whoever runs a view or a template need not have written it. What evaluates looks here as it goes along.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

SECONDS = 10.0
"""Of one evaluation over one resource, row or element."""
ROOM = 20_000_000
"""Items and characters that one evaluation may make."""


class Allowance:
    """What is left of the time and of the room."""

    __slots__ = ("end", "room")

    def __init__(self, end: float, room: int) -> None:
        self.end = end
        self.room = room

    def take(self, amount: int) -> None:
        """Use some of the room.

        Raises:
            ValueError: the room or the time is used up.
        """
        self.room -= amount
        if self.room < 0:
            raise ValueError(f"makes more than {ROOM:,} items and characters out of one element")
        if time.monotonic() > self.end:
            raise ValueError("takes longer than it may for one element")


_allowed: ContextVar[Allowance | None] = ContextVar("allowed", default=None)


@contextmanager
def allowed(seconds: float = SECONDS) -> Iterator[None]:
    """Give what is evaluated inside so much time, and room; inside another one, what is left of that."""
    if _allowed.get() is not None:
        yield
        return
    kept = _allowed.set(Allowance(time.monotonic() + seconds, ROOM))
    try:
        yield
    finally:
        _allowed.reset(kept)


def spend(amount: int = 1) -> None:
    """Take note of so many items or characters made, or of one step.

    Raises:
        ValueError: that is more than is allowed, or the time is over.
    """
    allowance = _allowed.get()
    if allowance is not None:
        allowance.take(amount)


def spent(found: list[Any]) -> list[Any]:
    """The same items, taken note of.

    Raises:
        ValueError: as :func:`spend`.
    """
    spend(len(found) + sum(len(one) for one in found if isinstance(one, str)))
    return found
