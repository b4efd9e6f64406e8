"""References that name no ``Type/id``: by URN, by a search, by an identifier, to a contained resource."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from fhir_blina.files import Resource
from fhir_blina.r4 import FhirRelease, identifiers_of, objects_at, target_of, with_objects

_OF_REFERENCE = frozenset({"id", "extension", "reference", "type", "identifier", "display"})
_PATIENTS = frozenset({"subject", "patient", "individual", "beneficiary"})
_NO_ROW = "Patient"  # a contained patient is nobody who could be counted

KINDS = ("urn", "contained", "identifier", "conditional")


@dataclass(frozen=True)
class AskedFor:
    """A reference without ``Type/id``.

    Attributes:
        kind: One of :data:`KINDS`.
        type: The type of its target, empty where it does not say: then any that has the identifier.
        value: The URN, the fragment, or ``system|value`` of the identifier.
    """

    kind: str
    type: str
    value: str


def asked_of(name: str, reference: Mapping[str, Any], release: FhirRelease) -> AskedFor | None:
    """What a Reference asks for; None where it names ``Type/id`` or nothing.

    Args:
        name: Of the element that it stands in.
        reference: The Reference.
        release: The release of FHIR whose types a search may name.
    """
    text = reference.get("reference")
    if isinstance(text, str):
        if text.lower().startswith("urn:"):
            return AskedFor("urn", "", target_of(text))
        if text.startswith("#") and len(text) > 1:
            return AskedFor("contained", "", text[1:])
        kind, mark, query = text.partition("?")
        if mark and kind in release.resource_types:
            parameter, _, value = query.partition("=")
            known = parameter == "identifier" and "&" not in value
            return AskedFor("conditional", kind if known else "", unquote(value))
        return None
    identifier = reference.get("identifier")
    if text is None and isinstance(identifier, dict) and isinstance(identifier.get("value"), str):
        stated = str(reference.get("type", "")).rpartition("/")[2]
        kind = stated or ("Patient" if name in _PATIENTS else "")
        return AskedFor("identifier", kind, f"{identifier.get('system', '')}|{identifier['value']}")
    return None


def _refers(one: dict[str, Any]) -> bool:
    """Whether an object is a Reference: by its ``reference``, or by nothing but an identifier."""
    logical = isinstance(one.get("identifier"), dict) and one.keys() <= _OF_REFERENCE
    return isinstance(one.get("reference"), str) or logical


def references_of(resource: Resource) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each Reference of a resource with the name of its element, contained resources included."""
    for place, one in objects_at(resource):
        if _refers(one):
            yield place.rpartition(".")[2].partition("[")[0], one


def answered(resource: Resource, answer: Callable[[str, dict[str, Any]], str]) -> Resource:
    """A copy in which each Reference names what ``answer`` says, where it says something."""

    def named(element: str, one: dict[str, Any]) -> dict[str, Any]:
        key = answer(element, one) if _refers(one) else ""
        return {**one, "reference": key} if key else one

    made: Resource = with_objects(resource, named)
    return made


def stated_identifiers(resource: Resource) -> Iterator[str]:
    """``system|value`` of each identifier of a resource."""
    for one in identifiers_of(resource):
        if isinstance(one.get("value"), str):
            yield f"{one.get('system', '')}|{one['value']}"


def contained_of(resource: Resource, release: FhirRelease) -> dict[str, Resource]:
    """Contained resources with an id of their own to be rows of their tables, by the id they are asked by.

    A contained patient is left out: it is nobody who could be told from others and counted.
    """
    stated = resource.get("contained")
    found: dict[str, Resource] = {}
    for one in stated if isinstance(stated, list) else []:
        if not isinstance(one, dict) or not isinstance(one.get("id"), str):
            continue
        if one.get("resourceType") in release.resource_types and one["resourceType"] != _NO_ROW:
            found[one["id"]] = {**one, "id": _own_id(str(resource["id"]), one["id"])}
    return found


def _own_id(outer: str, inner: str) -> str:
    name = f"{outer}.{inner}"
    return name if len(name) <= 64 else hashlib.sha256(name.encode()).hexdigest()[:32]
