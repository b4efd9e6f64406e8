"""Files that somebody else put there: regular ones only, opened without following a link, of bounded size.

A link in a folder of somebody else's can lead to a secret of whoever reads it; a device or a FIFO has no end.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

MOST_FILE_BYTES = 256 * 2**20


def open_regular(path: Path) -> BinaryIO:
    """A regular file, opened for reading.

    Raises:
        OSError: it is a symbolic link, a device, a FIFO, a socket or a folder, or cannot be opened.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "is a symbolic link, which is not followed", str(path)) from None
        raise
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
