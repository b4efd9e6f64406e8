"""Rows become resources: fill a cohort's templates.

Beside what the templates say, every resource gets what the manifest's ``every_resource`` holds, the
cohort's tag, and an identifier that repeats its readable id. Dates made by ``studyDate()`` carry
FHIR's relative date and the ``study-day`` extension.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_blina.cohort import CANONICAL, Cohort, Row
from fhir_blina.errors import CohortError, ExpressionError, Finding, problem
from fhir_blina.fhirjson import Resource
from fhir_blina.idkey import id_key
from fhir_blina.template import (
    Blank,
    Block,
    Constant,
    Embed,
    Items,
    Node,
    StudyDate,
    Template,
    Text,
    compile_templates,
)

RELATIVE_DATE = "http://hl7.org/fhir/StructureDefinition/cqf-relativeDateTime"
# R4 types whose identifier is 0..1, and types without one.
SINGLE_IDENTIFIER = frozenset({"AdverseEvent", "Bundle", "Composition", "QuestionnaireResponse"})
NO_IDENTIFIER = frozenset(
    {
        "Binary",
        "CapabilityStatement",
        "CompartmentDefinition",
        "GraphDefinition",
        "ImplementationGuide",
        "Linkage",
        "MessageHeader",
        "NamingSystem",
        "OperationDefinition",
        "OperationOutcome",
        "Parameters",
        "Provenance",
        "SearchParameter",
        "StructureMap",
        "Subscription",
        "TerminologyCapabilities",
    }
)
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_MISSING = object()


@dataclass(frozen=True)
class Origin:
    """Where a resource comes from: its template and, unless written once, its row."""

    template: Template
    row: Row | None

    def location(self, path: str = "") -> str:
        """``template:line`` of the element that a FHIRPath names, and the row's ``file:line``."""
        keys: tuple[str | int, ...] = ("resource",)
        for name, index in re.findall(r"\.(\w+)(?:\[(\d+)\])?", path):
            keys = (*keys, name, int(index)) if index else (*keys, name)
        row = f" (row {self.row.location})" if self.row else ""
        return self.template.location(keys) + row


@dataclass(frozen=True)
class Mapped:
    """What a cohort became.

    Attributes:
        resources: Plain dicts, in template order, then row order.
        origins: Template and row by ``Type/id``.
        unused: Rows that became nothing.
    """

    resources: list[Resource]
    origins: Mapping[str, Origin]
    unused: tuple[Row, ...] = ()
    templates: tuple[Template, ...] = field(default=(), repr=False)


def map_cohort(cohort: Cohort, *, profiles: Collection[str] = ()) -> Mapped:
    """Turn a cohort's rows into FHIR R4 resources.

    Args:
        cohort: From ``read_cohort``.
        profiles: Options of the manifest to switch on, for example ``["mcode"]``.

    Raises:
        CohortError: every fault of the templates and of the rows in them, each with ``file:line``.
    """
    findings: list[Finding] = []
    mapped = gather_resources(cohort, profiles, findings)
    if findings:
        raise CohortError(findings)
    return mapped


def gather_resources(cohort: Cohort, profiles: Collection[str], findings: list[Finding]) -> Mapped:
    """Like ``map_cohort``, but faults go to ``findings``."""
    options = cohort.manifest.data.get("profiles", {})
    for option in sorted(set(profiles) - set(options)):
        findings.append(problem(str(cohort.manifest.path), f'the manifest has no profiles option "{option}"'))
    templates = tuple(
        template
        for template in compile_templates(cohort, findings)
        if template.profile is None or template.profile in profiles
    )
    if findings:
        return Mapped([], {}, (), templates)
    filler = _Filler(cohort, findings)
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
    finished = [_finish(resource, cohort, claims) for resource in resources.values()]
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


