"""One process at a time: a lock that the operating system drops when its holder dies."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fhir_blina.errors import StoreUnavailable


@contextmanager
def locked(path: Path, *, wait_seconds: float = 60.0) -> Iterator[None]:
    """Hold the lock file at ``path`` for the length of a ``with`` block.

    The file stays behind, empty; only the lock on it matters, and that goes with the process.

    Raises:
        StoreUnavailable: another process still held it after ``wait_seconds``.
    """
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise StoreUnavailable(
                        f"{path} is locked by another process; waited {wait_seconds:g} s. Try again later"
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(handle)
