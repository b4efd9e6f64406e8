"""Write the table of modules in .github/CONTRIBUTING.md, and the line numbers in docs/architecture.md.

The table has the first lines of the docstrings; a place is `file:line` and the name that stands there.

python3 scripts/modules.py            write it
python3 scripts/modules.py --check    say whether it is as the docstrings have it
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "fhir_blina"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PLACE = re.compile(r"`(fhir_blina/[\w/]+\.py):\d+`(\s+)`([\w.]+)`")
GUIDE = ROOT / ".github" / "CONTRIBUTING.md"
BEGIN, END = "<!-- modules: made by scripts/modules.py -->\n", "<!-- /modules -->\n"
# In the order in which data flow; each folder is one package.
PACKAGES = (
    *("files", "r4", "fhirpath", "terminology", "tabular", "cohorts", "mapping", "mapping/back"),
    *("simulation", "validation", "gathering", "http", "store"),
    *(
        "store/rest",
        "hapi",
        "views",
        "views/sql",
        "views/duckdb",
        "views/spark",
        "statistics",
        "endpoints",
        "results",
    ),
    *("analysis", "analysis/quality", "disclosure", "figures", "report", "exploration", "exports", "cli"),
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


def line_of(path: Path, name: str) -> int:
    """The line on which a module defines a name, or a class its method."""
    nodes: list[ast.stmt] = ast.parse(path.read_text("utf-8")).body
    line = 0
    for part in name.split("."):
        found = next((node for node in nodes if part in _names(node)), None)
        if found is None:
            sys.exit(f"{ARCHITECTURE.name} names {name} in {path.relative_to(ROOT)}, where it is not")
        line, nodes = found.lineno, getattr(found, "body", [])
    return line


def _names(node: ast.stmt) -> set[str]:
    targets = (
        node.targets
        if isinstance(node, ast.Assign)
        else [node.target]
        if isinstance(node, ast.AnnAssign)
        else []
    )
    return {getattr(node, "name", ""), *(one.id for one in targets if isinstance(one, ast.Name))}


def placed(text: str) -> str:
    """A document with the line of each place as the code has it."""

    def place(match: re.Match[str]) -> str:
        return f"`{match[1]}:{line_of(ROOT / match[1], match[3])}`{match[2]}`{match[3]}`"

    return PLACE.sub(place, text)


def main(arguments: list[str]) -> int:
    """Write the table, or compare; 1 where it differs."""
    text = GUIDE.read_text("utf-8")
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    made = text[:begin] + "\n" + table() + text[end:]
    plan = ARCHITECTURE.read_text("utf-8")
    if "--check" in arguments:
        return int(made != text or placed(plan) != plan)
    GUIDE.write_text(made, "utf-8")
    ARCHITECTURE.write_text(placed(plan), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
