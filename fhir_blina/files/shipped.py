"""The folder ``mappings/`` that comes with the package, and the constants that its files may name."""

from __future__ import annotations

import re
from collections.abc import Mapping
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


def fill_constants(text: str, constants: Mapping[str, str]) -> str:
    """Put constants into the ``{{ %name }}`` blanks of a text outside the templates; others stay."""
    return re.sub(r"\{\{\s*%(\w+)\s*\}\}", lambda match: constants.get(match[1], match[0]), text)
