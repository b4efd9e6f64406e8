"""Lines kept on disk by resource type: of each resource only its place stays in memory."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import BinaryIO


class Spool:
    """Resources as lines, each by type and id.

    Args:
        folder: An empty folder for the files.
        stack: Closes them.

    Attributes:
        places: By type and id, where the line begins and where the resource stood.
    """

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.places: dict[str, dict[str, tuple[int, str]]] = {}
        self._folder = folder
        self._stack = stack
        self._files: dict[str, BinaryIO] = {}

    def keep(self, kind: str, name: str, place: str, line: bytes) -> None:
        """Keep a line at the end of its type's file."""
        if kind not in self._files:
            self._files[kind] = self._stack.enter_context((self._folder / kind).open("w+b"))
        file = self._files[kind]
        file.seek(0, 2)
        self.places.setdefault(kind, {})[name] = (file.tell(), place)
        file.write(line + b"\n")

    def line(self, kind: str, name: str) -> bytes:
        """A line that is kept."""
        file = self._files[kind]
        file.seek(self.places[kind][name][0])
        return file.readline()

    def place(self, kind: str, name: str) -> str:
        """Where a resource stood, empty where there is none of this id."""
        return self.places.get(kind, {}).get(name, (0, ""))[1]
