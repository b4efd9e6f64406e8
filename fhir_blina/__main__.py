"""``python -m fhir_blina`` and ``fhir-blina``."""

from __future__ import annotations

import os
import signal
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line and leave with its exit code; Ctrl-C is one line, whenever it comes."""
    try:
        from fhir_blina.cli import main as run

        code = run()
    except KeyboardInterrupt:  # before the command began, or a second one while it ended
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
