"""``python -m fhir_blina`` and ``fhir-blina``."""

from __future__ import annotations

import gc
import os
import signal
import sys

INTERRUPTED = 130
COLLECT_AFTER = (100_000, 50, 100)
"""Objects made between two searches for cycles: a cohort is many objects and no cycle, and looking through
them as often as Python does by default takes up to half of a command's time."""


def main() -> None:
    """Run the command line and leave with its exit code; Ctrl-C is one line, whenever it comes."""
    gc.set_threshold(*COLLECT_AFTER)
    try:
        from fhir_blina.cli import main as run

        code = run()
    except (KeyboardInterrupt, RuntimeError) as error:  # before the command began, or while it ended
        if not (isinstance(error, KeyboardInterrupt) or isinstance(error.__cause__, KeyboardInterrupt)):
            raise  # Python 3.11 wraps what comes while a class of dataclasses is made
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stderr.write("interrupted\n")
        code = INTERRUPTED
    if code == INTERRUPTED:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # no waiting for requests of other threads, nor what they would say
    sys.exit(code)


if __name__ == "__main__":
    main()
