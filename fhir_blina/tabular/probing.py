"""Workbooks looked at in a process of their own first, with little memory and time.

A kilobyte of workbook can name its last cell and take half a terabyte, in libraries that end the whole
process then. What would do so ends the other process.
"""

from __future__ import annotations

import subprocess
import sys

MOST_MEMORY = 4 * 2**30
MOST_SECONDS = 300
MOST_CELLS = 20_000_000
_TOO_MANY = 3
_PROBE = """
import io, resource, sys
memory, seconds, cells = map(int, sys.argv[1:])
for kind, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
    try:
        resource.setrlimit(kind, (most, most))
    except (OSError, ValueError):
        pass
import python_calamine
try:
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
    for name in book.sheet_names:
        sheet = book.get_sheet_by_name(name)
        cells -= sheet.total_height * sheet.total_width
        if cells < 0:
            sys.exit(3)
except Exception:  # said by whoever reads it in earnest
    pass
"""


def why_too_large(data: bytes) -> str:
    """Why a workbook is not read, as the end of "the workbook …"; empty where it can be."""
    arguments = map(str, (MOST_MEMORY, MOST_SECONDS, MOST_CELLS))
    command = [sys.executable, "-I", "-c", _PROBE, *arguments]
    try:
        done = subprocess.run(  # noqa: S603
            command, input=data, capture_output=True, check=False, timeout=2 * MOST_SECONDS
        )
    except subprocess.TimeoutExpired:
        return "takes more time to read than it may"
    if done.returncode == _TOO_MANY:
        return f"has more than {MOST_CELLS:,} cells, blank ones counted in"
    return "takes more memory or time to read than it may" if done.returncode else ""
