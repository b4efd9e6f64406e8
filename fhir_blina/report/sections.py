"""The sections of a report: each block of the layout becomes a figure with its tables, tables, or words.

A block that has nothing to show leaves nothing, and a section without a block that shows something neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fhir_blina.figures import Drawing
from fhir_blina.report import (
    accounts,
    blocks,
    courses,
    curves,
    forest,
    overview,
    plots,
    published,
    reading,
    responses,
    sources,
)
from fhir_blina.report.characteristics import characteristics, populations_grid
from fhir_blina.report.grids import Grid
from fhir_blina.report.layout import Block
from fhir_blina.report.material import Material
from fhir_blina.report.missing import missing_grid
from fhir_blina.results import agreement_sentences

#: The name of the page beside the report that says where each number comes from.
SOURCES_PAGE = "sources.html"

_PLATES: dict[str, Callable[[Material, Block, str], plots.Plate | None]] = {
    "swimmer": plots.swimmer_plate,
    "survival": curves.survival_plate,
    "proportions": plots.proportions_plate,
    "before_after": plots.before_after_plate,
    "flow": overview.flow_plate,
    "spaghetti": courses.spaghetti_plate,
    "waterfall": courses.waterfall_plate,
    "forest": forest.forest_plate,
}
_GRIDS: dict[str, Callable[[Material, Block], Grid | None]] = {
    "characteristics": characteristics,
    "patients": blocks.patients,
    "list": blocks.rows_listed,
    "matrix": blocks.matrix,
    "records": accounts.records_grid,
    "missing": missing_grid,
    "follow_up": overview.follow_up_grid,
    "response": responses.response_grid,
}


@dataclass(frozen=True)
class Part:
    """One thing on the page: a paragraph, a row of headline numbers, a figure with its tables, a table."""

    kind: str
    content: Any
    number: int = 0
    grids: tuple[tuple[int, Grid], ...] = ()
    notes: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True)
class PlacedSection:
    """A section as it stands on the page."""

    id: str
    title: str
    parts: tuple[Part, ...]


@dataclass
class _Page:
    """Figures and tables numbered in the order in which they come."""

    material: Material
    drawings: list[Drawing] = field(default_factory=list)
    tables: int = 0

    def numbered(self, grids: Sequence[Grid]) -> tuple[tuple[int, Grid], ...]:
        """The tables with their numbers."""
        first = self.tables + 1
        self.tables += len(grids)
        return tuple(enumerate(grids, first))

    def figure(self, block: Block) -> Iterator[Part]:
        """A figure with the tables that say the same."""
        name = f"figure-{len(self.drawings) + 1}-{plots.file_name(block['caption'])[:40].strip('-')}"
        plate = _PLATES[block["kind"]](self.material, block, name)
        if plate is None:
            return
        self.drawings.append(plate[0])
        yield Part(
            "figure", plate[0], len(self.drawings), self.numbered(plate[1]), tuple(block.get("notes", ()))
        )

    def parts(self, block: Block) -> Iterator[Part]:
        """What a block shows; nothing where it has nothing."""
        kind = block["kind"]
        if kind in {"text", "cautions"}:
            yield Part(kind, block["texts"], title=block.get("title", ""))
        elif kind == "headline":
            made = accounts.headline(self.material, block)
            yield from [Part(kind, made)] if made else []
        elif kind in _PLATES:
            yield from self.figure(block)
        else:
            yield from self._words_and_tables(kind, block)

    def _words_and_tables(self, kind: str, block: Block) -> Iterator[Part]:
        grids: Sequence[Grid | None]
        more: Part | None = None
        if kind == "claims":
            if agreement_sentences(self.material.results.claims):
                more = Part("elsewhere", "claims")
            grids = published.claims_grids(self.material)
        elif kind == "findings":
            grids = [accounts.findings_grid(self.material, block)]
            if accounts.other_findings_grid(self.material) is not None:
                more = Part("elsewhere", "findings")
        elif kind == "derivation":
            yield Part("elsewhere", "numbers")
            grids = []
        elif kind == "methods":
            yield Part("methods", sources.method_sentences(self.material))
            grids = []
        else:
            grids = [_GRIDS[kind](self.material, block)]
        shown = [grid for grid in grids if grid is not None and grid.rows]
        yield from [Part("tables", kind, grids=self.numbered(shown))] if shown else []
        yield from [more] if more else []


def report_sections(material: Material) -> tuple[list[PlacedSection], list[Drawing]]:
    """The sections of the report with numbered figures and tables, and the figures by themselves."""
    page = _Page(material)
    made = [
        PlacedSection(
            f"s{index}",
            one.title,
            tuple(part for block in one.blocks for part in page.parts(block)),
        )
        for index, one in enumerate(material.layout.sections, 1)
    ]
    return [section for section in made if section.parts], page.drawings


def source_sections(material: Material) -> list[PlacedSection]:
    """The sections of the second page: claims that the report only counts, sources, methods, versions."""
    page = _Page(material)
    contents = (
        (
            "claims",
            "Published numbers that the report counts and does not list",
            published.other_claims_grids,
        ),
        ("patients", "Start and end of each patient's time", sources.derivation_grids),
        (
            "numbers",
            "Every number and what it was worked out from",
            lambda known: [sources.sources_grid(known)],
        ),
        ("read", "What was read", reading.reading_grids),
        ("populations", "Who is left out of what", lambda known: [populations_grid(known)]),
        (
            "findings",
            "More findings, and what found each",
            lambda known: [accounts.other_findings_grid(known), accounts.evidence_grid(known)],
        ),
        ("methods", "Methods and software", sources.methods_grids),
    )
    made = []
    for name, title, grids in contents:
        shown = page.numbered([grid for grid in grids(material) if grid is not None])
        if shown:
            made.append(PlacedSection(name, title, (Part("tables", name, grids=shown),)))
    return made
