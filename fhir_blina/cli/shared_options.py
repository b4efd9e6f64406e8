"""Options that several commands share, and a parser whose faults have an exit code of their own."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

USAGE_ERROR = 64


class CommandParser(argparse.ArgumentParser):
    """A parser whose faults have an exit code of their own."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, how to use it, and leave with the exit code of wrong use."""
        self.print_usage(sys.stderr)
        sys.stderr.write(f"{self.prog}: {message}\n")
        raise SystemExit(USAGE_ERROR)


def at_least_one(text: str) -> int:
    """A number of an option, 1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _threshold(text: str) -> int:
    number = int(text)
    if number < 2:
        raise argparse.ArgumentTypeError("a threshold below 2 hides nothing")
    return number


def voice_options() -> CommandParser:
    """How much is said."""
    voice = CommandParser(add_help=False)
    group = voice.add_argument_group("output")
    group.add_argument("-q", "--quiet", action="store_true", help="no steps and no progress on stderr")
    group.add_argument("-v", "--verbose", action="store_true", help="notes as well")
    group.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return voice


def cohort_options() -> CommandParser:
    """Which cohort, and what of it."""
    cohort = CommandParser(add_help=False)
    cohort.add_argument("cohort", help="name of a cohort (see `fhir-blina cohorts`), or its folder")
    cohort.add_argument(
        "--profiles", action="append", default=[], metavar="NAME", help="option of the manifest"
    )
    cohort.add_argument("--anchor", metavar="DATE", help="another synthetic date for study day 0")
    return cohort


def access_options() -> CommandParser:
    """Who we are to a server."""
    access = CommandParser(add_help=False)
    access.add_argument(
        "--auth-file", metavar="FILE", help="who we are to the server: YAML that refers to secrets"
    )
    return access


def store_options() -> CommandParser:
    """Which store, and where results go."""
    store = CommandParser(add_help=False, parents=[access_options()])
    store.add_argument(
        "--store", metavar="WHERE", help="folder or base URL of a FHIR server (default: OUT/fhir)"
    )
    store.add_argument("--audit", metavar="FILE", help="add who did what with which ids, hashed, to FILE")
    store.add_argument("--out", default="out", metavar="DIR", help="where results go (default: out)")
    return store


def threshold_options(default: int | None = None) -> CommandParser:
    """Which counts are hidden."""
    hidden = CommandParser(add_help=False)
    hidden.add_argument(
        "--suppress",
        nargs="?",
        type=_threshold,
        const=11,
        default=default,
        metavar="N",
        help="hide counts below N (11 where no number is given), and what they would follow from",
    )
    return hidden
