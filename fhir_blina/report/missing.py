"""Values that are missing: of whom each measure, property and group is known, and a table of the others."""

from __future__ import annotations

from fhir_blina.report.grids import Cell, Grid, Head, number
from fhir_blina.report.layout import Block
from fhir_blina.report.material import Material


def known_of(material: Material) -> dict[str, set[str]]:
    """Of whom the measures, properties and groups that the endpoints file sums up are known."""
    facts = material.facts
    known: dict[str, set[str]] = {}
    for name in facts.endpoints.sections.summaries:
        if name in facts.endpoints.measures:
            known[name] = {*facts.measured(name), *facts.bounds(name)}
    for share in facts.endpoints.sections.proportions.values():
        used = share.wanted
        known[used] = set(facts.labels) - {str(key) for key in facts.unknown(used)}
    if material.layout.group:
        known[material.layout.group] = set(material.groups)
    return known


def missing_grid(material: Material, block: Block) -> Grid | None:
    """Who has no value of what, overall and by group; ``None`` where nothing is missing."""
    columns = material.columns
    rows = []
    for name, found in known_of(material).items():
        missing = [sum(key not in found for key in keys) for keys in columns.values()]
        if missing[0]:
            shares = (Cell(_share(n, len(keys))) for n, keys in zip(missing, columns.values(), strict=True))
            rows.append((Cell(material.spoken(name)), *shares))
    head = (
        Head("Missing"),
        *(Head(f"{title} (n = {len(keys)})", kind="number") for title, keys in columns.items()),
    )
    return Grid(block["caption"], head, tuple(rows), ("Counts are n (%).",), layout="plain") if rows else None


def _share(count: int, size: int) -> str:
    return f"{count} ({number(100 * count / size, 1)})" if size else "–"
