"""Concepts of code systems: from FHIR files that an author has, and of the systems that FHIR lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fhir_blina.cohorts.codeforms import fault_of_code
from fhir_blina.errors import Finding, problem
from fhir_blina.files import Resource, loads, read_regular
from fhir_blina.r4 import FhirRelease

MOST_BYTES = 2**31  # LOINC as one CodeSystem has some hundred MiB
_RETIRED = frozenset({"retired", "deprecated", "discouraged", "inactive"})


@dataclass(frozen=True)
class Concept:
    """A code that is in its system, as a file says.

    Attributes:
        system: URL of the code system.
        code: The code.
        display: Its text, empty where the source has none.
        others: Other texts of it.
        source: The file and what it says of its version, or the release of FHIR.
    """

    system: str
    code: str
    display: str
    others: tuple[str, ...]
    source: str


def concepts_of_files(paths: Iterable[Path], findings: list[Finding]) -> Iterator[Concept]:
    """The concepts of CodeSystems and ValueSets, or of Bundles of them, in JSON files."""
    for path in paths:
        try:
            resource = loads(read_regular(path, MOST_BYTES).decode("utf-8"))
        except OSError as error:
            findings.append(problem(str(path), f"cannot be read: {error.strerror}", code="not-found"))
            continue
        except ValueError as error:
            findings.append(problem(str(path), f"not readable as JSON: {error}"))
            continue
        before = len(findings)
        found = 0
        for concept in concepts_of(resource, path, findings):
            found += 1
            yield concept
        if not found and len(findings) == before:
            remedy = "Have a terminology server expand it ($expand), and keep what it answers"
            findings.append(problem(str(path), "lists no code in use", remedy))


def concepts_of(resource: Any, path: Path, findings: list[Finding]) -> Iterator[Concept]:
    """The concepts of a resource that are in use: none retired, no heading, no impossible code."""
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if kind == "Bundle":
        for entry in _objects(resource.get("entry")):
            yield from concepts_of(entry.get("resource"), path, findings)
        return
    if kind not in ("CodeSystem", "ValueSet"):
        findings.append(problem(str(path), "is neither a CodeSystem nor a ValueSet, nor a Bundle of them"))
        return
    version = f" {resource['version']}" if isinstance(resource.get("version"), str) else ""
    for system, node in _nodes(resource):
        code, display = node.get("code"), node.get("display")
        if not isinstance(code, str) or not system or _is_out_of_use(node) or fault_of_code(system, code):
            continue
        others = [one.get("value") for one in _objects(node.get("designation"))]
        texts = tuple(dict.fromkeys(one for one in others if isinstance(one, str) and one != display))
        shown = display if isinstance(display, str) else ""
        yield Concept(system=system, code=code, display=shown, others=texts, source=f"{path.name}{version}")


def concepts_of_release(release: FhirRelease, systems: Iterable[str]) -> Iterator[Concept]:
    """The codes of those systems that the release lists whole."""
    source = f"FHIR {release.name} {release.version}"
    for system in systems:
        for code in sorted(release.code_systems.get(system, ())):
            yield Concept(system=system, code=code, display="", others=(), source=source)


def _nodes(resource: Resource) -> Iterator[tuple[str, Resource]]:
    if resource["resourceType"] == "CodeSystem":
        url = _text(resource, "url")
        yield from ((url, one) for one in _below(resource, "concept"))
        return
    expansion = resource.get("expansion")
    if isinstance(expansion, dict):
        yield from ((_text(one, "system"), one) for one in _below(expansion, "contains"))
        return
    compose = resource.get("compose")
    for part in _objects(compose.get("include") if isinstance(compose, dict) else None):
        yield from ((_text(part, "system"), one) for one in _objects(part.get("concept")))


def _below(node: Resource, name: str) -> Iterator[Resource]:
    for child in _objects(node.get(name)):
        yield child
        yield from _below(child, name)


def _is_out_of_use(node: Resource) -> bool:
    if node.get("abstract") is True or node.get("inactive") is True:
        return True
    for one in _objects(node.get("property")):
        name = str(one.get("code")).lower()
        if name in ("inactive", "notselectable", "abstract") and one.get("valueBoolean") is True:
            return True
        said = one.get("valueCode", one.get("valueString"))
        if name == "status" and isinstance(said, str) and said.lower() in _RETIRED:
            return True
    return False


def _objects(value: Any) -> list[Resource]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(node: Resource, key: str) -> str:
    value = node.get(key)
    return value if isinstance(value, str) else ""
