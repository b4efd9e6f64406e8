"""Identifiers of resources: a list in most types of FHIR, one object in some, none in others."""

from __future__ import annotations

from typing import Any

from fhir_blina.files import Resource


def identifiers_of(resource: Resource) -> list[dict[str, Any]]:
    """The identifiers of a resource, however its type holds them."""
    held = resource.get("identifier")
    listed = held if isinstance(held, list) else [held]
    return [one for one in listed if isinstance(one, dict)]


def identifier_value(resource: Resource, system: str) -> str | None:
    """The value of its first identifier of a system, None where it has none."""
    found = (one for one in identifiers_of(resource) if one.get("system") == system)
    return next((str(one.get("value")) for one in found), None)


def without_identifier(resource: Resource, system: str) -> Resource:
    """A copy without the identifiers of a system."""
    held = resource.get("identifier")
    kept = [one for one in identifiers_of(resource) if one.get("system") != system]
    if not kept:
        return {name: value for name, value in resource.items() if name != "identifier"}
    if not isinstance(held, list):
        return resource
    return {
        name: kept if name == "identifier" and isinstance(held, list) else resource[name] for name in resource
    }
