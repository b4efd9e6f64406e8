"""Everything that can be wrong with a cohort folder, found without a store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fhir_blina.cohorts import Cohort, fault_of_code, find_cohort, gather_cohort
from fhir_blina.errors import CohortError, Finding, did_you_mean, faults, problem
from fhir_blina.files import gaps_of, walk
from fhir_blina.mapping.back.roundtrip import RoundTrip, round_trip
from fhir_blina.mapping.mapping import Mapped, gather_resources, uncollected
from fhir_blina.mapping.nodes import Embed, blanks, nodes
from fhir_blina.mapping.remarks import remarks
from fhir_blina.mapping.template import Template
from fhir_blina.r4 import R4, FhirRelease, references_at


def check_cohort(
    name_or_folder: str | Path, *, profiles: Collection[str] = (), release: FhirRelease = R4
) -> list[Finding]:
    """Collect every fault of a cohort folder.

    Unknown columns and functions, malformed expressions, cells of the wrong type, words without a
    code, duplicate or illegal ids, dangling references, columns that no template reads, rows that
    become nothing, cells that cannot be read back.

    Args:
        name_or_folder: A path, or the name of a cohort that comes with the package.
        profiles: Options of the manifest to switch on.
        release: The release of FHIR that its templates are written in.

    Returns:
        The findings, in file order; an empty list means that the cohort can be run.

    Raises:
        CohortError: there is no such folder.
    """
    findings: list[Finding] = []
    examine(name_or_folder, findings, profiles=profiles, release=release)
    return findings


class Examined(NamedTuple):
    """A cohort, what its rows became, and the account of its cells: each as far as it could be worked out."""

    cohort: Cohort | None = None
    mapped: Mapped | None = None
    account: RoundTrip | None = None


@uncollected()
def examine(
    name_or_folder: str | Path,
    findings: list[Finding],
    *,
    profiles: Collection[str] = (),
    anchor: dt.date | None = None,
    release: FhirRelease = R4,
    account: bool = True,
) -> Examined:
    """Like ``check_cohort``, but faults go to ``findings``, and what was worked out is kept.

    Args:
        name_or_folder: As for ``check_cohort``.
        findings: Gets the faults.
        profiles: As for ``check_cohort``.
        anchor: Another synthetic date for study day 0.
        release: As for ``check_cohort``.
        account: Whether every cell is read back from the resources, which takes most of the time.
    """
    cohort = gather_cohort(find_cohort(name_or_folder), release, findings)
    if cohort is None or faults(findings):
        return Examined(cohort)
    if anchor is not None:
        cohort = cohort.with_anchor(anchor)
    mapped = gather_resources(cohort, profiles, findings)
    if mapped.origins:  # every template could be compiled
        findings += _unread_columns(cohort, mapped.templates)
    if not faults(findings):
        findings += _unused_rows(mapped)
        findings += _dangling_references(mapped)
        findings += _wrong_codes(mapped)
        findings += remarks(cohort, mapped.templates)
        cells = _account(cohort, mapped, findings) if account else None
        return Examined(cohort, mapped, cells)
    return Examined(cohort, mapped)


def _unread_columns(cohort: Cohort, templates: Sequence[Template]) -> list[Finding]:
    read: set[tuple[str, str]] = set()
    for template in templates:
        if template.table is not None:
            _note(read, template.table, [*template.root.items.values()], template.where)
    related = gaps_of(cohort.manifest.data.get("relative_to", ""))
    result = []
    for table in cohort.tables.values():
        for column in table.columns.values():
            used = (table.name, column.name) in read or column.name in related
            if not used and not column.unmapped:
                remedy = "Use it in a template, or say in unmapped why not"
                text = f'no template reads column "{column.name}" of table "{table.name}"'
                result.append(problem(column.where, text, remedy))
            elif (table.name, column.name) in read and column.unmapped:
                text = f'column "{column.name}" of table "{table.name}" is unmapped, but a template reads it'
                result.append(problem(column.where, text, "Empty unmapped"))
    return result


def _note(read: set[tuple[str, str]], table: str, parts: Sequence[Any], where: Any) -> None:
    """Note which columns the nodes read, embedded rows under their own table."""
    if where is not None:
        read.update((table, column) for column in where.columns)
    for part in parts:
        inside = {id(one) for node in nodes(part) if isinstance(node, Embed) for one in blanks(node.node)}
        for blank in blanks(part):
            if id(blank) not in inside:
                read.update((table, column) for column in blank.columns)
        for node in nodes(part):
            if isinstance(node, Embed):
                read.update((name, column) for column in node.on for name in (table, node.table))
                _note(read, node.table, [node.node], node.where)


def _unused_rows(mapped: Mapped) -> list[Finding]:
    remedy = "Widen a where:, or add a template"
    return [problem(row.location, "the row becomes no resource", remedy) for row in mapped.unused]


def _dangling_references(mapped: Mapped) -> list[Finding]:
    known = {f"{resource['resourceType']}/{resource['id']}" for resource in mapped.resources}
    result = []
    for resource in mapped.resources:
        origin = mapped.origins[f"{resource['resourceType']}/{resource['id']}"]
        for path, found in references_at(resource):
            reference = found["reference"]
            if not reference.startswith("#") and reference not in known:
                kind = reference.split("/", maxsplit=1)[0]
                near = did_you_mean(kind, {one.split("/", maxsplit=1)[0] for one in known})
                text = "a reference to a resource that no template makes"
                remedy = near if near and kind not in near else "Compare the id with that template's id"
                result.append(problem(origin.location(f"{path}.reference"), text, remedy, code="not-found"))
    return result


def _wrong_codes(mapped: Mapped) -> list[Finding]:
    """Codes of LOINC, SNOMED CT and UCUM that cannot be, in whatever element: each once."""
    result: dict[tuple[str, str], Finding] = {}
    for resource in mapped.resources:
        for keys, node in walk(resource):
            if not isinstance(node, dict) or not isinstance(node.get("system"), str):
                continue
            system, code = node["system"], node.get("code")
            if not isinstance(code, str) or (system, code) in result:
                continue
            text = fault_of_code(system, code)
            if text:
                origin = mapped.origins[f"{resource['resourceType']}/{resource['id']}"]
                path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
                where = origin.location(f"{path}.code")
                result[(system, code)] = problem(where, text, "Compare it with its source")
    return list(result.values())


def _account(cohort: Cohort, mapped: Mapped, findings: list[Finding]) -> RoundTrip | None:
    try:
        account = round_trip(cohort, mapped, mapped.resources)
    except CohortError as error:
        findings += error.findings
        return None
    findings += [difference.finding for difference in account.differences]
    return account
