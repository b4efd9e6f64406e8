"""Paths as DuckDB takes them: it reads ``[ ] * ?`` as patterns, and a backslash as a slash.

What it reads is escaped. For what it writes, attaches or spills to it knows no escape: that goes to a
folder of a plain name, and is moved from there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from fhir_blina.errors import ViewError
from fhir_blina.files import scratch

_PATTERN = "*?["
_STRANGE = frozenset("*?[]{}\\#%" if os.sep == "/" else "*?[]{}#%")


def pattern_of(path: Path | str) -> str:
    """A pattern that only this one file meets.

    Raises:
        ViewError: a backslash in the name, for which DuckDB has no escape.
    """
    if os.sep == "/" and "\\" in str(path):
        raise ViewError(f"{path}: DuckDB reads no path with a backslash. Rename it, or use --engine python")
    return "".join(f"[{mark}]" if mark in _PATTERN else mark for mark in str(path))


@contextlib.contextmanager
def plain_folder(folder: Path) -> Iterator[Path]:
    """A folder to write to, without marks in its name that mean something to DuckDB.

    It is the folder itself where that is so; else the files are moved there at the end.

    Raises:
        ViewError: the folder for temporary files has such a name itself.
    """
    if not _STRANGE & set(str(folder.absolute())):
        yield folder
        return
    with scratch() as place:
        if _STRANGE & set(str(place)):
            raise ViewError(f"{place}: DuckDB writes to no folder of such a name. Set TMPDIR to a plain one")
        yield place
        for file in sorted(place.iterdir()):
            shutil.move(file, folder / file.name)
