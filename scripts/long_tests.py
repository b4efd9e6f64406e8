"""Write down which tests are long, as measured, so that the quick loop leaves them out.

    .venv/bin/pytest -q -n 2 -m "not hapi and not docker" --durations=0 --durations-min=0.005 >durations.txt
    python3 scripts/long_tests.py durations.txt

A test of 0.3 seconds or more is long with all its parameters; a file of which seven seconds or more are
spent is long as a whole, since a part of it would be set up for few tests.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

LIST = Path(__file__).parents[1] / "tests" / "data" / "long_tests.txt"
ONE_SECONDS, FILE_SECONDS = 0.3, 7.0
_LINE = re.compile(r"\s*([\d.]+)s (?:call|setup|teardown)\s+(tests/\S+?\.py)::(\w+)")


def long_tests(durations: str) -> list[str]:
    """Files, and tests as ``file::name``, sorted."""
    files: Counter[str] = Counter()
    ones: Counter[str] = Counter()
    for line in durations.splitlines():
        if found := _LINE.match(line):
            files[found[2]] += float(found[1])
            name = f"{found[2]}::{found[3]}"
            ones[name] = max(ones[name], float(found[1]))
    whole = {name for name, seconds in files.items() if seconds >= FILE_SECONDS}
    single = {name for name, seconds in ones.items() if seconds >= ONE_SECONDS}
    return sorted(whole | {name for name in single if name.split("::")[0] not in whole})


if __name__ == "__main__":
    LIST.write_text(
        "".join(f"{name}\n" for name in long_tests(Path(sys.argv[1]).read_text("utf-8"))), "utf-8"
    )
