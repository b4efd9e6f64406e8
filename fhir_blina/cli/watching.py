"""Work done again whenever a file of a folder changes, until Ctrl-C.

The folder is looked at twice a second: it has some dozens of files, and this way it works on network
drives and in containers too, where systems tell of no change.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from fhir_blina.cli.terminal import Terminal
from fhir_blina.errors import FhirBlinaError

SECONDS = 0.5
_SHOWN = 3

State = Mapping[str, tuple[int, int]]


def watch(folder: Path, work: Callable[[], object], terminal: Terminal) -> None:
    """Do some work now and after each change of a file in a folder; returns at Ctrl-C.

    What goes wrong in the work is told, and the watch goes on: the next change may mend it.
    """
    try:
        before = state_of(folder)
        _try(work, terminal)
        while True:
            terminal.say(f"watching {folder}; Ctrl-C ends it")
            now = _changed(folder, before)
            terminal.say(f"\n{time.strftime('%H:%M:%S')} changed: {_named(before, now)}")
            before = now
            _try(work, terminal)
    except KeyboardInterrupt:
        terminal.say("\nended")


def state_of(folder: Path) -> State:
    """When each file of a folder was written, and its length; not of what editors put beside files."""
    found: dict[str, tuple[int, int]] = {}
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not _is_beside(name)]
        for name in files:
            path = Path(place) / name
            if _is_beside(name):
                continue
            try:
                status = path.lstat()
            except OSError:  # gone in the meantime
                continue
            found[str(path.relative_to(folder))] = (status.st_mtime_ns, status.st_size)
    return found


def _is_beside(name: str) -> bool:
    """Whether it is a backup, a lock or a half-written copy of an editor or a spreadsheet program."""
    return name.startswith((".", "~$", "#")) or name.endswith(("~", ".tmp", ".swp")) or name == "__pycache__"


def _changed(folder: Path, before: State) -> State:
    """The next state that is another one and stays: whoever writes several files is let finish."""
    last = before
    while True:
        time.sleep(SECONDS)
        now = state_of(folder)
        if now == last != before:
            return now
        last = now


def _named(before: State, now: State) -> str:
    names = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _try(work: Callable[[], object], terminal: Terminal) -> None:
    try:
        work()
    except FhirBlinaError as error:
        terminal.findings(error.findings)
    except OSError as error:
        terminal.say(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "))
    terminal.flush()
