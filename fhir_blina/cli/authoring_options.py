"""Options of the commands that help to write a cohort: ``codes`` and ``show``."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def add_authoring(add: Callable[..., argparse.ArgumentParser], cohort: argparse.ArgumentParser) -> None:
    """Add the commands.

    Args:
        add: Adds a command, given its name, what it does, an example, and parsers to inherit from.
        cohort: The options of every command on a cohort.
    """
    coding = add(
        "codes",
        "suggest codes for a cohort's words from files that you have, or export its code maps",
        "codes suggest mycohort --from loinc.json",
    )
    coding.add_argument("action", choices=("suggest", "export"))
    coding.add_argument("cohort", help="name of a cohort, or its folder")
    coding.add_argument("--profiles", action="append", default=[], metavar="NAME", help="as for check")
    coding.add_argument("--map", action="append", default=[], metavar="NAME", help="only this code map")
    coding.add_argument(
        "--from",
        dest="sources",
        action="append",
        default=[],
        metavar="FILE",
        help="CodeSystem or ValueSet of FHIR, or a Bundle of them, in JSON",
    )
    coding.add_argument("--most", type=int, default=5, metavar="N", help="candidates a word (default: 5)")
    coding.add_argument("--write", action="store_true", help="add to codes.csv what is exact and alone")
    coding.add_argument(
        "--choose", action="append", default=[], metavar="MAP:VALUE=CODE", help="add this code of a source"
    )
    coding.add_argument("--out", default="out", metavar="DIR", help="where ConceptMaps go (default: out)")
    showing = add("show", "show a row beside what it becomes", "show mycohort patients.csv:3", cohort)
    showing.add_argument(
        "row", nargs="+", help="file:line, sheet!row, or a table, alone or with the cells of a row's key"
    )
