"""The commands on a cohort's side: list, start, check, map, validate it, and compare every cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhir_blina.cli.reading import Options, gathered_files, holds_resources, pulled, terminal_of
from fhir_blina.cli.store_commands import prepared
from fhir_blina.cli.terminal import Terminal
from fhir_blina.errors import CohortError, Finding, ValidationError, faults, gathered

if TYPE_CHECKING:
    from fhir_blina.r4 import FhirRelease

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
    """Start a cohort folder from files."""
    from fhir_blina.cohorts import new_cohort

    terminal = terminal_of(options)
    written, notes = new_cohort(
        Path(options.folder),
        [Path(file) for file in options.files],
        patient=options.patient,
        time=options.time,
        event=options.event,
        unit=options.time_unit,
        unpivot=options.unpivot,
        redcap=Path(options.redcap) if options.redcap else None,
        missing=options.missing,
        codebook=Path(options.codebook) if options.codebook else None,
        kinds=options.kind,
    )
    terminal.answer({"files": [str(path) for path in written], "guessed": notes})
    for path in written:
        terminal.result(str(path))
    terminal.say("Guessed; change what is wrong:" if notes else "")
    for note in notes:
        terminal.say(f"  {note}")
    terminal.say(f"Next: fhir-blina check {options.folder}, then fhir-blina run {options.folder}")
    return 0


def check(options: Options) -> int:
    """Find everything wrong with a cohort folder, with ``--watch`` at each change of it."""
    from fhir_blina.cohorts import find_cohort

    terminal = terminal_of(options)
    folder = find_cohort(options.cohort)
    if not options.watch:
        return _checked(options, folder, terminal)
    from fhir_blina.cli.watching import watch

    options.quick = True
    watch(folder, lambda: _checked(options, folder, terminal), terminal)
    return 0


def _checked(options: Options, folder: Path, terminal: Terminal) -> int:
    from fhir_blina.cli.rehearsal import definition_faults, rehearsed
    from fhir_blina.mapping import examine

    findings: list[Finding] = []
    cohort, mapped, _ = examine(
        options.cohort, findings, profiles=options.profiles, account=not options.quick
    )
    findings += definition_faults(folder)
    if cohort is not None and mapped is not None and not options.quick and not faults(findings):
        findings += rehearsed(folder, cohort.name, mapped)
    terminal.answer({"issue": [finding.as_issue() for finding in findings]})
    terminal.findings(findings)
    wrong, warnings = len(faults(findings)), len(findings) - len(faults(findings))
    if wrong:
        terminal.say(f"{wrong} fault{'s' * (wrong != 1)}")
        return CohortError.exit_code
    terminal.result(f"{options.cohort}: no fault" + f", {warnings} warnings" * bool(warnings))
    return 0


def map_(options: Options) -> int:
    """Turn the cohort's rows into FHIR resources."""
    from fhir_blina.cli.pipeline import opened
    from fhir_blina.files import dumps

    terminal = terminal_of(options)
    cohort, mapped, _ = prepared(options, terminal)
    if options.out is None:
        for resource in mapped.resources:
            print(dumps(resource))  # noqa: T201 - the result
        return 0
    result = opened(Path(options.out) / "fhir", release=cohort.release).push(
        mapped.resources, cohort=cohort.name
    )
    counts = {kind: result.created.get(kind, 0) for kind in result.created}
    terminal.answer({"folder": str(Path(options.out) / "fhir"), "created": counts})
    terminal.result(str(Path(options.out) / "fhir"))
    return 0


def validate(options: Options) -> int:
    """Check every resource against FHIR R4."""
    from fhir_blina.cli.pipeline import validated, with_origin

    terminal = terminal_of(options)
    if holds_resources(Path(options.cohort)):
        return _validated_files(options, terminal)
    cohort, mapped, _ = prepared(options, terminal)
    findings = validated(cohort, mapped, terminal=terminal)
    asked = _asked(options, mapped.resources, cohort.release, terminal)
    findings += [with_origin(finding, mapped) for finding in asked]
    return _judged(len(mapped.resources), findings, terminal)


def _validated_files(options: Options, terminal: Terminal) -> int:
    """Check the resources of files."""
    from dataclasses import replace

    from fhir_blina.cli.pipeline import chosen_release
    from fhir_blina.validation import sample_summary
    from fhir_blina.validation import validate as judge

    release = chosen_release(None)

    with gathered_files(Path(options.cohort), terminal) as (source, found):
        with terminal.step("validate") as step:
            resources = list(source)
            findings = judge(resources, release=release)
            step.summary = "; ".join(filter(None, (f"{len(findings)} findings", sample_summary(resources))))
        findings += _asked(options, resources, release, terminal)
        located = [
            replace(one, location=f"{found.origins[one.location]} {one.location}")
            if one.location in found.origins
            else one
            for one in findings
        ]
        return _judged(len(resources), [*found.findings(), *located], terminal)


def _asked(
    options: Options, resources: list[dict[str, Any]], release: FhirRelease, terminal: Terminal
) -> list[Finding]:
    """What a server's ``$validate`` says, where one is named."""
    if not options.server:
        return []
    from fhir_blina.http import access
    from fhir_blina.store.rest import RestStore

    with terminal.step("$validate") as step:
        chosen = RestStore(options.server, release=release, **access(options.server, options.auth_file))
        answered = chosen.validate(resources, progress=step.progress)
        step.summary = f"{len(answered)} issues"
    return answered


def _judged(count: int, findings: list[Finding], terminal: Terminal) -> int:
    terminal.answer({"resources": count, "issue": [one.as_issue() for one in findings]})
    terminal.findings(findings)
    errors = sum(finding.severity in {"error", "fatal"} for finding in findings)
    terminal.result(f"{count} resources, {errors} errors, {len(findings) - errors} warnings")
    return ValidationError.exit_code if errors else 0


def roundtrip(options: Options) -> int:
    """Rebuild the cohort's tables from a store and compare every cell."""
    from fhir_blina.cli.summaries import cells_summary
    from fhir_blina.mapping.back import round_trip

    terminal = terminal_of(options)
    cohort, mapped, checked = prepared(options, terminal)
    held = list(pulled(options, terminal, cohort.name).resources())
    account = round_trip(cohort, mapped, held, checked=checked)
    terminal.answer(
        {
            "cells": {"mapped": account.mapped, "unmapped": account.unmapped, "lost": account.lost},
            "differences": [str(difference) for difference in account.differences],
        }
    )
    for line in gathered(one.finding for one in account.differences):
        terminal.result(line)
    terminal.result(f"{cells_summary(account)}; {len(account.differences)} differences")
    return DIFFERENCES if account.differences else 0
