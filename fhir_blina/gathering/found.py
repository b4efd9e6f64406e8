"""The files below a folder, and the lines in them: NDJSON and JSON, gzip or not."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from fhir_blina.errors import StoreIncomplete, problem
from fhir_blina.files import open_regular

LINES = (".ndjson", ".jsonl")
MOST_BYTES = 512 * 2**20  # of one line or one .json file: a Bundle may be long, a resource may not
SUFFIXES = (*LINES, ".json")  # each of them also as gzip, with .gz behind it


@dataclass(frozen=True)
class Found:
    """A file that may hold FHIR.

    Attributes:
        path: Where it is.
        by_line: Whether each line is a resource.
        packed: Whether it is gzip.
    """

    path: Path
    by_line: bool
    packed: bool


def files_of(source: Path) -> Iterator[Found | Path]:
    """A file itself, or every file below a folder in the order of names; hidden ones are left.

    Yields:
        A :class:`Found`, or the path of a file of another kind or of a symbolic link.

    Raises:
        StoreIncomplete: there is no such file or folder.
    """
    if source.is_dir() and not source.is_symlink():
        for folder, below, names in os.walk(source):
            below[:] = sorted(name for name in below if not name.startswith("."))
            yield from (Path(folder) / name for name in below if (Path(folder) / name).is_symlink())
            for name in sorted(names):
                if not name.startswith("."):
                    yield _kind_of(Path(folder) / name)
    elif source.exists() or source.is_symlink():
        yield _kind_of(source)
    else:
        raise StoreIncomplete(f"{source}: no such file or folder")


def _kind_of(path: Path) -> Found | Path:
    name = path.name.lower()
    packed = name.endswith(".gz")
    suffix = Path(name.removesuffix(".gz")).suffix
    if suffix not in SUFFIXES or path.is_symlink():
        return path
    return Found(path, suffix in LINES, packed)


def lines_of(found: Found) -> Iterator[tuple[int, bytes | ValueError]]:
    """Each line of a file with its number, empty ones left out; a ``.json`` file is one line.

    Yields:
        The line, or why it cannot be read.

    Raises:
        StoreIncomplete: the file cannot be opened.
    """
    try:
        file: BinaryIO = open_regular(found.path)
    except OSError as error:
        raise StoreIncomplete([problem(str(found.path), f"cannot be read: {error.strerror}")]) from None
    number = 0
    with file:
        stream = cast("BinaryIO", io.BufferedReader(gzip.GzipFile(fileobj=file))) if found.packed else file
        try:
            if not found.by_line:
                whole = stream.read(MOST_BYTES + 1)
                yield 1, _checked(whole)
                return
            while line := stream.readline(MOST_BYTES + 1):
                number += 1
                checked = _checked(line)
                while len(line) > MOST_BYTES and not line.endswith(b"\n"):
                    line = stream.readline(MOST_BYTES + 1)
                if isinstance(checked, ValueError) or checked.strip():
                    yield number, checked
        except (gzip.BadGzipFile, EOFError, zlib.error):
            yield number + 1, ValueError("is no gzip, or cut off: what follows could not be read")


def _checked(line: bytes) -> bytes | ValueError:
    if len(line) > MOST_BYTES:
        return ValueError(f"larger than {MOST_BYTES // 2**20} MiB")
    return line.removeprefix(b"\xef\xbb\xbf")
