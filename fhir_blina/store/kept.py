"""Lines by ``Type/id`` that memory does not grow with: past a bound they lie in a file without a name."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, Mapping

IN_MEMORY = 64 * 2**20


class KeptLines(Mapping[str, str]):
    """Lines by ``Type/id``, in the order in which they came; each is read when it is asked for.

    Of a line memory holds the key and where it stands. Beyond ``IN_MEMORY`` bytes in all they are on disk,
    in a file that has no name and is gone with this object.
    """

    def __init__(self) -> None:
        self._places: dict[str, tuple[int, int]] = {}
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the next line closes it
        self._end = 0
        weakref.finalize(self, self._file.close)

    def keep(self, key: str, line: bytes) -> None:
        """Keep one more."""
        self._file.seek(self._end)
        self._file.write(line)
        self._places[key] = (self._end, len(line))
        self._end += len(line)

    def drop(self, key: str) -> None:
        """Keep one no longer, if it is there."""
        self._places.pop(key, None)

    def __getitem__(self, key: str) -> str:
        """The line."""
        start, length = self._places[key]
        self._file.seek(start)
        return self._file.read(length).decode()

    def __iter__(self) -> Iterator[str]:
        """Each key."""
        return iter(self._places)

    def __contains__(self, key: object) -> bool:
        """Whether there is a line; nothing is read for that."""
        return key in self._places

    def __len__(self) -> int:
        """How many."""
        return len(self._places)


class ChosenLines(Mapping[str, str]):
    """Some lines of several.

    Args:
        sources: Where the line of each key is.
    """

    def __init__(self, sources: Mapping[str, Mapping[str, str]]) -> None:
        self._sources = sources

    def __getitem__(self, key: str) -> str:
        """The line."""
        return self._sources[key][key]

    def __iter__(self) -> Iterator[str]:
        """Each key."""
        return iter(self._sources)

    def __len__(self) -> int:
        """How many."""
        return len(self._sources)


class SortedLines:
    """The lines of some keys in an order; can be gone through again.

    Args:
        keys: In that order.
        lines: By key.
    """

    def __init__(self, keys: list[str], lines: Mapping[str, str]) -> None:
        self._keys = keys
        self._lines = lines

    def __iter__(self) -> Iterator[str]:
        """Each line."""
        return map(self._lines.__getitem__, self._keys)
