"""How much is sent at once: smaller and slower when the server struggles, back again when it copes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

RECOVERY = 20
MOST_BUNDLE_CHARACTERS = 32 * 2**20


class Pace:
    """Bundle size and number of requests in flight, shared by all workers of a push.

    Args:
        size: Entries in a bundle, at most.
        workers: Requests in flight, at most.
        characters: Characters of a bundle, at most.

    Attributes:
        characters: As given.
    """

    def __init__(self, size: int = 200, workers: int = 2, characters: int = MOST_BUNDLE_CHARACTERS) -> None:
        self.characters = min(characters, MOST_BUNDLE_CHARACTERS)
        self._most = (size, workers)
        self._size, self._workers = size, workers
        self._in_flight = 0
        self._good = 0
        self._change = threading.Condition()
        self._mine = threading.local()

    @property
    def size(self) -> int:
        """Entries that the next bundle may hold."""
        return self._size

    @property
    def most(self) -> int:
        """Entries that any bundle may hold."""
        return self._most[0]

    @property
    def workers(self) -> int:
        """Requests that may be in flight."""
        return self._workers

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until one more request may be sent, and count it, with all it leads to, while it runs."""
        if getattr(self._mine, "running", False):
            yield
            return
        self._mine.running = True
        with self._change:
            self._change.wait_for(lambda: self._in_flight < self._workers)
            self._in_flight += 1
        try:
            yield
        finally:
            self._mine.running = False
            with self._change:
                self._in_flight -= 1
                self._change.notify_all()

    def too_large(self, entries: int) -> None:
        """The server could not take a bundle of so many entries: send half as many from now on."""
        with self._change:
            self._size = min(self._size, max(1, (entries + 1) // 2))
            self._good = 0

    def never_more(self, entries: int) -> None:
        """The server takes bundles of so many entries and none larger: this does not recover."""
        with self._change:
            self._most = (min(self._most[0], max(1, entries)), self._most[1])
            self._size = min(self._size, self._most[0])
            self._good = 0

    def too_fast(self) -> None:
        """The server asked for less at once: halve the requests in flight."""
        with self._change:
            self._workers = max(1, self._workers // 2)
            self._good = 0

    def well(self) -> None:
        """A bundle went through; after twenty in a row size and workers grow again."""
        with self._change:
            self._good += 1
            if self._good >= RECOVERY:
                self._good = 0
                self._size = min(self._most[0], self._size * 2)
                self._workers = min(self._most[1], self._workers + 1)
                self._change.notify_all()
