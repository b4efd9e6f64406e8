"""What a person sees: steps and progress on stderr, results on stdout."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from fhir_blina.errors import Finding, gathered, printable

BAR_AFTER_SECONDS = 1.0


class Terminal:
    """Where a command writes: results to stdout, everything else to stderr.

    Args:
        quiet: No steps, no progress.
        verbose: Notes as well.
        json: One JSON object on stdout in place of text.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False, json: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.json = json

    def result(self, text: str) -> None:
        """A line of the result; nothing when JSON was asked for."""
        if not self.json:
            sys.stdout.write(text + "\n")

    def answer(self, value: Mapping[str, Any]) -> None:
        """The result as JSON, if that was asked for."""
        if self.json:
            from fhir_blina.files import dumps

            sys.stdout.write(printable(dumps(value, indent=1), lines=True) + "\n")

    def say(self, text: str) -> None:
        """A line for the person watching."""
        if not self.quiet:
            sys.stderr.write(printable(text, lines=True) + "\n")
            sys.stderr.flush()

    def flush(self) -> None:
        """Hand on what was written: somebody may be reading along."""
        sys.stdout.flush()
        sys.stderr.flush()

    def note(self, text: str) -> None:
        """A line for the person who asked for more."""
        if self.verbose:
            self.say(f"  {text}")

    def findings(self, findings: Iterable[Finding]) -> None:
        """Findings, one a line; many alike as one."""
        for line in gathered(findings):
            sys.stderr.write(f"{line}\n")

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """One step: a progress bar when it takes over a second, a line at its end."""
        step = Step(self, name)
        try:
            yield step
        finally:
            step.close()
        self.say(f"{name:<10} {step.summary:<64} {time.monotonic() - step.started:6.1f} s")


class Step:
    """A step under way.

    Attributes:
        summary: What it did, said at its end.
    """

    def __init__(self, terminal: Terminal, name: str) -> None:
        self.summary = ""
        self.started = time.monotonic()
        self._name = name
        self._bar: Any = None
        self._task: Any = None
        self._visible = not terminal.quiet and sys.stderr.isatty()

    def progress(self, part: str, done: int, total: int) -> None:
        """Show how far it is; ``total`` is 0 where that is not known."""
        if not self._visible or time.monotonic() - self.started < BAR_AFTER_SECONDS:
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(self._name)
            self._bar.start()
        self._bar.update(self._task, description=f"{self._name} {part}", completed=done, total=total or None)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def table_text(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain table, as wide as the terminal allows; words of other scripts take two columns."""
    from io import StringIO

    from rich.console import Console
    from rich.table import Table

    table = Table(*header, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(printable(cell) for cell in row))
    text = StringIO()
    colour = sys.stdout.isatty()
    Console(
        file=text,
        width=None if colour else 160,
        force_terminal=colour,
        highlight=False,
        markup=False,
        emoji=False,
    ).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().rstrip().splitlines())


def counted(counts: Mapping[str, int]) -> str:
    """``311 resources of 11 types``."""
    total = sum(counts.values())
    return f"{total} resource{'s' * (total != 1)} of {len(counts)} type{'s' * (len(counts) != 1)}"
