"""Rows become resources: fill a cohort's templates.

Beside what the templates say, every resource gets what the manifest's ``every_resource`` holds, the
cohort's tag, and an identifier that repeats its readable id. Dates made by ``studyDate()`` carry
FHIR's relative date and the ``study-day`` extension. Where the manifest says ``shift_dates``, the
dates of each patient are moved before ids are hashed.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fhir_blina.cohorts import Cohort, Row
from fhir_blina.errors import CohortError, Finding, faults, problem
from fhir_blina.files import COHORT_SYSTEM, RESOURCE_KEY_SYSTEM, Resource
from fhir_blina.mapping.dateshift import Fault, shift_of
from fhir_blina.mapping.filling import Filler, Origin, merge
from fhir_blina.mapping.idkey import hash_ids, hashed_id, id_key
from fhir_blina.mapping.template import Template, compile_templates
from fhir_blina.r4 import FhirRelease


@dataclass(frozen=True)
class Mapped:
    """What a cohort became.

    Attributes:
        resources: Plain dicts, in template order, then row order. What is the same in many of them is
            one object: copy a resource (``copy.deepcopy``) before you change it.
        origins: Template and row by ``Type/id``.
        unused: Rows that became nothing.
    """

    resources: list[Resource]
    origins: Mapping[str, Origin]
    unused: tuple[Row, ...] = ()
    templates: tuple[Template, ...] = field(default=(), repr=False)


def map_cohort(cohort: Cohort, *, profiles: Collection[str] = ()) -> Mapped:
    """Turn a cohort's rows into resources of its release of FHIR.

    Args:
        cohort: From ``read_cohort``.
        profiles: Options of the manifest to switch on, for example ``["mcode"]``.

    Raises:
        CohortError: every fault of the templates and of the rows in them, each with ``file:line``.
    """
    findings: list[Finding] = []
    mapped = gather_resources(cohort, profiles, findings)
    if faults(findings):
        raise CohortError(findings)
    return mapped


def gather_resources(cohort: Cohort, profiles: Collection[str], findings: list[Finding]) -> Mapped:
    """Like ``map_cohort``, but faults go to ``findings``."""
    before = len(findings)
    templates = compiled(cohort, profiles, findings)
    if faults(findings[before:]):
        return Mapped([], {}, (), templates)
    with uncollected():
        return filled(cohort, templates, profiles, findings)


def compiled(cohort: Cohort, profiles: Collection[str], findings: list[Finding]) -> tuple[Template, ...]:
    """The templates of a cohort, those of options only where they are switched on."""
    options = cohort.manifest.data.get("profiles", {})
    for option in sorted(set(profiles) - set(options)):
        findings.append(problem(str(cohort.manifest.path), f'the manifest has no profiles option "{option}"'))
    return tuple(
        template
        for template in compile_templates(cohort, findings)
        if template.profile is None or template.profile in profiles
    )


@contextmanager
def uncollected() -> Iterator[None]:
    """Search for no cycles while resources are made: none is in them, and looking takes much of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def filled(
    cohort: Cohort, templates: tuple[Template, ...], profiles: Collection[str], findings: list[Finding]
) -> Mapped:
    """What the rows become by these templates; faults go to ``findings``."""
    options = cohort.manifest.data.get("profiles", {})
    filler = Filler(cohort, findings)
    resources: dict[str, Resource] = {}
    origins: dict[str, Origin] = {}
    for template in sorted(templates, key=lambda one: one.profile is not None):
        for origin, resource in filler.fill(template):
            key = f"{resource['resourceType']}/{resource['id']}"
            if key not in resources:
                resources[key], origins[key] = resource, origin
            elif template.profile is not None:
                resources[key] = merge(resources[key], resource)
            else:
                other = origins[key].location(".id")
                text = f"the same id as from {other}"
                findings.append(problem(origin.location(".id"), text, "Let the id name every key column"))
    claims: dict[str, list[str]] = {}
    for option in profiles:
        for name, canonicals in options.get(option, {}).items():
            claims.setdefault(name, []).extend(canonicals)
    finished = []
    every = {
        kind: _every(kind, cohort, claims) for kind in {one["resourceType"] for one in resources.values()}
    }
    for key, resource in resources.items():
        one = _finish(resource, every[resource["resourceType"]], cohort.release)
        fault = _misshapen(one, cohort.release)
        if fault:
            findings.append(problem(origins[key].location(f".{fault[0]}"), fault[1]))
        else:
            finished.append(one)
    if cohort.shift_dates:
        faults: list[Fault] = []
        finished = shift_of(cohort, id_key()).moved(finished, faults)
        findings += [problem(origins[at.resource].location(at.path), at.text, at.remedy) for at in faults]
    finished = [_sorted(one) for one in finished]
    if not cohort.readable_ids:
        key_bytes = id_key()
        finished = [hash_ids(resource, key_bytes) for resource in finished]
        origins = {
            f"{kind}/{hashed_id(key_bytes, name)}": origin
            for (kind, name), origin in ((key.split("/"), origin) for key, origin in origins.items())
        }
    unused = tuple(
        row
        for table in cohort.tables.values()
        for row in table.rows
        if (table.name, row.line) not in filler.used
    )
    return Mapped(finished, origins, unused, templates)


def _every(kind: str, cohort: Cohort, claims: Mapping[str, list[str]]) -> Resource:
    """What every resource of a type gets."""
    own: dict[str, Any] = {"meta": {"tag": [{"system": COHORT_SYSTEM, "code": cohort.name}]}}
    if kind in claims:
        own["meta"]["profile"] = claims[kind]
    return dict(merge(cohort.manifest.data.get("every_resource", {}), own))


def _finish(resource: Resource, every: Resource, release: FhirRelease) -> Resource:
    number = release.identifier(resource["resourceType"])
    if number != "none":
        identifier = {"system": RESOURCE_KEY_SYSTEM, "value": resource["id"]}
        every = merge(every, {"identifier": [identifier] if number == "many" else identifier})
    return dict(merge(resource, every))


def _misshapen(resource: Resource, release: FhirRelease) -> tuple[str, str] | None:
    """Where a template, or every_resource, contradicts the shape of what every resource gets, and how."""
    meta = resource["meta"]
    if not isinstance(meta, dict):
        return "meta", "meta must be an object"
    for name in ("tag", "security"):
        value = meta.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            return f"meta.{name}", f"meta.{name} must be a list of Codings"
    identifier = resource.get("identifier", [])
    single = release.identifier(resource["resourceType"]) == "one"
    if not isinstance(identifier, dict if single else list):
        return "identifier", f"identifier must be {'one object' if single else 'a list'}"
    if not single and not all(isinstance(one, dict) for one in identifier):
        return "identifier", "identifier must be a list of objects"
    return None


def _sorted(resource: Resource) -> Resource:
    """Type, id and meta first; tags and security labels in the order in which they are compared."""
    meta = dict(resource["meta"])
    for name in ("tag", "security"):
        if name in meta:
            meta[name] = sorted(meta[name], key=lambda one: (str(one.get("system")), str(one.get("code"))))
    resource = {**resource, "meta": meta}
    first = ("resourceType", "id", "meta")
    return {name: resource[name] for name in first} | {k: v for k, v in resource.items() if k not in first}
