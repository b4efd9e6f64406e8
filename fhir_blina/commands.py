"""What each command does; ``cli`` has parsed the options."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fhir_blina.errors import CohortError, ValidationError
from fhir_blina.terminal import Terminal, counted, table_text

DIFFERENCES = 7

Options = argparse.Namespace


def _terminal(options: Options) -> Terminal:
    return Terminal(quiet=options.quiet, verbose=options.verbose, json=options.json)


def _store(options: Options) -> Any:
    from fhir_blina.store import open_store

    return open_store(options.store or Path(options.out) / "fhir")


def _prepared(options: Options, terminal: Terminal) -> tuple[Any, Any]:
    from fhir_blina.pipeline import prepare

    return prepare(options.cohort, anchor=options.anchor, profiles=options.profiles, terminal=terminal)


def cohorts(options: Options) -> int:
    """List the cohorts that come with the package."""
    from fhir_blina.cohort import cohort_names, find_cohort, read_cohort

    terminal = _terminal(options)
    found = {name: read_cohort(name) for name in cohort_names()}
    terminal.answer({"cohorts": [{"name": name, "folder": str(find_cohort(name))} for name in found]})
    for name, cohort in found.items():
        terminal.result(f"{name}  {cohort.manifest.data['title']}")
        terminal.result(f"{' ' * len(name)}  {cohort.folder}")
    return 0


def new(options: Options) -> int:
    """Start a cohort folder from CSV files."""
    from fhir_blina.scaffold import new_cohort

    terminal = _terminal(options)
    written = new_cohort(Path(options.folder), [Path(file) for file in options.files])
    terminal.answer({"files": [str(path) for path in written]})
    for path in written:
        terminal.result(str(path))
    terminal.say(f"Next: fhir-blina check {options.folder}")
    return 0


def check(options: Options) -> int:
    """Find everything wrong with a cohort folder."""
    from fhir_blina.check import check_cohort

    terminal = _terminal(options)
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
    from fhir_blina import fhirjson
    from fhir_blina.store import open_store

    terminal = _terminal(options)
    cohort, mapped = _prepared(options, terminal)
    if options.out is None:
        for resource in mapped.resources:
            print(fhirjson.dumps(resource))  # noqa: T201 - the result
        return 0
    result = open_store(Path(options.out) / "fhir").push(mapped.resources, cohort=cohort.name)
    counts = {kind: result.created.get(kind, 0) for kind in result.created}
    terminal.answer({"folder": str(Path(options.out) / "fhir"), "created": counts})
    terminal.result(str(Path(options.out) / "fhir"))
    return 0


def validate(options: Options) -> int:
    """Check every resource against FHIR R4."""
    from fhir_blina.pipeline import validated, with_origin

    terminal = _terminal(options)
    cohort, mapped = _prepared(options, terminal)
    findings = validated(cohort, mapped, terminal=terminal)
    if options.server:
        from fhir_blina.store import open_store

        with terminal.step("$validate") as step:
            answered = open_store(options.server).validate(mapped.resources, progress=step.progress)
            findings += [with_origin(finding, mapped) for finding in answered]
            step.summary = f"{len(answered)} issues"
    terminal.answer({"resources": len(mapped.resources), "issue": [one.as_issue() for one in findings]})
    terminal.findings(findings)
    errors = sum(finding.severity in {"error", "fatal"} for finding in findings)
    terminal.result(f"{len(mapped.resources)} resources, {errors} errors, {len(findings) - errors} warnings")
    return ValidationError.exit_code if errors else 0


def push(options: Options) -> int:
    """Store the cohort's resources."""
    from fhir_blina.pipeline import push_summary, validated

    terminal = _terminal(options)
    cohort, mapped = _prepared(options, terminal)
    validated(cohort, mapped, terminal=terminal)
    store = _store(options)
    if options.dry_run:
        plan = store.plan(mapped.resources, cohort=cohort.name)
        kinds = ("create", "update", "unchanged", "orphaned")
        counts = {kind: {name: len(ids) for name, ids in getattr(plan, kind).items()} for kind in kinds}
        terminal.answer(counts)
        names = sorted({name for found in counts.values() for name in found})
        rows = [(name, *(str(counts[kind].get(name, 0)) for kind in kinds)) for name in names]
        terminal.result(table_text(("type", *kinds), rows))
        return 0
    with terminal.step("push") as step:
        result = store.push(mapped.resources, cohort=cohort.name, progress=step.progress)
        step.summary = push_summary(result)
    terminal.findings(result.rejected)
    terminal.answer(
        {
            "created": dict(result.created),
            "updated": dict(result.updated),
            "unchanged": dict(result.unchanged),
            "removed": dict(result.removed),
            "rejected": [finding.as_issue() for finding in result.rejected],
            "verified": result.verified,
        }
    )
    terminal.result(f"{push_summary(result)}; {result.verified}")
    return 4 if result.rejected else 0


