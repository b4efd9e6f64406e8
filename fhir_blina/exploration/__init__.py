"""What a store holds before anybody asks: types, dates, codes, units, elements; and a starter to ask with."""

from __future__ import annotations

from fhir_blina.exploration.exploring import explore
from fhir_blina.exploration.inventory import Inventory
from fhir_blina.exploration.page import page_parts
from fhir_blina.exploration.rendering import page_html, page_markdown
from fhir_blina.exploration.suggesting import suggest_endpoints

__all__ = [
    "Inventory",
    "explore",
    "page_html",
    "page_markdown",
    "page_parts",
    "suggest_endpoints",
]
