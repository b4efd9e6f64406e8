"""What each command does; ``cli`` has parsed the options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fhir_blina.cli.store_commands import (
    Options,
    doctor,
    prepared,
    pull,
    push,
    server,
    store_of,
    terminal_of,
    unload,
)
from fhir_blina.cli.terminal import Terminal, counted, table_text
from fhir_blina.errors import AnalysisError, CohortError, ValidationError

DIFFERENCES = 7


def cohorts(options: Options) -> int:
    """List the cohorts that come with the package."""
    from fhir_blina.cohorts import cohort_names, find_cohort, read_cohort

    terminal = terminal_of(options)
    found = {name: read_cohort(name) for name in cohort_names()}
    terminal.answer({"cohorts": [{"name": name, "folder": str(find_cohort(name))} for name in found]})
    for name, cohort in found.items():
        terminal.result(f"{name}  {cohort.manifest.data['title']}")
        terminal.result(f"{' ' * len(name)}  {cohort.folder}")
    return 0


def new(options: Options) -> int:
    """Start a cohort folder from CSV files."""
    from fhir_blina.cohorts import new_cohort

    terminal = terminal_of(options)
    written = new_cohort(Path(options.folder), [Path(file) for file in options.files])
    terminal.answer({"files": [str(path) for path in written]})
    for path in written:
        terminal.result(str(path))
    terminal.say(f"Next: fhir-blina check {options.folder}")
    return 0


def check(options: Options) -> int:
    """Find everything wrong with a cohort folder."""
    from fhir_blina.mapping import check_cohort

    terminal = terminal_of(options)
    findings = check_cohort(options.cohort, profiles=options.profiles)
    terminal.answer({"issue": [finding.as_issue() for finding in findings]})
    terminal.findings(findings)
    if findings:
        terminal.say(f"{len(findings)} fault{'s' * (len(findings) != 1)}")
        return CohortError.exit_code
    terminal.result(f"{options.cohort}: no fault")
    return 0


def map_(options: Options) -> int:
    """Turn the cohort's rows into FHIR resources."""
    from fhir_blina.files import dumps
    from fhir_blina.store import open_store

    terminal = terminal_of(options)
    cohort, mapped = prepared(options, terminal)
    if options.out is None:
        for resource in mapped.resources:
            print(dumps(resource))  # noqa: T201 - the result
        return 0
    result = open_store(Path(options.out) / "fhir").push(mapped.resources, cohort=cohort.name)
    counts = {kind: result.created.get(kind, 0) for kind in result.created}
    terminal.answer({"folder": str(Path(options.out) / "fhir"), "created": counts})
    terminal.result(str(Path(options.out) / "fhir"))
    return 0


def validate(options: Options) -> int:
    """Check every resource against FHIR R4."""
    from fhir_blina.cli.pipeline import validated, with_origin

    terminal = terminal_of(options)
    cohort, mapped = prepared(options, terminal)
    findings = validated(cohort, mapped, terminal=terminal)
    if options.server:
        from fhir_blina.http import access
        from fhir_blina.store.rest import RestStore

        with terminal.step("$validate") as step:
            chosen = RestStore(options.server, **access(options.server, options.auth_file))
            answered = chosen.validate(mapped.resources, progress=step.progress)
            findings += [with_origin(finding, mapped) for finding in answered]
            step.summary = f"{len(answered)} issues"
    terminal.answer({"resources": len(mapped.resources), "issue": [one.as_issue() for one in findings]})
    terminal.findings(findings)
    errors = sum(finding.severity in {"error", "fatal"} for finding in findings)
    terminal.result(f"{len(mapped.resources)} resources, {errors} errors, {len(findings) - errors} warnings")
    return ValidationError.exit_code if errors else 0


def _pulled(options: Options, terminal: Terminal, cohort: str | None) -> Path:
    """The folder that the tables are read from: the store itself, or a fresh pull of a server."""
    where = options.store or str(Path(options.out) / "fhir")
    folder = Path(options.out) / "fhir"
    with terminal.step("pull") as step:
        result = store_of(options).pull(
            folder if where.startswith(("http://", "https://")) else Path(where),
            cohort=cohort,
            progress=step.progress,
        )
        step.summary = f"{counted(result.counts)}, complete"
    return Path(result.folder)


def tables(options: Options) -> int:
    """Run the views over a store's resources."""
    from fhir_blina.views import export_tables, view_sql

    terminal = terminal_of(options)
    views = Path(options.views) if options.views else None
    if options.sql:
        terminal.result(view_sql(options.sql, options.store or Path(options.out) / "fhir", views))
        return 0
    if options.keep_going:  # the folder as it is: a pull would stop at the first bad line
        folder = Path(options.store or Path(options.out) / "fhir")
    else:
        folder = _pulled(options, terminal, options.cohort)
    with terminal.step("tables") as step:
        files, rejected = export_tables(
            folder,
            Path(options.out) / "tables",
            format=options.format,
            engine=options.engine,
            keep_going=options.keep_going,
            views=views,
        )
        step.summary = f"{len(files)} files" + "".join(f", {n} bad lines of {k}" for k, n in rejected.items())
    terminal.answer({"files": [str(file) for file in files], "rejected": rejected})
    for file in files:
        terminal.result(str(file))
    return 0


