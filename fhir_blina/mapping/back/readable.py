"""Resources as the templates made them: ids readable, dates where they were; and where two of them differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fhir_blina.cohorts import Cohort
from fhir_blina.files import COHORT_SYSTEM, RESOURCE_KEY_SYSTEM, Resource, same
from fhir_blina.mapping.back.outcomes import MISSING
from fhir_blina.mapping.dateshift import shift_of
from fhir_blina.mapping.idkey import id_key
from fhir_blina.mapping.mapping import Mapped
from fhir_blina.r4 import identifier_value, with_names, without_identifier


def is_of(resource: Resource, cohort: Cohort) -> bool:
    """Whether a resource carries a cohort's tag."""
    tag = {"system": COHORT_SYSTEM, "code": cohort.name}
    return any(
        one.get("system") == tag["system"] and one.get("code") == tag["code"]
        for one in resource.get("meta", {}).get("tag", ())
    )


def as_mapped(pulled: Sequence[Resource], mapped: Mapped) -> bool:
    """Whether a store returned just the resources that the rows became."""
    returned = {f"{one['resourceType']}/{one['id']}": one for one in pulled}
    wanted = {f"{one['resourceType']}/{one['id']}": one for one in mapped.resources}
    return len(returned) == len(pulled) and same(returned, wanted)


def by_readable_id(resources: Sequence[Resource], cohort: Cohort) -> dict[str, tuple[str, Resource]]:
    """``Type/id`` as stored and the resource with readable ids and unmoved dates, by readable ``Type/id``."""
    locations = [f"{one['resourceType']}/{one['id']}" for one in resources]
    names = {location: _readable_id(one) for location, one in zip(locations, resources, strict=True)}
    renamed = any(location.split("/", 1)[1] != name for location, name in names.items())
    readable = [
        _readable(one, names) if renamed else without_identifier(one, RESOURCE_KEY_SYSTEM)
        for one in resources
    ]
    if cohort.shift_dates:
        readable = shift_of(cohort, id_key()).moved_back(readable)
    return {
        f"{one['resourceType']}/{one['id']}": (location, one)
        for location, one in zip(locations, readable, strict=True)
    }


def first_difference(one: Any, other: Any, path: str) -> str:
    """The path of the first element in which two resources differ, empty if there is none."""
    if same(one, other):
        return ""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in dict.fromkeys([*one, *other]):
            found = first_difference(one.get(name, MISSING), other.get(name, MISSING), f"{path}.{name}")
            if found:
                return found
        return ""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        if path.endswith(".meta.profile"):  # a set in FHIR: servers give it back in any order
            one, other = sorted(one), sorted(other)
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            found = first_difference(left, right, f"{path}[{index}]")
            if found:
                return found
        return ""
    return path


def _readable_id(resource: Resource) -> str:
    """The id that the template made: the resource-key identifier, else the id itself."""
    return identifier_value(resource, RESOURCE_KEY_SYSTEM) or str(resource["id"])


def _readable(resource: Resource, names: Mapping[str, str]) -> Resource:
    """The resource with readable ids in itself and its references, without the resource-key identifier."""

    def name(key: str) -> str:
        return f"{key.split('/', maxsplit=1)[0]}/{names[key]}" if key in names else key

    return without_identifier(with_names(resource, name), RESOURCE_KEY_SYSTEM)
