"""The commands on what a store holds, whoever wrote it: analyze, report, export, share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fhir_blina.cli.reading import Options, pulled_folder, tables_read, terminal_of
from fhir_blina.cli.summaries import show_claims, show_counted, shown_summary
from fhir_blina.cli.terminal import Terminal
from fhir_blina.errors import AnalysisError

if TYPE_CHECKING:
    from fhir_blina.cohorts import Cohort


def analyze(options: Options) -> int:
    """Compute response and survival from a store."""
    from fhir_blina.analysis import analyze as work_out
    from fhir_blina.cli.pipeline import suppressed_of
    from fhir_blina.results import write_results

    terminal = terminal_of(options)
    cohort, definitions = _asked(options)
    tables = tables_read(options, terminal, cohort)
    if options.suppress is not None:
        results = suppressed_of(definitions, tables, Path(options.out), options.suppress)
        terminal.say(shown_summary(results))
    else:
        results = work_out(tables, definitions)
        write_results(results, Path(options.out) / "results.json")
    terminal.answer(results.as_dict() | {"read": tables.account.as_dict()})
    show_claims(results, terminal)
    show_counted(results, terminal)
    terminal.result(str(Path(options.out) / "results.json"))
    return 0


def _asked(options: Options) -> tuple[Cohort | None, Path]:
    """The cohort that is named, if one is; and the endpoints that are named, or else the cohort's.

    Raises:
        AnalysisError: neither is named.
    """
    from fhir_blina.cohorts import read_cohort

    cohort = read_cohort(options.cohort) if options.cohort is not None else None
    if options.endpoints:
        return cohort, Path(options.endpoints)
    if cohort is None:
        raise AnalysisError("nothing says what to compute. Name a cohort, or give --endpoints FILE")
    return cohort, cohort.folder


def export(options: Options) -> int:
    """Write the results as R, spreadsheets and manuscripts read them."""
    from fhir_blina.analysis import analyze as work_out
    from fhir_blina.endpoints import Facts, read_endpoints
    from fhir_blina.exports import write_exports

    terminal = terminal_of(options)
    cohort, asked = _asked(options)
    definitions = read_endpoints(asked)
    tables = tables_read(options, terminal, cohort)
    with terminal.step("export") as step:
        files = write_exports(
            Path(options.out) / "exports",
            Facts(tables, definitions),
            work_out(tables, definitions),
            cohort.systems if cohort is not None else None,
        )
        step.summary = f"{len(files)} files"
    return _told(files, terminal)


def share(options: Options) -> int:
    """Write counts and survival as tables without a patient in them."""
    from fhir_blina.cli.pipeline import tables_of
    from fhir_blina.cohorts import read_cohort
    from fhir_blina.disclosure import shared_tables
    from fhir_blina.endpoints import read_endpoints
    from fhir_blina.views import write_tables

    terminal = terminal_of(options)
    cohort = read_cohort(options.cohort)
    made = shared_tables(
        tables_of(pulled_folder(options, terminal, cohort.name), release=cohort.release),
        read_endpoints(cohort.folder),
        threshold=options.suppress,
        endpoint=options.endpoint,
    )
    files = write_tables(made, Path(options.out) / "shared")
    return _told(files, terminal)


def report(options: Options) -> int:
    """Write the report from a store."""
    from fhir_blina.cli.reporting import reported, write_tables_of

    terminal = terminal_of(options)
    cohort, definitions = _asked(options)
    tables = tables_read(options, terminal, cohort)
    out = Path(options.out)
    with terminal.step("tables") as step:
        write_tables_of(tables, out, step)
    results, path = reported(
        tables,
        definitions,
        out,
        cohort=cohort,
        store=options.store,
        title=options.title,
        png=options.png,
        terminal=terminal,
    )
    terminal.answer({"report": str(path), "read": tables.account.as_dict()})
    show_claims(results, terminal)
    show_counted(results, terminal)
    terminal.result(str(path))
    return 0


def _told(files: list[Path], terminal: Terminal) -> int:
    """Say which files were written; the exit code."""
    terminal.answer({"files": [str(file) for file in files]})
    for file in files:
        terminal.result(str(file))
    return 0
