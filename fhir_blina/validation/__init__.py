"""Resources against FHIR R4, before anything is stored."""

from __future__ import annotations

from fhir_blina.validation.sampling import sample_summary
from fhir_blina.validation.validation import validate

__all__ = ["sample_summary", "validate"]
