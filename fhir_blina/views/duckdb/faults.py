"""Faults of a query: which one DuckDB met, and where it is by the reference engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn

import duckdb

from fhir_blina.views.definition import View
from fhir_blina.views.faults import Fault, RunFault
from fhir_blina.views.reference import evaluate_view, resources_of

_OURS = re.compile(r"Invalid Input Error: view ([A-Z_]+): (.*)")  # what ``tree.message`` makes


def raised_fault(error: duckdb.Error) -> tuple[Fault, str]:
    """The fault that a query raised, and its detail; ``UNREADABLE`` where DuckDB itself refuses."""
    ours = _OURS.match(str(error)) if isinstance(error, duckdb.InvalidInputException) else None
    if ours is None:
        return Fault.UNREADABLE, f"DuckDB cannot read it ({type(error).__name__})"
    return Fault[ours[1]], ours[2]


def find_fault(path: Path, view: View, fault: Fault, detail: str = "") -> NoReturn:
    """Look with the reference engine for what DuckDB could not read, and name it.

    Raises:
        StoreIncomplete: a line that is no resource, with file and line.
        RunFault: with column and resource where the reference engine finds them, else with the file.
    """
    evaluate_view(view, resources_of(path, view.resource))
    raise RunFault(fault, view.source, str(path), detail, 'Use --engine python (engine="python")')