class _Filler:
    """Fills templates; ``used`` collects the rows that became part of a resource."""

    def __init__(self, cohort: Cohort, findings: list[Finding]) -> None:
        self.cohort = cohort
        self.findings = findings
        self.used: set[tuple[str, int]] = set()
        self.template: Template
        self.study_subject: Blank | Text | Constant | None = None
        self.synthetic = False

    def fill(self, template: Template) -> Iterator[tuple[Origin, Resource]]:
        self.template = template
        rows = self.cohort.tables[template.table].rows if template.table else (None,)
        for row in rows:
            if template.where is not None and not self.holds(template.where, row, {}):
                continue
            self.synthetic = False
            before = len(self.findings)
            value, _ = self.node(template.root, row, {})
            if len(self.findings) > before:
                continue
            if value is _MISSING:
                self.fault(template.root.keys, row, "the row fills no blank of the template")
                continue
            if not isinstance(value.get("id"), str) or not _ID.fullmatch(value["id"]):
                remedy = "An id has 1 to 64 characters of A-Z, a-z, 0-9, - and ."
                self.fault((*template.root.keys, "id"), row, "the id is empty or not allowed", remedy)
                continue
            if row is not None:
                self.used.add((row.table, row.line))
            if self.synthetic:
                tag = {"system": f"{CANONICAL}/CodeSystem/provenance-tag", "code": "synthetic-dates"}
                value = merge(value, {"meta": {"tag": [tag]}})
            yield Origin(template, row), value

    def fault(self, keys: Any, row: Row | None, text: str, remedy: str = "") -> None:
        where = self.template.location(keys)
        if row is not None:
            where += f" (row {row.location})"
        self.findings.append(problem(where, text, remedy))

    def evaluate(self, blank: Blank, row: Row | None, outer: Mapping[str, Any]) -> list[Any]:
        constants = {**self.cohort.constants, "row": outer}
        try:
            return blank.expression.evaluate(dict(row.cells) if row else {}, constants=constants)
        except KeyError as error:  # from translate(): names the map, never the value
            columns = " and ".join(f'"{column}"' for column in blank.columns)
            subject = f"column {columns}" if columns else "the literal"
            self.fault(blank.keys, row, f"{subject}: {error.args[0]}", "Add a line to codes.csv")
        except ExpressionError as error:
            self.fault(blank.keys, row, error.findings[0].diagnostics)
        except OverflowError:
            self.fault(blank.keys, row, "the study day gives no date")
        return []

    def holds(self, blank: Blank, row: Row | None, outer: Mapping[str, Any]) -> bool:
        result = self.evaluate(blank, row, outer)
        if len(result) > 1 or any(not isinstance(value, bool) for value in result):
            self.fault(blank.keys, row, "a condition must be true, false or empty")
        return result == [True]

    def node(self, node: Node, row: Row | None, outer: Mapping[str, Any]) -> tuple[Any, bool | None]:
        """The value or _MISSING, and whether a column's blank was filled (None: there is none)."""
        if isinstance(node, Constant):
            return node.value, None
        if isinstance(node, Blank):
            values = self.evaluate(node, row, outer)
            if len(values) > 1:
                self.fault(node.keys, row, "a blank outside a list has more than one result", "Add .first()")
            filled = bool(values) if node.columns else None
            return (values[0] if values else _MISSING), filled
        if isinstance(node, Text):
            return self.text(node, row, outer)
        if isinstance(node, Items):
            return self.items(node, row, outer)
        if isinstance(node, Embed):
            raise TypeError("embedded rows stand in lists only")
        return self.block(node, row, outer)

    def text(self, node: Text, row: Row | None, outer: Mapping[str, Any]) -> tuple[Any, bool | None]:
        parts: list[str] = []
        reads, empty = False, False
        for part in node.parts:
            if isinstance(part, str):
                parts.append(part)
                continue
            value, filled = self.node(part, row, outer)
            reads = reads or filled is not None
            empty = empty or value is _MISSING
            parts.append("" if value is _MISSING else as_text(value))
        return (_MISSING if empty else "".join(parts)), (not empty if reads else None)

    def items(self, node: Items, row: Row | None, outer: Mapping[str, Any]) -> tuple[Any, bool | None]:
        result: list[Any] = []
        flags: list[bool | None] = []
        for child in node.nodes:
            if isinstance(child, Embed):
                rows = self.embedded(child, row)
                flags.append(bool(rows))
                for inner in rows:
                    value, _ = self.node(child.node, inner, dict(row.cells) if row else {})
                    if value is not _MISSING:
                        self.used.add((inner.table, inner.line))
                        result.append(value)
            elif isinstance(child, Blank):
                values = self.evaluate(child, row, outer)
                flags.append(bool(values) if child.columns else None)
                result.extend(values)
            else:
                value, filled = self.node(child, row, outer)
                flags.append(filled)
                if value is not _MISSING:
                    result.append(value)
        filled = _any(flags)
        if result and not filled:  # constant items stay, and say nothing of the block around them
            filled = None
        return (result or _MISSING), filled

    def embedded(self, node: Embed, row: Row | None) -> list[Row]:
        outer = dict(row.cells) if row else {}
        return [
            inner
            for inner in self.cohort.tables[node.table].rows
            if row is not None or not node.on
            if all(row is not None and inner.text[column] == row.text[column] for column in node.on)
            if node.where is None or self.holds(node.where, inner, outer)
        ]

    def block(self, node: Block, row: Row | None, outer: Mapping[str, Any]) -> tuple[Any, bool | None]:
        result: dict[str, Any] = {}
        flags: list[bool | None] = []
        for name, child in node.items.items():
            value, filled = self.node(child, row, outer)
            flags.append(filled)
            if value is _MISSING:
                continue
            result[name] = merge(value, result[name]) if name in result else value
            if isinstance(value, StudyDate):
                self.synthetic = True
                result[name] = str(value)
                result[f"_{name}"] = merge(result.get(f"_{name}", {}), self.study_day(value, row, outer))
        filled = _any(flags)
        return (_MISSING if filled is False or not result else result), filled

    def study_day(self, date: StudyDate, row: Row | None, outer: Mapping[str, Any]) -> dict[str, Any]:
        """The extensions of a synthetic date: days after the subject's enrolment, and the bare number."""
        extensions: list[dict[str, Any]] = []
        subject = self.relative_to(row, outer)
        if subject is not None:
            target = {"url": "target", "valueReference": {"reference": subject}}
            offset = {
                "value": date.day,
                "unit": "d",
                "system": "http://unitsofmeasure.org",
                "code": "d",
            }
            parts = [
                target,
                {"url": "targetPath", "valueString": "period.start"},
                {"url": "relationship", "valueCode": "after"},
                {"url": "offset", "valueDuration": offset},
            ]
            extensions.append({"url": RELATIVE_DATE, "extension": parts})
        study_day = f"{CANONICAL}/StructureDefinition/study-day"
        extensions.append({"url": study_day, "valueInteger": date.day})
        return {"extension": extensions}

    def relative_to(self, row: Row | None, outer: Mapping[str, Any]) -> str | None:
        text = self.cohort.manifest.data.get("relative_to")
        if not text or row is None:
            return None
        cells = {**outer, **row.cells}
        parts = re.split(r"\{\{\s*(%?\w+)\s*\}\}", text)
        for index in range(1, len(parts), 2):
            name = parts[index]
            value = self.cohort.constants.get(name[1:]) if name.startswith("%") else cells.get(name)
            if value is None:
                return None
            parts[index] = as_text(value)
        return "".join(parts)


