"""Groups of codes: ValueSets of FHIR from files, shared by all that name codes."""

from __future__ import annotations

from fhir_blina.terminology.valuesets import Shelf, ValueSet, value_set

__all__ = ["Shelf", "ValueSet", "value_set"]
