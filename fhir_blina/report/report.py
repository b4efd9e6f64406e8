"""The report: one HTML file that works offline, prints, and can be read by everyone.

No scripts, nothing loaded from elsewhere, a strict content security policy, every string escaped. The same
tables and results give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from fhir_blina.cohorts import Cohort
from fhir_blina.endpoints import Endpoints, Facts, Tables, read_endpoints
from fhir_blina.figures import Drawing
from fhir_blina.files import write_whole
from fhir_blina.report import accounts, blocks, curves, plots
from fhir_blina.report.blocks import Material
from fhir_blina.report.characteristics import characteristics, populations_grid
from fhir_blina.report.grids import Grid
from fhir_blina.report.layout import Block, Layout, generic_layout, read_layout
from fhir_blina.results import Results

_IDEOGRAPHS = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
_OWN_WORDS = re.compile(f"[{_IDEOGRAPHS}]+(?:[ ·\\d%.,/~()-]*[{_IDEOGRAPHS}]+)*")
_REFERENCE = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")
_PLATES: dict[str, Callable[[Material, Block, str], plots.Plate]] = {
    "swimmer": plots.swimmer_plate,
    "survival": curves.survival_plate,
    "proportions": plots.proportions_plate,
    "before_after": plots.before_after_plate,
}
_GRIDS: dict[str, Callable[[Material, Block], Grid | None]] = {
    "characteristics": characteristics,
    "patients": blocks.patients,
    "list": blocks.rows_listed,
    "matrix": blocks.matrix,
    "records": accounts.records_grid,
    "findings": accounts.findings_grid,
}


@dataclass(frozen=True)
class Part:
    """One thing on the page: a paragraph, a row of headline numbers, a figure with its tables, a table."""

    kind: str
    content: Any
    number: int = 0
    grids: tuple[tuple[int, Grid], ...] = ()
    notes: tuple[str, ...] = ()
    local: str = ""


def write_report(
    folder: Path,
    *,
    tables: Tables,
    results: Results,
    cohort: Cohort | None = None,
    definitions: Endpoints | Path | None = None,
    layout: Layout | Path | None = None,
    title: str = "",
    citation: str = "",
    store_url: str | None = None,
) -> Path:
    """Write ``report.html``, and each figure as SVG and PNG under ``figures/``.

    Args:
        folder: Where to write; made if it is not there.
        tables: View tables by name, as ``read_tables`` returns them.
        results: What ``analyze`` found in them.
        cohort: The cohort; gives definitions, layout, title and citation unless they are given here.
        definitions: Endpoints, or the path of an ``endpoints.yaml``; needed without a cohort.
        layout: A layout, or the path of a ``report.yaml``. Without one, a ``report.yaml`` beside the
            definitions is read; without that, the report shows everything that the definitions name.
        title: Title of the report.
        citation: Where the cohort was published.
        store_url: Base URL of the server that holds the resources; references link to it. A folder is no
            URL, and only http and https make links.

    Returns:
        The path of ``report.html``.

    Raises:
        AnalysisError: definitions or layout at fault, with file and line.
        ValueError: neither a cohort nor definitions.
    """
    if definitions is None:
        if cohort is None:
            raise ValueError("a report needs a cohort or definitions")
        definitions = cohort.folder
    endpoints = definitions if isinstance(definitions, Endpoints) else read_endpoints(definitions)
    beside = endpoints.path.parent / "report.yaml"
    if layout is None:
        layout = read_layout(beside, endpoints) if beside.is_file() else generic_layout(endpoints)
    elif isinstance(layout, Path):
        layout = read_layout(layout, endpoints)
    constants: Mapping[str, str] = cohort.constants if cohort else {}
    material = Material(Facts(tables, endpoints), results, layout, dict(cohort.systems) if cohort else {})
    sections, drawings = _sections(material)
    page = (
        _environment(layout, store_url)
        .get_template("report.html")
        .render(
            title=title or layout.title or constants.get("title") or "Cohort report",
            citation=citation or constants.get("citation", ""),
            cohort=cohort.name if cohort else "",
            sections=sections,
            count=len(material.facts.labels),
            claims=accounts.claims_count(material),
            layout=layout,
            server=_base(store_url),
        )
    )
    for drawing in drawings:
        drawing.write(folder / "figures")
    path = folder / "report.html"
    write_whole(path, page)
    return path


def _sections(material: Material) -> tuple[list[dict[str, Any]], list[Drawing]]:
    """The sections with numbered figures and tables, and the figures by themselves."""
    sections: list[dict[str, Any]] = []
    drawings: list[Drawing] = []
    count = {"figure": 0, "table": 0}

    def tables(grids: Sequence[Grid]) -> tuple[tuple[int, Grid], ...]:
        numbered = []
        for grid in grids:
            count["table"] += 1
            numbered.append((count["table"], grid))
        return tuple(numbered)

    for index, section in enumerate(material.layout.sections, 1):
        parts: list[Part] = []
        for block in section.blocks:
            kind = block["kind"]
            if kind in {"text", "cautions"}:
                parts.append(Part(kind, block["texts"], local=block.get("title", "")))
            elif kind == "headline":
                parts.append(Part(kind, accounts.headline(material, block)))
            elif kind in _PLATES:
                name = f"figure-{count['figure'] + 1}-{plots.file_name(block['caption'])[:40].strip('-')}"
                drawing, grids = _PLATES[kind](material, block, name)
                count["figure"] += 1
                drawings.append(drawing)
                notes = tuple(block.get("notes", ()))
                parts.append(
                    Part("figure", drawing, count["figure"], tables(grids), notes, block.get("local", ""))
                )
            else:
                grids = _tables(material, block)
                parts.append(Part("tables", kind, grids=tables(grids)))
        sections.append({"id": f"s{index}", "title": section.title, "local": section.local, "parts": parts})
    return sections, drawings


def _tables(material: Material, block: Block) -> tuple[Grid, ...]:
    kind = block["kind"]
    if kind in _GRIDS:
        grid = _GRIDS[kind](material, block)
        return (grid,) if grid is not None else ()
    if kind == "claims":
        return tuple(accounts.claims_grids(material))
    if kind == "derivation":
        left_out = populations_grid(material)
        first = (left_out,) if left_out is not None else ()
        return (*first, *accounts.derivation_grids(material), accounts.sources_grid(material))
    return tuple(accounts.methods_grids(material))


def _environment(layout: Layout, store_url: str | None) -> Environment:
    environment = Environment(
        loader=PackageLoader("fhir_blina.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    base = _base(store_url)
    environment.filters["own"] = lambda text: _own(str(text), layout.local_language)
    environment.filters["linked"] = lambda text: _linked(str(text), base, layout.local_language)
    environment.filters["svg"] = Markup  # drawn by us; its labels were escaped when it was written
    return environment


def _own(text: str, language: str) -> Markup:
    """The text with the publication's own words marked as of their language."""
    if not language:
        return escape(text)
    pieces, last = [], 0
    for match in _OWN_WORDS.finditer(text):
        pieces.append(escape(text[last : match.start()]))
        pieces.append(Markup('<span lang="{}">{}</span>').format(language, match[0]))
        last = match.end()
    return Markup("").join([*pieces, escape(text[last:])])


def _base(store_url: str | None) -> str:
    """The server's base without a trailing slash; empty for a folder or anything that is not http."""
    if not store_url:
        return ""
    parts = urlsplit(str(store_url))
    if parts.scheme not in {"http", "https"} or not parts.netloc or "@" in parts.netloc:
        return ""
    return str(store_url).rstrip("/")


def _linked(text: str, base: str, language: str) -> Markup:
    """The text with each ``Type/id`` as a link to the server, or as it is where there is none."""
    if not base:
        return _own(text, language)
    pieces, last = [], 0
    for match in _REFERENCE.finditer(text):
        pieces.append(_own(text[last : match.start()], language))
        href = f"{base}/{quote(match[1])}/{quote(match[2])}"
        pieces.append(Markup('<a href="{}">{}</a>').format(href, match[0]))
        last = match.end()
    return Markup("").join([*pieces, _own(text[last:], language)])