def pull(options: Options) -> int:
    """Fetch a cohort's resources into a folder."""
    terminal = _terminal(options)
    types = options.types.split(",") if options.types else None
    with terminal.step("pull") as step:
        result = _store(options).pull(
            Path(options.out) / "fhir", cohort=options.cohort, types=types, progress=step.progress
        )
        step.summary = counted(result.counts)
    for note in result.notes:
        terminal.note(note)
    terminal.answer({"folder": str(result.folder), "counts": dict(result.counts)})
    terminal.result(f"{result.folder}: {counted(result.counts)}")
    return 0


def unload(options: Options) -> int:
    """Remove a cohort from a store, by its tag."""
    terminal = _terminal(options)
    store = _store(options)
    counts = store.counts(options.cohort)
    if not options.yes:
        terminal.answer({"would_remove": counts})
        terminal.result(f"would remove {counted(counts)}; say --yes to do it")
        return 0
    with terminal.step("unload") as step:
        removed = store.unload(options.cohort, progress=step.progress)
        step.summary = counted(removed)
    terminal.answer({"removed": removed})
    terminal.result(f"removed {counted(removed)}")
    return 0


def _pulled(options: Options, terminal: Terminal, cohort: str | None) -> Path:
    """The folder that the tables are read from: the store itself, or a fresh pull of a server."""
    where = options.store or str(Path(options.out) / "fhir")
    folder = Path(options.out) / "fhir"
    with terminal.step("pull") as step:
        result = _store(options).pull(
            folder if where.startswith(("http://", "https://")) else Path(where),
            cohort=cohort,
            progress=step.progress,
        )
        step.summary = f"{counted(result.counts)}, complete"
    return Path(result.folder)


def tables(options: Options) -> int:
    """Run the views over a store's resources."""
    from fhir_blina.pipeline import tables_of
    from fhir_blina.views import write_tables

    terminal = _terminal(options)
    folder = _pulled(options, terminal, options.cohort)
    made = tables_of(folder)
    files = write_tables(made, Path(options.out) / "tables")
    terminal.answer({"tables": {name: len(frame) for name, frame in made.items()}})
    for file in files:
        terminal.result(str(file))
    return 0


def analyze(options: Options) -> int:
    """Compute response and survival from a store."""
    from fhir_blina.analysis import analyze as work_out
    from fhir_blina.cohort import read_cohort
    from fhir_blina.pipeline import tables_of
    from fhir_blina.results import write_results

    terminal = _terminal(options)
    cohort = read_cohort(options.cohort)
    folder = _pulled(options, terminal, cohort.name)
    results = work_out(tables_of(folder), Path(options.endpoints) if options.endpoints else cohort.folder)
    write_results(results, Path(options.out) / "results.json")
    terminal.answer(results.as_dict())
    _show_claims(results, terminal)
    terminal.result(str(Path(options.out) / "results.json"))
    return 0


def report(options: Options) -> int:
    """Write the report from a store."""
    from fhir_blina.cohort import read_cohort
    from fhir_blina.pipeline import analyzed

    terminal = _terminal(options)
    cohort = read_cohort(options.cohort)
    folder = _pulled(options, terminal, cohort.name)
    _, path = analyzed(cohort, folder, Path(options.out), store=options.store, terminal=terminal)
    terminal.answer({"report": str(path)})
    terminal.result(str(path))
    return 0


def run(options: Options) -> int:
    """Do all of it, from the cohort's files to the report."""
    from fhir_blina.pipeline import cells_summary
    from fhir_blina.pipeline import run as run_all

    terminal = _terminal(options)
    done = run_all(
        options.cohort,
        out=Path(options.out),
        store=options.store,
        anchor=options.anchor,
        profiles=options.profiles,
        terminal=terminal,
    )
    account = done.round_trip
    terminal.answer(
        {
            "cells": {"mapped": account.mapped, "unmapped": account.unmapped, "lost": account.lost},
            "differences": [str(difference) for difference in account.differences],
            "claims": [dict(claim) for claim in done.results.claims],
            "report": str(done.report),
        }
    )
    _show_claims(done.results, terminal)
    terminal.result(cells_summary(account))
    for difference in account.differences:
        terminal.result(str(difference))
    terminal.result(f"report: {done.report}")
    return DIFFERENCES if account.differences else 0


def _show_claims(results: Any, terminal: Terminal) -> None:
    """The published numbers beside the recomputed ones."""
    from fhir_blina.pipeline import agreement_summary, headline

    if not results.claims or terminal.json:
        return
    rows = headline(results, everything=terminal.verbose)
    header = ("published", "printed", "recomputed", "unit", "agreement", "method, or why not")
    terminal.result(table_text(header, rows))
    terminal.result(f"\n{agreement_summary(results)}")


def roundtrip(options: Options) -> int:
    """Rebuild the cohort's tables from a store and compare every cell."""
    from fhir_blina.pipeline import cells_summary, pulled_resources
    from fhir_blina.roundtrip import round_trip

    terminal = _terminal(options)
    cohort, mapped = _prepared(options, terminal)
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
    "map": map_,
    "new": new,
    "pull": pull,
    "push": push,
    "report": report,
    "roundtrip": roundtrip,
    "run": run,
    "tables": tables,
    "unload": unload,
    "validate": validate,
}
