"""A starter is tried before it is handed over, and what does not run is left out of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fhir_blina.analysis import analyze
from fhir_blina.endpoints import read_endpoints
from fhir_blina.errors import AnalysisError
from fhir_blina.exploration.draft import Draft
from fhir_blina.files import scratch, write_whole
from fhir_blina.views import Tables


def leave_out_faults(draft: Draft, tables: Tables) -> None:
    """Leave out what does not run: first the values and diagnoses one by one, then the comparison.

    Raises:
        AnalysisError: nothing that runs is left.
    """
    fault = _fault(draft, tables)
    for part in [*draft.summaries, *draft.proportions] if fault else ():
        if not fault:
            break
        without = replace(
            draft,
            summaries=[one for one in draft.summaries if one != part],
            proportions=[one for one in draft.proportions if one != part],
            measures={name: text for name, text in draft.measures.items() if name != part},
            sets={name: text for name, text in draft.sets.items() if name != part},
        )
        left = _fault(without, tables)
        if left != fault:
            draft.summaries, draft.proportions = without.summaries, without.proportions
            draft.measures, draft.sets = without.measures, without.sets
            draft.guessed.append(f"{part} was left out: {fault}")
            fault = left
    if fault and draft.compare:
        draft.guessed.append(f"Nothing is compared: {fault}")
        draft.compare.clear()
        fault = _fault(draft, tables)
    if fault:
        raise AnalysisError(f"no starter can be made of these tables: {fault}")


def _fault(draft: Draft, tables: Tables) -> str:
    """Why the file does not run, empty where it does."""
    with scratch() as folder:
        path = Path(folder) / "endpoints.yaml"
        write_whole(path, draft.text())
        try:
            analyze(tables, read_endpoints(path))
        except AnalysisError as error:
            return str(error.findings[0].diagnostics)
    return ""
