"""What a function of FHIRPath is, and how one is put under its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Function:
    """A function that an expression may call.

    Attributes:
        name: Its name.
        min_args: Fewest arguments.
        max_args: Most arguments.
        call: Takes the input collection and one collection for each argument given; returns a
            collection. May raise ``ValueError`` with a sentence that becomes the error's text.
    """

    name: str
    min_args: int
    max_args: int
    call: Callable[..., list[Any]]


Body = Callable[..., list[Any]]


def registering(known: dict[str, Function]) -> Callable[..., Callable[[Body], Body]]:
    """A decorator that puts a function under its name among those known, with fewest and most arguments."""

    def named(name: str, min_args: int = 0, max_args: int = 0) -> Callable[[Body], Body]:
        def register(call: Body) -> Body:
            known[name] = Function(name, min_args, max_args, call)
            return call

        return register

    return named
