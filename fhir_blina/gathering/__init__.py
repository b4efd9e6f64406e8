"""FHIR as people have it in files: NDJSON by any name, Bundles, single resources; into one folder by type."""

from __future__ import annotations

from fhir_blina.gathering.dependants import follow_references, named_in
from fhir_blina.gathering.found import SUFFIXES
from fhir_blina.gathering.gathered import Gathered, keep_rejected
from fhir_blina.gathering.gathering import gather
from fhir_blina.gathering.plain import is_plain, plainly

__all__ = [
    "SUFFIXES",
    "Gathered",
    "follow_references",
    "gather",
    "is_plain",
    "keep_rejected",
    "named_in",
    "plainly",
]
