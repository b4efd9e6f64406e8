"""Elements at the top of a resource that R4 lacks, or has in another form: signs of another release."""

from __future__ import annotations

import functools
from typing import Any

from fhir_blina.files import Resource
from fhir_blina.r4 import FhirRelease

_ALWAYS = frozenset({"resourceType", "id", "meta", "implicitRules", "language", "fhir_comments"})


@functools.cache
def _known(kind: str, release: FhirRelease) -> tuple[dict[str, bool], tuple[str, ...]]:
    """Elements by name, and whether their values are objects; the stems of choices."""
    elements: dict[str, Any] = dict.fromkeys(_ALWAYS)
    stems = []
    for base in (kind, "DomainResource"):
        for name, stated in release.types[base]["elements"].items():
            if name.endswith("[x]"):
                stems.append(name.removesuffix("[x]"))
            else:
                elements[name] = stated.get("type")
    objects = {name: stated is not None and stated[:1].isupper() for name, stated in elements.items()}
    return objects, tuple(stems)


def strange_in(resource: Resource, release: FhirRelease) -> list[str]:
    """The names of such elements."""
    objects, stems = _known(resource["resourceType"], release)
    found = []
    for stated, value in resource.items():
        name = stated.removeprefix("_")
        if name in objects:
            first = value[0] if isinstance(value, list) and value else value
            if objects[name] and name == stated and not isinstance(first, dict):
                found.append(name)
        elif not any(name.startswith(stem) and name[len(stem) : len(stem) + 1].isupper() for stem in stems):
            found.append(name)
    return found
