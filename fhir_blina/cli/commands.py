"""The commands by name, tables, and all of it in one; ``parser`` has parsed the options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fhir_blina.cli.analysis_commands import analyze, export, report, share
from fhir_blina.cli.coding import codes
from fhir_blina.cli.cohort_commands import DIFFERENCES, check, cohorts, map_, new, roundtrip, validate
from fhir_blina.cli.expanding import expand
from fhir_blina.cli.exploring import explore
from fhir_blina.cli.reading import Options, pulled_folder, say_account, terminal_of
from fhir_blina.cli.serving import server
from fhir_blina.cli.showing import show
from fhir_blina.cli.simulating import simulate
from fhir_blina.cli.store_commands import doctor, pull, push, unload
from fhir_blina.cli.summaries import cells_summary, show_claims, show_counted
from fhir_blina.errors import gathered


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


def run(options: Options) -> int:
    """Do all of it, from the cohort's files to the report."""
    from fhir_blina.cli.pipeline import run as run_all
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
        png=options.png,
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
    show_claims(done.results, terminal)
    show_counted(done.results, terminal)
    terminal.result(cells_summary(account))
    for line in gathered(one.finding for one in account.differences):
        terminal.result(line)
    if done.report:
        terminal.result(f"report: {done.report}")
    else:
        results = Path(options.out) / "results.json"
        terminal.result(f"{results}: small numbers hidden; every other file here is about single patients")
    return DIFFERENCES if account.differences else 0


COMMANDS: dict[str, Callable[[Options], int]] = {
    "analyze": analyze,
    "check": check,
    "codes": codes,
    "cohorts": cohorts,
    "doctor": doctor,
    "expand": expand,
    "explore": explore,
    "export": export,
    "map": map_,
    "new": new,
    "pull": pull,
    "push": push,
    "report": report,
    "roundtrip": roundtrip,
    "run": run,
    "share": share,
    "show": show,
    "server": server,
    "simulate": simulate,
    "tables": tables,
    "unload": unload,
    "validate": validate,
}
