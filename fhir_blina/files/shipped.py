"""The folder ``mappings/`` that comes with the package, its schemas, and the base of our own systems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fhir_blina.files import json as fhirjson

# Base of the code systems, extensions and identifier systems in mappings/profiles, shared by all cohorts.
CANONICAL = "https://fhir-blina.example"

# The tag of a cohort, and the identifier that repeats the readable id of a resource.
COHORT_SYSTEM = f"{CANONICAL}/CodeSystem/cohort"
RESOURCE_KEY_SYSTEM = f"{CANONICAL}/NamingSystem/resource-key"


def mappings_folder() -> Path:
    """The folder ``mappings/`` of the installed package or of the repository."""
    packaged = Path(__file__).parents[1] / "mappings"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "mappings"


def schema(name: str) -> dict[str, Any]:
    """A JSON Schema from ``mappings/schemas/``."""
    path = mappings_folder() / "schemas" / f"{name}.schema.json"
    result: dict[str, Any] = fhirjson.loads(path.read_text("utf-8"))
    return result
