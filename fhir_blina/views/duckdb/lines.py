"""The lines of an NDJSON file: how many there are, and whether its numbers are longer than a DOUBLE holds."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fhir_blina.errors import StoreIncomplete
from fhir_blina.files import MAX_LINE_BYTES, open_regular
from fhir_blina.views.duckdb.places import pattern_of

_CHUNK = 2**18
# A DOUBLE holds any 15 digits, and nothing nearer to 0 than about 1E-308.
_LONG = rb'"\s*:\s*-?(?:[0-9.]{16}|[0-9.]+[eE]-[0-9]{3})'


@dataclass(frozen=True)
class Lines:
    """What is known of a file before it is read.

    Attributes:
        path: The file.
        pattern: The same as DuckDB takes it; empty where there is nothing to read.
        count: Its lines; what follows the last end of a line is none.
        long_numbers: Whether a decimal in it may have more digits than a DOUBLE holds.
    """

    path: Path
    pattern: str
    count: int
    long_numbers: bool


def survey(path: Path, decimals: Iterable[str] = ()) -> Lines:
    """Go through a file once.

    Args:
        path: The file; none is a file without lines.
        decimals: JSON keys of the decimals among which to look for long ones.

    Raises:
        StoreIncomplete: a link, a device or a FIFO, which DuckDB would follow or wait for.
    """
    patterns = [re.compile(b'"' + re.escape(key.encode()) + _LONG) for key in decimals]
    if not os.path.lexists(path):
        return Lines(path, "", 0, long_numbers=False)
    count, long_numbers, rest, found = 0, False, b"", False
    try:
        with open_regular(path) as file:
            while chunk := file.read(_CHUNK):
                found = True
                count += chunk.count(b"\n")
                if patterns and not long_numbers:
                    chunk = rest + chunk
                    end = chunk.rfind(b"\n") + 1
                    long_numbers = any(one.search(chunk, 0, end) for one in patterns)
                    rest = chunk[end:]
                    long_numbers |= len(rest) > MAX_LINE_BYTES
    except OSError as error:
        raise StoreIncomplete(f"{path}: cannot be read: {error.strerror}") from None
    return Lines(path, pattern_of(path.absolute()) if found else "", count, long_numbers)
