"""Folders for the length of a step; what a killed process left of them goes when the next one begins."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "fhir-blina-"
YOUNG_SECONDS = 1.0


@contextmanager
def scratch(place: Path | None = None) -> Iterator[Path]:
    """A folder that only we can read, gone at the end of the ``with`` block.

    Args:
        place: Where it is made; None for the machine's folder for temporary files. Elsewhere it is hidden.

    Its maker holds a lock on it, which the operating system drops when the maker dies: folders of ours
    without a lock are what a kill left, with resources of patients in them, and are removed first.
    """
    import fcntl

    prefix = PREFIX if place is None else f".{PREFIX}"
    place = place or Path(tempfile.gettempdir())
    _sweep(place, prefix)
    folder = Path(tempfile.mkdtemp(dir=place, prefix=prefix))  # mode 0700
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _sweep(place: Path, prefix: str) -> None:
    import fcntl

    for folder in place.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                found = os.fstat(handle)
                # not one that another process has made just now and is about to lock
                young = time.time() - found.st_mtime < YOUNG_SECONDS
                if found.st_uid == os.geteuid() and not young:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)
