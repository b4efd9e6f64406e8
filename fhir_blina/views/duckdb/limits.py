"""What a view may take on DuckDB: time by the size of what it reads, memory, disk, and rows.

A view of somebody else's can ask for more rows than there are atoms. Within a resource the SQL counts; here
is the bound on the whole.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fhir_blina.views.definition import View
from fhir_blina.views.faults import Fault, RunFault

LEAST_SECONDS = 60.0
BYTES_A_SECOND = 1_000_000
"""Of a file of resources: a hundredth of what an ordinary view reads."""
MOST_MEMORY = 4 * 2**30
LEAST_FREE_BYTES = 64 * 2**20
_REMEDY = "Does it cross levels, or repeat one path twice?"
_NAMED = re.compile(r'"(/[^"]+)"')


def settings_for(spill: str, memory_limit: str = "") -> dict[str, Any]:
    """DuckDB's settings: where it spills to, and how much memory and disk it may take.

    Args:
        spill: The folder.
        memory_limit: For example ``256MB``; empty for half of the machine's memory, 4 GiB at most.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    disk = max(shutil.disk_usage(spill).free - LEAST_FREE_BYTES, LEAST_FREE_BYTES)
    return {
        "temp_directory": spill,
        "memory_limit": memory_limit or f"{min(memory, MOST_MEMORY) // 2**20}MiB",
        "max_temp_directory_size": f"{disk // 2**20}MiB",
    }


@contextlib.contextmanager
def naming_full_disk(writes: Path | None = None) -> Iterator[None]:
    """Say of which file DuckDB's disk is full.

    Args:
        writes: The file that is written; None for the one that DuckDB names.

    Raises:
        OSError: it is full.
    """
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        code = next((one for one in (errno.ENOSPC, errno.EFBIG) if os.strerror(one) in str(error)), None)
        if code is None:
            raise
        named = _NAMED.search(str(error))
        raise OSError(code, os.strerror(code), str(writes or (named[1] if named else "DuckDB"))) from None


@contextlib.contextmanager
def limited(connection: Any, path: Path, view: View, writes: Path | None = None) -> Iterator[None]:
    """Stop what a view runs when it takes more than it may.

    Args:
        connection: Where it runs.
        path: The file that it reads.
        view: The view.
        writes: The file that it writes.

    Raises:
        RunFault: too much time, memory or temporary disk.
        OSError: the disk is full, with the file that was written.
    """
    import duckdb

    size = path.stat().st_size if path.exists() else 0
    seconds = LEAST_SECONDS + size / BYTES_A_SECOND
    lock, over, ended = threading.Lock(), threading.Event(), threading.Event()

    def stop() -> None:
        with lock:
            if not ended.is_set():
                over.set()
                connection.interrupt()

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        with naming_full_disk(writes):
            yield
    except duckdb.InterruptException:
        if not over.is_set():
            raise
        told = f"takes longer than {seconds:,.0f} s, which is what a view may take over a file of this size"
        raise RunFault(Fault.TIME, view.source, str(path), told, _REMEDY) from None
    except duckdb.OutOfMemoryException:
        raise RunFault(Fault.MEMORY, view.source, str(path), remedy=_REMEDY) from None
    finally:
        with lock:
            ended.set()
        timer.cancel()
