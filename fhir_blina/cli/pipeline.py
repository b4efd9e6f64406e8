"""The steps in order, each taking the last one's result: what ``run`` does, and parts of it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhir_blina.cli.reporting import reported, write_tables_of
from fhir_blina.cli.summaries import cells_summary, push_summary, shown_summary
from fhir_blina.cli.terminal import Terminal, counted
from fhir_blina.errors import AnalysisError, CohortError, Finding, ValidationError, faults

if TYPE_CHECKING:
    from fhir_blina.cohorts import Cohort
    from fhir_blina.mapping import Mapped
    from fhir_blina.mapping.back import RoundTrip
    from fhir_blina.r4 import FhirRelease
    from fhir_blina.results import Results
    from fhir_blina.store import PullResult, PushResult, Store
    from fhir_blina.views import Tables


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run left behind.

    Attributes:
        pushed: What the store took.
        pulled: What it gave back, and where that lies.
        round_trip: The account of every cell.
        results: The numbers, with the published ones beside them.
        report: The HTML file, ``None`` where small numbers are hidden.
    """

    pushed: PushResult
    pulled: PullResult
    round_trip: RoundTrip
    results: Results
    report: Path | None


def prepare(
    name_or_folder: str,
    *,
    anchor: str | None = None,
    profiles: Collection[str] = (),
    release: FhirRelease | None = None,
    terminal: Terminal,
) -> tuple[Cohort, Mapped, RoundTrip]:
    """Check a cohort folder whole and map it; with the account of its cells.

    Raises:
        CohortError: every finding of the check.
    """
    from fhir_blina.mapping import examine

    with terminal.step("check") as step:
        findings: list[Finding] = []
        cohort, mapped, account = examine(
            name_or_folder, findings, profiles=profiles, anchor=_date(anchor), release=chosen_release(release)
        )
        if faults(findings) or cohort is None or mapped is None or account is None:
            raise CohortError(findings)
        terminal.findings(findings)
        cells = sum(
            bool(text) for table in cohort.tables.values() for row in table.rows for text in row.text.values()
        )
        rows = sum(len(table.rows) for table in cohort.tables.values())
        step.summary = f"{len(cohort.tables)} tables, {rows} rows, {cells} cells"
    return cohort, mapped, account


def validated(cohort: Cohort, mapped: Mapped, *, terminal: Terminal) -> list[Finding]:
    """Validate mapped resources; errors are raised, warnings returned, each with template and row.

    Raises:
        ValidationError: one finding for each error.
    """
    from fhir_blina.cohorts import conformance_resources
    from fhir_blina.validation import sample_summary, validate

    with terminal.step("validate") as step:
        found = validate(mapped.resources, definitions=conformance_resources(cohort), release=cohort.release)
        located = [with_origin(finding, mapped) for finding in found]
        errors = [finding for finding in located if finding.severity in {"fatal", "error"}]
        said = (
            f"{len(errors)} errors, {len(located) - len(errors)} warnings",
            sample_summary(mapped.resources),
        )
        step.summary = "; ".join(filter(None, said))
    if errors:
        raise ValidationError(errors)
    return located


def with_origin(finding: Finding, mapped: Mapped | None) -> Finding:
    """A finding on ``Type/id`` with the template and row that the element came from."""
    origin = mapped.origins.get(finding.location) if mapped else None
    if origin is None:
        return finding
    path = finding.expression[finding.expression.find(".") :] if "." in finding.expression else ""
    where = f"{origin.location(path)} {finding.location}"
    return replace(finding, location=where)


def opened(
    location: str | Path,
    *,
    auth_file: str | Path | None = None,
    audit: str | Path | None = None,
    release: FhirRelease | None = None,
) -> Store:
    """The store at a location; with ``audit`` one that keeps a trail in that file."""
    from fhir_blina.mapping import id_key
    from fhir_blina.store import Audited, open_store

    store = open_store(location, auth_file=auth_file, release=chosen_release(release))
    return Audited(store, Path(audit), id_key()) if audit else store


def pulled_into(folder: Path, store: Store, out: Path, **more: Any) -> PullResult:
    """A pull into a folder; where that is the store itself and holds other cohorts, into ``OUT/pulled``."""
    from fhir_blina.errors import StoreHoldsMore

    try:
        return store.pull(folder, **more)
    except StoreHoldsMore:
        return store.pull(out / "pulled", **more)


@contextmanager
def located(mapped: Mapped | None) -> Iterator[None]:
    """What a store refuses in the block is raised with the template and row that it came from."""
    from fhir_blina.errors import StoreRefused

    try:
        yield
    except StoreRefused as error:
        raise StoreRefused([with_origin(finding, mapped) for finding in error.findings]) from None


