"""Files that somebody else put there: regular ones only, opened without following a link, of bounded size.

A link in a folder of somebody else's can lead to a secret of whoever reads it; a device or a FIFO has no end.
A linked folder inside such a folder does the same as a linked file: below a folder that was given to
:func:`keep_within` every part of the way is opened by itself, and none through a link.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

MOST_FILE_BYTES = 256 * 2**20
MOST_FILES = 10_000
_LINK = "is a symbolic link, which is not followed"
_fences: set[Path] = set()


def keep_within(folder: Path) -> None:
    """Let nothing below a folder be opened through a link from now on.

    How the way to the folder itself goes is up to whoever gave it.
    """
    _fences.add(_whole(folder))


def open_regular(path: Path) -> BinaryIO:
    """A regular file, opened for reading.

    Raises:
        OSError: it is a symbolic link, lies behind one, is a device, a FIFO, a socket or a folder, or cannot
            be opened.
    """
    handle = _opened(path, os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    return os.fdopen(handle, "rb")


def read_regular(path: Path, most: int | None = None) -> bytes:
    """What a regular file holds.

    Args:
        path: The file.
        most: Bytes that it may have; 256 MiB where not said.

    Raises:
        OSError: as :func:`open_regular`, or it is larger.
    """
    most = MOST_FILE_BYTES if most is None else most
    with open_regular(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"is larger than {most // 2**20} MiB", str(path))
    return data


def files_in(folder: Path, suffix: str) -> list[Path]:
    """The files of a folder whose names end so, sorted; none where there is no such folder.

    Raises:
        OSError: it is a symbolic link, lies behind one, is no folder, or holds more than 10,000 files.
    """
    try:
        handle = _opened(folder, os.O_DIRECTORY)
    except FileNotFoundError:
        return []
    try:
        there = os.listdir(handle)  # noqa: PTH208 - a Path has no handle
    finally:
        os.close(handle)
    if len(there) > MOST_FILES:
        raise OSError(errno.EFBIG, f"holds more than {MOST_FILES:,} files", str(folder))
    return [folder / name for name in sorted(there) if name.endswith(suffix)]


def _opened(path: Path, flags: int) -> int:
    """A handle of what a path names, with no link followed in its last part nor below a fence."""
    whole = _whole(path)
    fence = next((one for one in whole.parents if one in _fences), whole.parent)
    parts = whole.relative_to(fence).parts
    try:
        inside = os.open(fence, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        for part in parts[:-1]:
            below = _step(inside, part, os.O_DIRECTORY, path)
            os.close(inside)
            inside = below
        return _step(inside, parts[-1], flags, path) if parts else os.dup(inside)
    finally:
        os.close(inside)


def _whole(path: Path) -> Path:
    """A path from the root, without ``..``, and without a look at what is there."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() follows links


def _step(inside: int, part: str, flags: int, path: Path) -> int:
    try:
        return os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=inside)
    except OSError as error:
        if error.errno == errno.ELOOP or (error.errno == errno.ENOTDIR and _is_link(inside, part)):
            raise OSError(errno.ELOOP, _LINK, str(path)) from None
        raise OSError(error.errno, error.strerror, str(path)) from None


def _is_link(inside: int, part: str) -> bool:
    return stat.S_ISLNK(os.stat(part, dir_fd=inside, follow_symlinks=False).st_mode)
