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
FRESH = "new-"
"""Begins the name of a folder that has no lock yet, and nothing in it; nobody sweeps it for an hour."""
_HOUR = 3600.0


@contextmanager
def scratch(place: Path | None = None) -> Iterator[Path]:
    """A folder that only we can read, gone at the end of the ``with`` block.

    Args:
        place: Where it is made; None for the machine's folder for temporary files. Elsewhere it is hidden.

    Its maker holds a lock on it, which the operating system drops when the maker dies: folders of ours
    without a lock are what a kill left, with resources of patients in them, and are removed first.
    """
    import fcntl

    hidden = "" if place is None else "."
    place = place or Path(tempfile.gettempdir())
    _sweep(place, f"{hidden}{PREFIX}", 0.0)
    _sweep(place, f"{hidden}{FRESH}{PREFIX}", _HOUR)
    fresh = Path(tempfile.mkdtemp(dir=place, prefix=f"{hidden}{FRESH}{PREFIX}"))  # mode 0700
    folder = fresh.with_name(hidden + fresh.name.removeprefix(f"{hidden}{FRESH}"))
    handle = os.open(fresh, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        fresh.rename(folder)  # locked before it has a name that is swept
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _sweep(place: Path, prefix: str, age: float) -> None:
    import fcntl

    for folder in place.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                found = os.fstat(handle)
                if found.st_uid == os.geteuid() and time.time() - found.st_mtime >= age:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)
