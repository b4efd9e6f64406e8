"""Write the table of modules in .github/CONTRIBUTING.md from the first lines of their docstrings.

python3 scripts/modules.py            write it
python3 scripts/modules.py --check    say whether it is as the docstrings have it
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "fhir_blina"
GUIDE = ROOT / ".github" / "CONTRIBUTING.md"
BEGIN, END = "<!-- modules: made by scripts/modules.py -->\n", "<!-- /modules -->\n"
# In the order in which data flow; each folder is one package.
PACKAGES = (
    *("files", "r4", "fhirpath", "cohorts", "mapping", "mapping/back", "validation", "http", "store"),
    *("store/rest", "hapi", "views", "views/sql", "views/duckdb", "statistics", "endpoints", "results"),
    *("analysis", "analysis/quality", "disclosure", "figures", "report", "cli"),
)


def said(path: Path) -> str:
    """The first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n")[0]


def table() -> str:
    """A section for each package: what it is for, then a line for each module."""
    lines = []
    for name in PACKAGES:
        folder = PACKAGE / name
        lines += [f"**`{name}/`** {said(folder / '__init__.py')}", "", "| module | what |", "|---|---|"]
        modules = [path for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]
        lines += [f"| `{path.stem}` | {said(path)} |" for path in modules]
        lines.append("")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Write the table, or compare; 1 where it differs."""
    text = GUIDE.read_text("utf-8")
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    made = text[:begin] + "\n" + table() + text[end:]
    if "--check" in arguments:
        return int(made != text)
    GUIDE.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