def analyze(options: Options) -> int:
    """Compute response and survival from a store."""
    from fhir_blina.analysis import analyze as work_out
    from fhir_blina.cli.pipeline import shown_summary, suppressed_of, tables_of
    from fhir_blina.cohorts import read_cohort
    from fhir_blina.results import write_results

    terminal = terminal_of(options)
    cohort = read_cohort(options.cohort) if options.cohort is not None else None
    if options.endpoints:
        definitions = Path(options.endpoints)
    elif cohort is not None:
        definitions = cohort.folder
    else:
        raise AnalysisError("nothing says what to compute. Name a cohort, or give --endpoints FILE")
    folder = _pulled(options, terminal, cohort.name if cohort is not None else None)
    if options.suppress is not None:
        results = suppressed_of(definitions, tables_of(folder), Path(options.out), options.suppress)
        terminal.say(shown_summary(results))
    else:
        results = work_out(tables_of(folder), definitions)
        write_results(results, Path(options.out) / "results.json")
    terminal.answer(results.as_dict())
    _show_claims(results, terminal)
    terminal.result(str(Path(options.out) / "results.json"))
    return 0


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
        tables_of(_pulled(options, terminal, cohort.name)),
        read_endpoints(cohort.folder),
        threshold=options.suppress,
        endpoint=options.endpoint,
    )
    files = write_tables(made, Path(options.out) / "shared")
    terminal.answer({"files": [str(file) for file in files]})
    for file in files:
        terminal.result(str(file))
    return 0


def report(options: Options) -> int:
    """Write the report from a store."""
    from fhir_blina.cli.pipeline import analyzed
    from fhir_blina.cohorts import read_cohort

    terminal = terminal_of(options)
    cohort = read_cohort(options.cohort)
    folder = _pulled(options, terminal, cohort.name)
    _, path = analyzed(cohort, folder, Path(options.out), store=options.store, terminal=terminal)
    terminal.answer({"report": str(path)})
    terminal.result(str(path))
    return 0


def run(options: Options) -> int:
    """Do all of it, from the cohort's files to the report."""
    from fhir_blina.cli.pipeline import cells_summary
    from fhir_blina.cli.pipeline import run as run_all

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
            "claims": [dict(claim) for claim in done.results.claims],
            "report": str(done.report) if done.report else None,
        }
    )
    _show_claims(done.results, terminal)
    terminal.result(cells_summary(account))
    for difference in account.differences:
        terminal.result(str(difference))
    if done.report:
        terminal.result(f"report: {done.report}")
    else:
        results = Path(options.out) / "results.json"
        terminal.result(f"{results}: small numbers hidden; every other file here is about single patients")
    return DIFFERENCES if account.differences else 0


def _show_claims(results: Any, terminal: Terminal) -> None:
    """The published numbers beside the recomputed ones."""
    from fhir_blina.cli.pipeline import agreement_summary, headline

    if not results.claims or terminal.json:
        return
    rows = headline(results, everything=terminal.verbose)
    header = ("published", "printed", "recomputed", "unit", "agreement", "method, or why not")
    terminal.result(table_text(header, rows))
    terminal.result(f"\n{agreement_summary(results)}")


def roundtrip(options: Options) -> int:
    """Rebuild the cohort's tables from a store and compare every cell."""
    from fhir_blina.cli.pipeline import cells_summary, pulled_resources
    from fhir_blina.mapping.back import round_trip

    terminal = terminal_of(options)
    cohort, mapped = prepared(options, terminal)
    folder = _pulled(options, terminal, cohort.name)
    account = round_trip(cohort, mapped.templates, pulled_resources(folder))
    terminal.answer(
        {
            "cells": {"mapped": account.mapped, "unmapped": account.unmapped, "lost": account.lost},
            "differences": [str(difference) for difference in account.differences],
        }
    )
    for difference in account.differences:
        terminal.result(str(difference))
    terminal.result(f"{cells_summary(account)}; {len(account.differences)} differences")
    return DIFFERENCES if account.differences else 0


COMMANDS: dict[str, Callable[[Options], int]] = {
    "analyze": analyze,
    "check": check,
    "cohorts": cohorts,
    "doctor": doctor,
    "map": map_,
    "new": new,
    "pull": pull,
    "push": push,
    "report": report,
    "roundtrip": roundtrip,
    "run": run,
    "share": share,
    "server": server,
    "tables": tables,
    "unload": unload,
    "validate": validate,
}
