"""The definitions of FHIR R4 (4.0.1) as data: ``rules.json``, made by ``scripts/r4_rules.py``."""

from __future__ import annotations

import functools
import json
from importlib.resources import files
from typing import Any


@functools.cache
def rules() -> dict[str, dict[str, Any]]:
    """The definitions as extracted.

    Returns:
        ``primitives`` (name -> regex), ``types`` (name -> kind, base, elements, invariants),
        ``valueSets`` of required bindings (name -> system -> codes) and ``codeSystems``
        (url -> codes).
    """
    text = (files("fhir_blina.r4") / "rules.json").read_text(encoding="utf-8")
    loaded: dict[str, dict[str, Any]] = json.loads(text)
    return loaded


@functools.cache
def resource_types() -> frozenset[str]:
    """The resource types of R4 that can be stored."""
    return frozenset(
        name
        for name, stated in rules()["types"].items()
        if stated["kind"] == "resource" and not stated.get("abstract")
    )


@functools.cache
def official_systems() -> dict[str, frozenset[str]]:
    """Code systems of R4 whose codes are all known: url -> codes."""
    return {url: frozenset(codes) for url, codes in rules()["codeSystems"].items()}