def _any(flags: list[bool | None]) -> bool | None:
    known = [flag for flag in flags if flag is not None]
    return any(known) if known else None


def as_text(value: Any) -> str:
    """A value as it stands inside a longer text, and as a cell."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def merge(one: Any, other: Any) -> Any:
    """Both together: objects by key, lists one after the other without repeats, else the first."""
    if isinstance(one, dict) and isinstance(other, dict):
        result = dict(one)
        for key, value in other.items():
            result[key] = merge(result[key], value) if key in result else value
        return result
    if isinstance(one, list) and isinstance(other, list):
        return [*one, *(value for value in other if value not in one)]
    return one


def _finish(resource: Resource, cohort: Cohort, claims: Mapping[str, list[str]]) -> Resource:
    kind = resource["resourceType"]
    resource = merge(resource, cohort.manifest.data.get("every_resource", {}))
    tag = {"system": f"{CANONICAL}/CodeSystem/cohort", "code": cohort.name}
    own: dict[str, Any] = {"meta": {"tag": [tag]}}
    if kind in claims:
        own["meta"]["profile"] = claims[kind]
    identifier = {"system": f"{CANONICAL}/NamingSystem/resource-key", "value": resource["id"]}
    if kind in SINGLE_IDENTIFIER:
        own["identifier"] = identifier
    elif kind not in NO_IDENTIFIER:
        own["identifier"] = [identifier]
    resource = merge(resource, own)
    meta = resource["meta"]
    for name in ("tag", "security"):
        if name in meta:
            meta[name] = sorted(meta[name], key=lambda one: (one.get("system", ""), one.get("code", "")))
    first = ("resourceType", "id", "meta")
    return {name: resource[name] for name in first} | {k: v for k, v in resource.items() if k not in first}


def hashed_id(key: bytes, name: str) -> str:
    """A letter and 52 characters of base32: HMAC-SHA256 of the readable id."""
    digest = hmac.new(key, name.encode(), hashlib.sha256).digest()
    return "h" + base64.b32encode(digest).decode().rstrip("=").lower()


def hash_ids(resource: Resource, key: bytes) -> Resource:
    """The resource with its id, and the ids in its references, as keyed hashes."""

    def replace(node: Any) -> Any:
        if isinstance(node, dict):
            result = {name: replace(value) for name, value in node.items()}
            reference = node.get("reference")
            if isinstance(reference, str) and reference.count("/") == 1:
                kind, name = reference.split("/")
                result["reference"] = f"{kind}/{hashed_id(key, name)}"
            return result
        return [replace(value) for value in node] if isinstance(node, list) else node

    hashed: Resource = replace(resource)
    return {**hashed, "id": hashed_id(key, resource["id"])}
