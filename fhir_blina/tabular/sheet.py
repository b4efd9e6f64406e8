"""A table as it stands in a file: titles, rows of text, and where each cell is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fhir_blina.errors import Finding
from fhir_blina.tabular.declaration import Declaration


def at_lines(path: Path) -> Callable[[int, int | None], str]:
    """Places that print as ``file:line``, whatever the column."""
    return lambda number, _: f"{path}:{number}"


@dataclass(frozen=True)
class RawTable:
    """What a reader found.

    Attributes:
        path: The file.
        titles: The columns as they are titled.
        rows: The number of each row in its file, and its cells as text in the order of the titles.
        place: Prints where a row is, or one of its cells: ``labs.csv:7``, ``patients.xlsx!Labs!C7``.
        labels: A longer text for some titles, where the file has one.
        words: What coded values mean, by title, where the file says so.
    """

    path: Path
    titles: Sequence[str]
    rows: Sequence[tuple[int, Sequence[str]]]
    place: Callable[[int, int | None], str]
    labels: dict[str, str] = field(default_factory=dict)
    words: dict[str, dict[str, str]] = field(default_factory=dict)


class FileReader(Protocol):
    """What reads one kind of file."""

    def __call__(self, path: Path, declared: Declaration, findings: list[Finding], /) -> RawTable | None:
        """The table that the declaration names; ``None`` with findings where it cannot be read."""
