"""The report: one HTML file that works offline, prints, and can be read by everyone, and a page of sources.

No scripts, nothing loaded from elsewhere, a strict content security policy, every string escaped. The same
tables and results give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from fhir_blina.cohorts import Cohort
from fhir_blina.endpoints import Endpoints, Facts, Tables, read_endpoints
from fhir_blina.figures import wording
from fhir_blina.files import write_whole
from fhir_blina.report.generic import layout_of
from fhir_blina.report.language import ENGLISH, Language, read_language
from fhir_blina.report.layout import Layout
from fhir_blina.report.material import MANY, Material
from fhir_blina.report.page import base_url, environment
from fhir_blina.report.sections import SOURCES_PAGE, report_sections, source_sections
from fhir_blina.results import Results, agreement_sentences
from fhir_blina.views import Tables as ReadTables


def write_report(
    folder: Path | str,
    *,
    tables: Tables,
    results: Results,
    cohort: Cohort | None = None,
    definitions: Endpoints | Path | str | None = None,
    layout: Layout | Path | None = None,
    title: str = "",
    citation: str = "",
    store_url: str | None = None,
    png: bool = False,
) -> Path:
    """Write ``report.html``, ``sources.html``, and each figure as SVG under ``figures/``.

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
        png: Write each figure as PNG too.

    Returns:
        The path of ``report.html``.

    Raises:
        AnalysisError: definitions or layout at fault, with file and line.
        ValueError: neither a cohort nor definitions.
    """
    folder = Path(folder)
    if definitions is None:
        if cohort is None:
            raise ValueError("a report needs a cohort or definitions")
        definitions = cohort.folder
    endpoints = definitions if isinstance(definitions, Endpoints) else read_endpoints(Path(definitions))
    constants: Mapping[str, str] = cohort.constants if cohort else {}
    facts = Facts(tables, endpoints)
    if not isinstance(layout, Layout):
        path = layout or endpoints.path.parent / "report.yaml"
        layout = layout_of(path, endpoints, large=len(facts.labels) >= MANY)
    language = read_language(layout.language, [endpoints.path.parent])
    reading = tables.account if isinstance(tables, ReadTables) else None
    material = Material(facts, results, layout, dict(cohort.systems) if cohort else {}, reading)
    with wording(language.say) if language.code != ENGLISH else nullcontext():
        sections, drawings = report_sections(material)
    words: dict[str, Any] = {
        "cohort": cohort.name if cohort else "",
        "count": len(material.facts.labels),
        "server": base_url(store_url),
        "sources_page": SOURCES_PAGE,
    }
    texts = {
        "title": title or layout.title or constants.get("title") or "Cohort report",
        "citation": citation or constants.get("citation", ""),
        "claims": agreement_sentences(results.claims),
    }

    def page(name: str, sections: Any, spoken: Language) -> str:
        shown = replace(layout, language=spoken.code)
        said = {key: spoken.say(text) for key, text in texts.items()}
        own = spoken.code == layout.local_language
        template = environment(shown, spoken, store_url).get_template(name)
        return template.render(**words, **said, layout=shown, sections=spoken.worded(sections, own=own))

    report = page("report.html", sections, language)
    # the names of definitions and resources are what they are in the files, so this page is in English
    beside_it = page("sources.html", source_sections(material), Language())
    for drawing in drawings:
        drawing.write(folder / "figures", png=png)
    path = folder / "report.html"
    write_whole(folder / SOURCES_PAGE, beside_it)
    write_whole(path, report)
    return path