def run(
    name_or_folder: str,
    *,
    out: Path,
    store: str | None = None,
    auth_file: str | Path | None = None,
    audit: str | Path | None = None,
    anchor: str | None = None,
    profiles: Collection[str] = (),
    engine: str = "duckdb",
    suppress: int | None = None,
    png: bool = False,
    release: FhirRelease | None = None,
    terminal: Terminal | None = None,
) -> Run:
    """Do all of it: check, map, validate, push, pull, round trip, tables, analysis, report.

    Args:
        name_or_folder: A cohort.
        out: Where ``fhir/``, ``tables/``, ``results.json`` and ``report.html`` go.
        store: A folder or the base URL of a FHIR server; ``None`` is ``out/fhir``.
        auth_file: Who we are to the server; see :func:`fhir_blina.store.open_store`.
        audit: A file to which a trail of what was pushed and pulled is added.
        anchor: Another synthetic date for study day 0, ``YYYY-MM-DD``.
        profiles: Options of the manifest to switch on.
        engine: What runs the views: ``duckdb``, ``python``, the reference, or ``spark``.
        suppress: Hide counts below this number in ``results.json``; ``tables/`` and ``report.html``, which
            have a row for each patient, are then not written.
        png: Write each figure of the report as PNG too.
        release: The release of FHIR of everything between the rows and the tables; ``None`` is R4.
        terminal: Where to say what is done.

    Raises:
        FhirBlinaError: as the steps do; nothing of a failed step is written.
    """
    from fhir_blina.cli.rehearsal import definition_faults
    from fhir_blina.mapping.back import round_trip

    terminal = terminal or Terminal(quiet=True)
    cohort, mapped, checked = prepare(
        name_or_folder, anchor=anchor, profiles=profiles, release=release, terminal=terminal
    )
    wrong = definition_faults(cohort.folder)
    if wrong:
        raise AnalysisError(wrong)
    with terminal.step("map") as step:
        step.summary = counted(Counter(one["resourceType"] for one in mapped.resources))
    validated(cohort, mapped, terminal=terminal)
    folder = out / "fhir"
    chosen = opened(store or folder, auth_file=auth_file, audit=audit, release=cohort.release)
    with terminal.step("push") as step, located(mapped):
        pushed = chosen.push(mapped.resources, cohort=cohort.name, progress=step.progress)
        step.summary = push_summary(pushed)
    for note in pushed.notes:
        terminal.note(note)
    with terminal.step("pull") as step:
        pulled = pulled_into(folder, chosen, out, cohort=cohort.name, progress=step.progress)
        folder = pulled.folder
        step.summary = f"{counted(pulled.counts)}, complete"
    with terminal.step("roundtrip") as step:
        account = round_trip(cohort, mapped, list(pulled.resources()), checked=checked)
        step.summary = cells_summary(account)
    if suppress is not None:
        with terminal.step("analyze") as step:
            hidden = suppressed_of(cohort.folder, tables_of(folder, engine, cohort.release), out, suppress)
            step.summary = shown_summary(hidden)
        return Run(pushed=pushed, pulled=pulled, round_trip=account, results=hidden, report=None)
    results, report = analyzed(cohort, folder, out, store=store, engine=engine, png=png, terminal=terminal)
    return Run(pushed=pushed, pulled=pulled, round_trip=account, results=results, report=report)


def analyzed(
    cohort: Cohort,
    folder: Path,
    out: Path,
    *,
    store: str | None,
    engine: str = "duckdb",
    png: bool = False,
    terminal: Terminal,
) -> tuple[Results, Path]:
    """Tables, results and report of a cohort from a pulled folder, written to ``out``."""
    with terminal.step("tables") as step:
        tables = tables_of(folder, engine, cohort.release)
        write_tables_of(tables, out, step)
    return reported(tables, cohort.folder, out, cohort=cohort, store=store, png=png, terminal=terminal)


def tables_of(
    folder: Path,
    engine: str = "duckdb",
    release: FhirRelease | None = None,
    views: str | None = None,
) -> Tables:
    """The view tables of a pulled folder; ``views`` is a folder of more of them."""
    from fhir_blina.views import read_tables

    return read_tables(folder, views, engine=engine, release=chosen_release(release))


def suppressed_of(definitions: Path, tables: Mapping[str, Any], out: Path, threshold: int) -> Results:
    """Work out the results that hold no small number and write ``results.json``."""
    from fhir_blina.disclosure import suppressed_results
    from fhir_blina.endpoints import read_endpoints
    from fhir_blina.results import write_results

    results = suppressed_results(tables, read_endpoints(definitions), threshold)
    write_results(results, out / "results.json")
    return results


def chosen_release(release: FhirRelease | None) -> FhirRelease:
    """The release that the commands speak, where none is given: read late, for ``--help``."""
    from fhir_blina.r4 import R4

    return release or R4


def _date(text: str | None) -> dt.date | None:
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise CohortError(f'"{text}" is not a date; write YYYY-MM-DD') from None
