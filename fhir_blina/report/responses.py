"""The block of the report that is a response: both rates, best responses, who cannot be judged, by group."""

from __future__ import annotations

from fhir_blina.report.grids import Cell, Grid, Head, estimate, interval
from fhir_blina.report.layout import Block
from fhir_blina.report.material import Material
from fhir_blina.results import Record

INTERVAL = "Clopper-Pearson"


def response_grid(material: Material, block: Block) -> Grid | None:
    """A column for all and each label, a row for each rate and category; nothing where there is none."""
    name = block["response"]
    asked = material.facts.endpoints.sections.responses[name]
    groups = [one.group for one in material.results.find(f"{name}.not_evaluable")]
    if not groups:
        return None
    found = {
        (one.name.partition(".")[2], one.group): one
        for statistic in ("response_rate", "response_rate_evaluable", "best_response")
        for one in material.results.find(f"{name}.{statistic}", ci_method=INTERVAL)
    }
    titles = " or ".join(asked.categories[word] for word in asked.responders)
    rows = [
        (f"{titles}, of all", [found.get(("response_rate", group)) for group in groups]),
        (f"{titles}, of the evaluable", [found.get(("response_rate_evaluable", group)) for group in groups]),
    ]
    for title in asked.categories.values():
        named = [title if group == "all" else f"{group}: {title}" for group in groups]
        rows.append((f"Best response: {title}", [found.get(("best_response", one)) for one in named]))
    body = [
        (Cell(label), *(Cell(_share(one, ends=place < 2)) for one in records))
        for place, (label, records) in enumerate(rows)
    ]
    out = [material.results.one(f"{name}.not_evaluable", group) for group in groups]
    body.append((Cell("Not evaluable"), *(Cell(f"{one.events}/{one.n}") for one in out)))
    head = (Head(asked.criteria), *(Head("All" if one == "all" else one, kind="number") for one in groups))
    why = out[0].note
    notes = (
        f"Intervals of 95 %, {INTERVAL}. Of all, those who cannot be judged count as without response.",
        *((f"Not evaluable: {why}.",) if why else ()),
    )
    return Grid(block["caption"], head, tuple(body), notes=notes, layout="plain")


def _share(record: Record | None, *, ends: bool) -> str:
    """Counts with the share, and its interval where asked for."""
    if record is None or record.value is None:
        return "–"
    said = f"{record.events}/{record.n} ({estimate(record)}"
    return f"{said}; {interval(record)})" if ends else f"{said})"
