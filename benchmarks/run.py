"""How long the main job takes, step by step, and how soon --help answers.

    python benchmarks/run.py [cohort]

Prints the median of five runs of each, after one run to warm the file cache.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 5


def seconds(*arguments: str) -> float:
    """Wall time of one fhir-blina process."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "fhir_blina", *arguments], check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    cohort = sys.argv[1] if len(sys.argv) > 1 else "cjcp2023"
    with tempfile.TemporaryDirectory() as folder:
        out = ["--out", folder]
        for name, arguments in {
            "--help": ["--help"],
            "check": ["check", cohort],
            "push": ["push", cohort, *out],
            "tables": ["tables", *out],
            "run": ["run", cohort, *out],
        }.items():
            seconds(*arguments)
            times = [seconds(*arguments) for _ in range(RUNS)]
            print(f"{name:8} {statistics.median(times):6.2f} s  ({min(times):.2f} to {max(times):.2f})")


if __name__ == "__main__":
    main()
