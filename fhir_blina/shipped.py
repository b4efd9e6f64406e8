"""The folder ``mappings/`` that comes with the package: cohorts, profiles, views, rules, schemas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fhir_blina import fhirjson


def mappings_folder() -> Path:
    """The folder ``mappings/`` of the installed package or of the repository."""
    packaged = Path(__file__).parent / "mappings"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "mappings"


def schema(name: str) -> dict[str, Any]:
    """A JSON Schema from ``mappings/schemas/``."""
    path = mappings_folder() / "schemas" / f"{name}.schema.json"
    result: dict[str, Any] = fhirjson.loads(path.read_text("utf-8"))
    return result
