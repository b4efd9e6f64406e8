"""What may leave the house: counts and survival with small cells hidden."""

from __future__ import annotations

from fhir_blina.disclosure.sharing import shared_tables, suppressed_results

__all__ = ["shared_tables", "suppressed_results"]
