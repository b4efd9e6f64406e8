"""Check that a tag may become a release, and write what it says of itself.

python scripts/release.py v1.2.3 NOTES.md

The tag must be the version of pyproject.toml, and CHANGELOG.md must have a section of it with content; that
section becomes NOTES.md.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def notes_of(version: str, changelog: str) -> str:
    """The section of a version; "" where there is none."""
    heading = re.compile(rf"^## \[?{re.escape(version)}\]?(?: .*)?$", re.MULTILINE)
    found = heading.search(changelog)
    return (
        re.split(r"^## ", changelog[found.end() :], maxsplit=1, flags=re.MULTILINE)[0].strip()
        if found
        else ""
    )


def main(tag: str, target: Path) -> int:
    """Compare tag, version and changelog, and write the notes; 1 where they differ."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    if tag != f"v{version}":
        sys.stderr.write(
            f"the tag is {tag}, the version in pyproject.toml {version}: tag v{version} or change it\n"
        )
        return 1
    notes = notes_of(version, (ROOT / "CHANGELOG.md").read_text("utf-8"))
    if not notes:
        sys.stderr.write(
            f"CHANGELOG.md has no section {version}: give what is under Unreleased that heading\n"
        )
        return 1
    target.write_text(notes + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
