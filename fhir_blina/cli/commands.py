"""The commands by name, and those on what a store holds; ``parser`` has parsed the options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhir_blina.cli.cohort_commands import DIFFERENCES, check, cohorts, map_, new, roundtrip, validate
from fhir_blina.cli.reading import Options, pulled_folder, say_account, terminal_of
from fhir_blina.cli.simulating import simulate
from fhir_blina.cli.store_commands import doctor, pull, push, server, unload
from fhir_blina.cli.terminal import Terminal, table_text
from fhir_blina.errors import AnalysisError

if TYPE_CHECKING:
    from fhir_blina.cohorts import Cohort


def tables(options: Options) -> int:
    """Run the views over a store's resources."""
    from fhir_blina.store import is_foreign
    from fhir_blina.views import export_tables, view_sql

    terminal = terminal_of(options)
    views = Path(options.views) if options.views else None
    where = options.store or str(Path(options.out) / "fhir")
    if options.sql:
        terminal.result(view_sql(options.sql, where, views))
        return 0
    # With --keep-going a store folder as it is: a pull would stop at the first bad line.
    ours = not where.startswith(("http://", "https://")) and not is_foreign(Path(where))
    as_it_is = options.keep_going and ours
    folder = Path(where) if as_it_is else pulled_folder(options, terminal, options.cohort)
    with terminal.step("tables") as step:
        files, rejected, account = export_tables(
            folder,
            Path(options.out) / "tables",
            format=options.format,
            engine=options.engine,
            keep_going=options.keep_going,
            views=views,
        )
        bad = "".join(f", {n} bad lines of {k}" for k, n in rejected.items())
        step.summary = f"{len(account.rows)} tables, {sum(account.rows.values())} rows{bad}"
    say_account(account, terminal, rows=True)
    terminal.answer({"files": [str(file) for file in files], "rejected": rejected} | account.as_dict())
    for file in files:
        terminal.result(str(file))
    return 0


def analyze(options: Options) -> int:
    """Compute response and survival from a store."""
    from fhir_blina.analysis import analyze as work_out
    from fhir_blina.cli.pipeline import suppressed_of, tables_of
    from fhir_blina.cli.summaries import shown_summary
    from fhir_blina.cohorts import read_cohort
    from fhir_blina.results import write_results

    terminal = terminal_of(options)
    cohort = read_cohort(options.cohort) if options.cohort is not None else None
    definitions = _definitions(options, cohort)
    folder = pulled_folder(options, terminal, cohort.name if cohort is not None else None)
    tables = tables_of(folder, views=options.views)
    say_account(tables.account, terminal)
    if options.suppress is not None:
        results = suppressed_of(definitions, tables, Path(options.out), options.suppress)
        terminal.say(shown_summary(results))
    else:
        results = work_out(tables, definitions)
        write_results(results, Path(options.out) / "results.json")
    terminal.answer(results.as_dict())
    _show_claims(results, terminal)
    _show_counted(results, terminal)
    terminal.result(str(Path(options.out) / "results.json"))
    return 0


def _definitions(options: Options, cohort: Cohort | None) -> Path:
    """The endpoints that are named, or those of the cohort."""
    if options.endpoints:
        return Path(options.endpoints)
    if cohort is None:
        raise AnalysisError("nothing says what to compute. Name a cohort, or give --endpoints FILE")
    return cohort.folder


def export(options: Options) -> int:
    """Write the results as R, spreadsheets and manuscripts read them."""
    from fhir_blina.analysis import analyze as work_out
    from fhir_blina.cli.pipeline import tables_of
    from fhir_blina.cohorts import read_cohort
    from fhir_blina.endpoints import Facts, read_endpoints
    from fhir_blina.exports import write_exports

    terminal = terminal_of(options)
    cohort = read_cohort(options.cohort) if options.cohort is not None else None
    definitions = read_endpoints(_definitions(options, cohort))
    tables = tables_of(pulled_folder(options, terminal, cohort.name if cohort is not None else None))
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
    from fhir_blina.cli.pipeline import analyzed
    from fhir_blina.cohorts import read_cohort

    terminal = terminal_of(options)
    cohort = read_cohort(options.cohort)
    folder = pulled_folder(options, terminal, cohort.name)
    _, path = analyzed(cohort, folder, Path(options.out), store=options.store, terminal=terminal)
    terminal.answer({"report": str(path)})
    terminal.result(str(path))
    return 0


def run(options: Options) -> int:
    """Do all of it, from the cohort's files to the report."""
    from fhir_blina.cli.pipeline import run as run_all
    from fhir_blina.cli.summaries import cells_summary
    from fhir_blina.results import as_json

    terminal = terminal_of(options)
    done = run_all(
        options.cohort,
        out=Path(options.out),
        store=options.store,
        auth_file=options.auth_file,
        audit=options.audit,
        anchor=options.anchor,
        profiles=options.profiles,
        engine=options.engine,
        suppress=options.suppress,
        terminal=terminal,
    )
    account = done.round_trip
    terminal.answer(
        {
            "cells": {"mapped": account.mapped, "unmapped": account.unmapped, "lost": account.lost},
            "differences": [str(difference) for difference in account.differences],
            "claims": as_json(done.results.claims),
            "populations": as_json(done.results.populations),
            "report": str(done.report) if done.report else None,
        }
    )
    _show_claims(done.results, terminal)
    _show_counted(done.results, terminal)
    terminal.result(cells_summary(account))
    for difference in account.differences:
        terminal.result(str(difference))
    if done.report:
        terminal.result(f"report: {done.report}")
    else:
        results = Path(options.out) / "results.json"
        terminal.result(f"{results}: small numbers hidden; every other file here is about single patients")
    return DIFFERENCES if account.differences else 0


def _told(files: list[Path], terminal: Terminal) -> int:
    """Say which files were written; the exit code."""
    terminal.answer({"files": [str(file) for file in files]})
    for file in files:
        terminal.result(str(file))
    return 0


def _show_claims(results: Any, terminal: Terminal) -> None:
    """The published numbers beside the recomputed ones."""
    from fhir_blina.cli.summaries import headline
    from fhir_blina.results import agreement_sentences

    if not results.claims or terminal.json:
        return
    rows = headline(results, everything=terminal.verbose)
    header = ("published", "printed", "recomputed", "unit", "agreement", "method, or why not")
    terminal.result(table_text(header, rows))
    terminal.result(f"\n{agreement_sentences(results.claims)}")


def _show_counted(results: Any, terminal: Terminal) -> None:
    """Who is counted in what, why others are not, and what the rows make a reader ask; no patient's key."""
    from fhir_blina.cli.summaries import counted_summary, derivation_warnings

    if terminal.json or not results.populations:
        return
    rows, everyone = counted_summary(results, everything=terminal.verbose)
    if rows:
        terminal.result("\n" + table_text(("counted in", "n", "of", "not counted, and why"), rows))
    if everyone:
        terminal.result(f"\n{everyone}")
    for line in derivation_warnings(results):
        terminal.say(line)


COMMANDS: dict[str, Callable[[Options], int]] = {
    "analyze": analyze,
    "check": check,
    "cohorts": cohorts,
    "doctor": doctor,
    "export": export,
    "map": map_,
    "new": new,
    "pull": pull,
    "push": push,
    "report": report,
    "roundtrip": roundtrip,
    "run": run,
    "share": share,
    "server": server,
    "simulate": simulate,
    "tables": tables,
    "unload": unload,
    "validate": validate,
}
