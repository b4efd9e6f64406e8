"""What stands right of the store, tried before anything is pushed: endpoints, report and claims."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhir_blina.errors import AnalysisError, Finding, ViewError

if TYPE_CHECKING:
    from fhir_blina.mapping import Mapped


def definition_faults(folder: Path) -> list[Finding]:
    """The faults of ``endpoints.yaml``, ``report.yaml`` and ``claims.csv``, as far as the files show them."""
    from fhir_blina.endpoints import read_endpoints
    from fhir_blina.report import read_layout
    from fhir_blina.results import read_claims

    findings: list[Finding] = []
    endpoints = None
    if (folder / "endpoints.yaml").is_file():
        endpoints = _tried(lambda: read_endpoints(folder), findings)
    if endpoints is not None and (folder / "report.yaml").is_file():
        _tried(lambda: read_layout(folder / "report.yaml", endpoints), findings)
    if (folder / "claims.csv").is_file():
        _tried(lambda: read_claims(folder), findings)
    return findings


def rehearsed(folder: Path, name: str, mapped: Mapped) -> list[Finding]:
    """The faults that only the tables show: the resources as tables, analysed, their claims compared."""
    from fhir_blina.analysis import analyze
    from fhir_blina.files import scratch
    from fhir_blina.store import open_store
    from fhir_blina.views import read_tables

    findings: list[Finding] = []
    if not (folder / "endpoints.yaml").is_file():
        return findings
    with scratch() as place:
        open_store(place / "fhir").push(mapped.resources, cohort=name)
        _tried(lambda: analyze(read_tables(place / "fhir"), folder), findings)
    return findings


def _tried(work: Callable[[], Any], findings: list[Finding]) -> Any:
    try:
        return work()
    except (AnalysisError, ViewError) as error:
        findings += error.findings
        return None
