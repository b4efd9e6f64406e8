"""The first table of a paper by itself, for those who write it into a document of their own."""

from __future__ import annotations

from collections.abc import Mapping

from fhir_blina.endpoints import Facts
from fhir_blina.report.characteristics import characteristics
from fhir_blina.report.generic import layout_of
from fhir_blina.report.grids import Grid
from fhir_blina.report.material import Material
from fhir_blina.results import Results


def first_grid(facts: Facts, results: Results, systems: Mapping[str, str] | None = None) -> Grid | None:
    """The characteristics of the patients, overall and by group, as the report shows them.

    Args:
        facts: Tables and definitions. A ``report.yaml`` beside the definitions says which rows the table has;
            without one it has a row for each summary and proportion.
        results: What ``analyze`` found in them.
        systems: Short names of the cohort's code systems.

    Returns:
        The table, ``None`` where nothing asks for one.
    """
    endpoints = facts.endpoints
    layout = layout_of(endpoints.path.parent / "report.yaml", endpoints)
    material = Material(facts, results, layout, dict(systems or {}))
    for section in layout.sections:
        for block in section.blocks:
            if block["kind"] == "characteristics":
                return characteristics(material, block)
    return None
