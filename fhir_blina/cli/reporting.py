"""From tables to the files that people read: CSV, results, the report; with a cohort or without one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fhir_blina.cli.terminal import Step, Terminal
    from fhir_blina.cohorts import Cohort
    from fhir_blina.results import Results
    from fhir_blina.views import Tables


def write_tables_of(tables: Tables, out: Path, step: Step) -> None:
    """Write tables below ``out``, as a part of a step."""
    from fhir_blina.views import write_tables

    write_tables(tables, out / "tables")
    step.summary = f"{len(tables)} tables, {sum(map(len, tables.values()))} rows"


def reported(
    tables: Tables,
    definitions: Path,
    out: Path,
    *,
    cohort: Cohort | None = None,
    store: str | None,
    title: str = "",
    png: bool = False,
    terminal: Terminal,
) -> tuple[Results, Path]:
    """Results and report of tables, written to ``out``; without a cohort of whatever the tables hold."""
    from fhir_blina.analysis import analyze
    from fhir_blina.endpoints import read_endpoints
    from fhir_blina.report import write_report
    from fhir_blina.results import write_results

    with terminal.step("analyze") as step:
        asked = read_endpoints(definitions)
        results = analyze(tables, asked)
        write_results(results, out / "results.json")
        claims = f", {len(results.claims)} published numbers compared" if results.claims or cohort else ""
        step.summary = f"{len(results)} numbers{claims}"
    with terminal.step("report") as step:
        report = write_report(
            out,
            tables=tables,
            results=results,
            cohort=cohort,
            definitions=asked,
            title=title,
            store_url=store,
            png=png,
        )
        step.summary = str(report)
    return results, report
