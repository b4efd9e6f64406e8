"""Options of the commands that help to write a cohort: ``new``, ``codes`` and ``show``."""

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


def add_new(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command that starts a cohort; ``add`` as above."""
    new = add(
        "new",
        "start a cohort folder from files",
        "new mycohort trial.xlsx --patient id --time days --event status=2",
    )
    new.add_argument("folder", help="the folder to make; its name becomes the cohort's name")
    new.add_argument("files", nargs="+", help="CSV, workbooks, Parquet …, with a header line")
    new.add_argument("--patient", default="", metavar="COLUMN", help="names a patient (default: guessed)")
    new.add_argument("--time", default="", metavar="COLUMN", help="to death or to the last contact")
    new.add_argument("--time-unit", choices=("d", "wk", "mo", "a"), default="d", help="of it (default: days)")
    new.add_argument(
        "--event", default="", metavar="COLUMN=VALUE", help="the value that means death, not last contact"
    )
    new.add_argument(
        "--unpivot",
        action="append",
        default=[],
        metavar="PATTERN",
        help='"crp_d{day}": crp_d15, crp_d29 as rows',
    )
    new.add_argument(
        "--codebook", metavar="FILE", help="what the variables mean: columns variable, label, unit"
    )
    new.add_argument("--redcap", metavar="DICTIONARY", help="the file is an export of this REDCap project")
    new.add_argument(
        "--missing",
        action="append",
        default=[],
        metavar="CODE",
        help="a word that means an empty cell, -999 for example",
    )
    new.add_argument(
        "--kind",
        action="append",
        default=[],
        metavar="TABLE=KIND",
        help="what its rows are: laboratory, medications, diagnoses, procedures, outcomes, rows",
    )
