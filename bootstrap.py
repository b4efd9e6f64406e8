#!/usr/bin/env python3
"""Set everything up with Python alone, then do what was asked.

    python3 bootstrap.py run cjcp2023     any fhir-blina command
    python3 bootstrap.py test             the tests, on all cores; more arguments go to pytest

It makes ``.venv`` beside this file and installs the pinned, hash-checked dependencies and the
project into it; a second call finds it ready. Needs Python 3.11 or newer with venv.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOCKS = {"run": ROOT / "locks" / "run.txt", "test": ROOT / "locks" / "test.txt"}


def main(arguments: list[str]) -> int:
    """Prepare the environment and run a command in it; returns its exit code."""
    if sys.version_info < (3, 11):
        print("fhir_blina needs Python 3.11 or newer", file=sys.stderr)
        return 1
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(__doc__)
        return 0 if arguments else 64
    wanted = "test" if arguments[0] == "test" else "run"
    try:
        prepare(wanted)
    except subprocess.CalledProcessError as error:
        print(f"set-up failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    if wanted == "run":
        return subprocess.call([PYTHON, "-m", "fhir_blina", *arguments])
    chosen, left_out = selection()
    command = [PYTHON, "-m", "pytest", "-n", "auto", "-m", chosen]
    code = subprocess.call([*command, *arguments[1:]], cwd=ROOT)
    if left_out:
        print(left_out, file=sys.stderr)
    return code


def prepare(wanted: str) -> None:
    """Make ``.venv`` and install what the lock says, unless that is done already."""
    state = hashlib.sha256(sys.version.encode())
    for path in (LOCKS[wanted], ROOT / "pyproject.toml"):
        state.update(path.read_bytes())
    stamps = {name: VENV / f".ready-{name}" for name in LOCKS}
    if PYTHON.exists() and stamps[wanted].exists() and stamps[wanted].read_text() == state.hexdigest():
        return
    print(f"setting up {VENV} (once)", file=sys.stderr)
    if not PYTHON.exists():
        made = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=False)
        if made.returncode:
            print("this Python has no venv; on Debian: apt-get install python3-venv", file=sys.stderr)
            raise subprocess.CalledProcessError(made.returncode, made.args)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # A lock names everything, so nothing is resolved: a pip that resolves looks for newer versions of what
    # is pinned without its extra, and refuses them for want of a checksum.
    subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", LOCKS[wanted]], check=True)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "-e", ROOT], check=True)
    subprocess.run([PYTHON, "-m", "pip", "check", "--quiet"], check=True)
    stamps[wanted].write_text(state.hexdigest())


def selection() -> tuple[str, str]:
    """Which tests can run here, as pytest's ``-m`` has it, and a word on those that cannot."""
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if not missing:
        return "not soak", ""
    left_out = (
        "left out were the tests against HAPI's validator, server and containers, and HL7's examples from npm"
    )
    return (
        "not hapi and not postgres and not network and not docker and not soak",
        f"{' and '.join(missing)} not found: {left_out}",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
