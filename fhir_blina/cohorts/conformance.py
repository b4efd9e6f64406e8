"""Conformance resources: code systems, extensions and search parameters, shared and the cohort's own."""

from __future__ import annotations

from fhir_blina.cohorts.folder import Cohort
from fhir_blina.errors import CohortError, Finding, problem
from fhir_blina.files import Resource, files_in, fill_constants, loads, mappings_folder, read_text


def conformance_resources(cohort: Cohort | None = None) -> list[Resource]:
    """The resources of ``mappings/profiles`` and, given a cohort, of its ``profiles/`` folder.

    In a cohort's files ``{{ %cohort }}`` and the other constants are filled in.

    Raises:
        CohortError: a file that is not a FHIR resource in JSON.
    """
    findings: list[Finding] = []
    resources: list[Resource] = []
    paths = files_in(mappings_folder() / "profiles", ".json")
    place = cohort.folder / "profiles" if cohort is not None else None
    try:
        own = files_in(place, ".json") if place is not None else []
    except OSError as error:
        raise CohortError([problem(str(place), f"cannot be read: {error.strerror}")]) from None
    for path in paths + own:
        text = read_text(path, findings)
        if text is None:
            continue
        if cohort is not None and path in own:
            text = fill_constants(text, cohort.constants)
        try:
            resource = loads(text)
        except ValueError as error:
            findings.append(problem(str(path), f"not readable as JSON: {error}"))
            continue
        if not isinstance(resource, dict) or "resourceType" not in resource or "id" not in resource:
            findings.append(problem(str(path), "not a FHIR resource: resourceType or id is missing"))
            continue
        resources.append(resource)
    if findings:
        raise CohortError(findings)
    return resources
