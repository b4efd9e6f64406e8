"""A server's judgement of resources, and the definitions that it judges by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from fhir_blina.errors import Finding, StoreRefused, problem
from fhir_blina.files import Resource, dumps, same
from fhir_blina.http import Transport
from fhir_blina.r4 import FhirRelease, findings_of, key_of
from fhir_blina.store.contract import Progress, as_stored, no_progress
from fhir_blina.store.rest.capability import Capability

DEFINITIONS = ("CodeSystem", "ValueSet", "NamingSystem", "StructureDefinition", "SearchParameter")


def validate_on(
    transport: Transport,
    capability: Capability,
    resources: Sequence[Resource],
    *,
    values: bool = False,
    progress: Progress = no_progress,
) -> list[Finding]:
    """``$validate`` of every resource; see :meth:`fhir_blina.store.rest.rest.RestStore.validate`."""
    kinds = {resource["resourceType"] for resource in resources}
    if absent := sorted(kind for kind in kinds if "validate" not in capability.of(kind).operations):
        raise StoreRefused(f"{transport.base} has no $validate of {', '.join(absent)}")

    def judge(resource: Resource) -> list[Finding]:
        key = key_of(resource, capability.release)
        answer = transport.request("POST", f"{resource['resourceType']}/$validate", body=dumps(resource))
        found = findings_of(answer.json, key, values=values)
        if not answer.ok and not found:
            return [problem(key, f"$validate failed: {answer.why()}")]
        return found

    findings: list[Finding] = []
    with ThreadPoolExecutor(transport.pace.workers, "validate") as pool:
        for done, found in enumerate(pool.map(judge, resources), start=1):
            findings += found
            progress("validate", done, len(resources))
    return findings


def load_definitions(
    transport: Transport,
    release: FhirRelease,
    resources: Sequence[Resource],
    *,
    progress: Progress = no_progress,
) -> dict[str, int]:
    """Store every CodeSystem, ValueSet, NamingSystem, StructureDefinition and SearchParameter among them.

    They are stored under their own ids and belong to no cohort, so that ``unload`` leaves them.

    Returns:
        How many were stored anew or changed, by type; those already there as they are do not count.

    Raises:
        StoreRefused: the server refuses one.
    """
    definitions = [resource for resource in resources if resource["resourceType"] in DEFINITIONS]
    definitions.sort(key=lambda one: (DEFINITIONS.index(one["resourceType"]), one["id"]))
    changed: Counter[str] = Counter()
    for done, resource in enumerate(definitions, start=1):
        key = key_of(resource, release)
        there = transport.get(key)
        if not there.ok or not same(as_stored(there.json), as_stored(resource)):
            answer = transport.request("PUT", key, body=dumps(resource))
            if not answer.ok:
                raise StoreRefused(f"the server refuses {key}: {answer.why()}")
            changed[resource["resourceType"]] += 1
        progress("definitions", done, len(definitions))
    return dict(sorted(changed.items()))
