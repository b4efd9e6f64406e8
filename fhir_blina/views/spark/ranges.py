"""Parts of files: ranges of bytes that begin and end with a line."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fhir_blina.errors import StoreIncomplete
from fhir_blina.files import open_regular

RANGE_BYTES = 32 * 2**20
_CHUNK = 2**20


@dataclass(frozen=True)
class LineRange:
    """Some of the lines of a ``<Type>.ndjson``.

    Attributes:
        resource: The type.
        number: Its place among the parts of the file, from 0.
        path: The file; there may be none, which is a file without lines.
        start: Its first byte.
        stop: The byte after its last.
    """

    resource: str
    number: int
    path: str
    start: int
    stop: int

    def chunks(self) -> Iterator[bytes]:
        """The bytes.

        Raises:
            StoreIncomplete: the file has become shorter than it was.
        """
        left = self.stop - self.start
        if not left:
            return
        with open_regular(Path(self.path)) as file:
            file.seek(self.start)
            while left:
                chunk = file.read(min(_CHUNK, left))
                if not chunk:
                    raise StoreIncomplete(f"{self.path}: shorter than when it was divided. Run it again")
                left -= len(chunk)
                yield chunk


def line_ranges(folder: Path, resource: str, size: int = RANGE_BYTES) -> list[LineRange]:
    """A file in parts, in order: each of about so many bytes, and whole lines.

    Args:
        folder: Of ``<Type>.ndjson``.
        resource: The type.
        size: Bytes of a part; a longer line is a part of its own.

    Returns:
        One part at least, also where there is no file.

    Raises:
        StoreIncomplete: a link, a device or a FIFO.
    """
    path = folder / f"{resource}.ndjson"
    cuts = [0]
    if path.exists() or path.is_symlink():
        try:
            with open_regular(path) as file:
                end = file.seek(0, 2)
                while end - cuts[-1] > size:
                    file.seek(cuts[-1] + size)
                    file.readline()
                    cuts.append(file.tell())
        except OSError as error:
            raise StoreIncomplete(f"{path}: cannot be read: {error.strerror}") from None
        if end > cuts[-1]:
            cuts.append(end)
    whole = str(path.absolute())
    if len(cuts) == 1:
        return [LineRange(resource, 0, whole, 0, 0)]
    return [
        LineRange(resource, number, whole, start, stop)
        for number, (start, stop) in enumerate(itertools.pairwise(cuts))
    ]
