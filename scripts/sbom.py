"""Write sbom.json, a CycloneDX bill of the pinned dependencies with their checksums.

Run from the repository::

    python scripts/sbom.py [FILE]

The same requirements.txt gives the same bytes.
"""
# ruff: noqa: INP001, S603

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(target: Path) -> int:
    """Read requirements.txt and pyproject.toml, write the bill; returns an exit code."""
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements"]
    command += [str(ROOT / "requirements.txt"), "--pyproject", str(ROOT / "pyproject.toml")]
    command += ["--output-reproducible", "--of", "JSON", "-o", str(target)]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "sbom.json")))
