"""Extract fhir_blina/r4/rules.json from the official FHIR R4 (4.0.1) definitions.

The definitions are read from the jar ``ca.uhn.hapi.fhir:hapi-fhir-validation-resources-r4``
that Maven Central holds; FHIR itself is published under CC0. Run from the repository::

    mvn dependency:get -Dartifact=ca.uhn.hapi.fhir:hapi-fhir-validation-resources-r4:8.8.0
    python scripts/r4_rules.py [JAR]

The file holds, one line an entry so that a diff can be read:

- ``primitives``: name -> regex of the value, empty where the specification gives none;
- ``types``: resource, datatype or backbone element -> parent type, elements, invariants;
- ``valueSets``: each value set of a required binding, name -> {system: codes};
- ``codeSystems``: complete code systems that any binding of R4 uses, and the forms of drugs
  that doses are counted in, url -> codes.
"""
# ruff: noqa: T201

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

VERSION = "8.8.0"
ARTIFACT = "hapi-fhir-validation-resources-r4"
MAVEN = Path.home() / ".m2" / "repository" / "ca" / "uhn" / "hapi" / "fhir" / ARTIFACT / VERSION
TARGET = Path(__file__).parent.parent / "fhir_blina" / "r4" / "rules.json"

INSIDE = "org/hl7/fhir/r4/model/"
DEFINITIONS = ("profile/profiles-types.xml", "profile/profiles-resources.xml")
TERMINOLOGY = ("valueset/v2-tables.xml", "valueset/v3-codesystems.xml", "valueset/valuesets.xml")
UNBOUND = {"http://terminology.hl7.org/CodeSystem/v3-orderableDrugForm"}  # units of doses
CORE = "http://hl7.org/fhir/StructureDefinition/"
FHIRPATH = "http://hl7.org/fhirpath/System."
REGEX = "http://hl7.org/fhir/StructureDefinition/regex"
FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
FHIR = "{http://hl7.org/fhir}"

Node = ET.Element


def text(node: Node | None, *path: str) -> str:
    """The ``value`` attribute of a descendant, empty where there is none."""
    for name in path:
        node = None if node is None else node.find(FHIR + name)
    return "" if node is None else node.get("value", "")


def every(node: Node, path: str) -> list[Node]:
    """Descendants along a path of FHIR element names."""
    return node.findall("/".join(FHIR + name for name in path.split("/")))


class Terminology:
    """Code systems and value sets of the specification, expanded to plain codes."""

    def __init__(self, bundles: list[Node]) -> None:
        self.parents: dict[str, dict[str, set[str]]] = {}
        self.systems: dict[str, set[str]] = {}
        self.loose: set[str] = set()
        self.sets: dict[str, Node] = {}
        for bundle in bundles:
            for system in bundle.iter(FHIR + "CodeSystem"):
                self._add_system(system)
            for value_set in bundle.iter(FHIR + "ValueSet"):
                self.sets[text(value_set, "url")] = value_set

    def _add_system(self, system: Node) -> None:
        url = text(system, "url")
        if text(system, "caseSensitive") == "false":
            self.loose.add(url)
        parents: dict[str, set[str]] = {}

        def walk(node: Node, above: set[str]) -> None:
            for concept in every(node, "concept"):
                code = text(concept, "code")
                stated = {
                    value.get("value", "")
                    for prop in every(concept, "property")
                    if text(prop, "code") in {"subsumedBy", "parent"}
                    for value in prop
                    if value.tag == FHIR + "valueCode"
                }
                parents.setdefault(code, set()).update(above | stated)
                walk(concept, {code})

        walk(system, set())
        self.parents[url] = parents
        if text(system, "content") == "complete" and parents and "|" not in url:
            self.systems[url] = set(parents)

    def below(self, system: str, top: str) -> set[str]:
        """A code and every code under it."""
        found, size = {top}, 0
        while len(found) != size:
            size = len(found)
            found |= {code for code, above in self.parents[system].items() if above & found}
        return found

    def expand(self, url: str) -> dict[str, set[str]] | None:
        """System -> codes of a value set, or None where it is not enumerable from R4 alone."""
        value_set = self.sets.get(url)
        if value_set is None:
            return None
        result: dict[str, set[str]] = {}
        for include in every(value_set, "compose/include"):
            part = self._clause(include)
            if part is None:
                return None
            for system, codes in part.items():
                result.setdefault(system, set()).update(codes)
        for exclude in every(value_set, "compose/exclude"):
            part = self._clause(exclude)
            if part is None:
                return None
            for system, codes in part.items():
                result.get(system, set()).difference_update(codes)
        return result if any(result.values()) else None

    def _clause(self, clause: Node) -> dict[str, set[str]] | None:
        system = text(clause, "system")
        if not system:
            merged: dict[str, set[str]] = {}
            for value_set in every(clause, "valueSet"):
                part = self.expand(value_set.get("value", "").split("|")[0])
                if part is None:
                    return None
                for url, codes in part.items():
                    merged.setdefault(url, set()).update(codes)
            return merged
        listed = {text(concept, "code") for concept in every(clause, "concept")}
        if listed:
            return {system: listed}
        if system not in self.systems:
            return None
        codes = set(self.systems[system])
        for rule in every(clause, "filter"):
            operator, value = text(rule, "op"), text(rule, "value")
            if text(rule, "property") != "concept" or operator not in {"is-a", "descendent-of", "is-not-a"}:
                return None
            below = self.below(system, value)
            codes = codes - below if operator == "is-not-a" else codes & below
            if operator == "descendent-of":
                codes.discard(value)
        return {system: codes}


def element_type(node: Node) -> str:
    """The datatype of one ``type``, a profile such as SimpleQuantity in its place."""
    code = text(node, "code")
    for extension in every(node, "extension"):
        if extension.get("url") == FHIR_TYPE:
            code = text(extension, "valueUrl") or text(extension, "valueUri")
    profile = text(node, "profile")
    if profile in {CORE + "SimpleQuantity", CORE + "MoneyQuantity"}:
        return profile.removeprefix(CORE)
    return code.removeprefix(FHIRPATH)


class Extractor:
    """Turns StructureDefinitions into the compact rules."""

    def __init__(self, terminology: Terminology) -> None:
        self.terminology = terminology
        self.primitives: dict[str, str] = {}
        self.types: dict[str, dict[str, Any]] = {}
        self.value_sets: dict[str, dict[str, list[str]]] = {}
        self.bound: set[str] = set()

    def add(self, definition: Node) -> None:
        """Take in one StructureDefinition."""
        kind, name = text(definition, "kind"), text(definition, "id")
        if kind == "logical":
            return
        if kind == "primitive-type":
            self.primitives[name] = next(
                (
                    text(extension, "valueString")
                    for extension in definition.iter(FHIR + "extension")
                    if extension.get("url") == REGEX
                ),
                "",
            )
            return
        base = text(definition, "baseDefinition").removeprefix(CORE)
        top: dict[str, Any] = {"kind": kind, "base": base, "elements": {}, "invariants": {}}
        if text(definition, "abstract") == "true":
            top["abstract"] = True
        self.types[name] = top
        for element in every(definition, "snapshot/element"):
            self._element(name, element)

    def _element(self, name: str, element: Node) -> None:
        path = element.get("id", "")
        if "." not in path:
            self.types[name]["invariants"] = self._invariants(element, name)
            return
        if text(element, "base", "path").split(".")[0] != name:
            return
        holder, _, leaf = path.rpartition(".")
        types = [element_type(node) for node in every(element, "type")]
        if path == "Resource.id":
            types = ["id"]
        reference = text(element, "contentReference").removeprefix("#")
        nested = self._invariants(element, None)
        if reference:
            types = [reference]
        elif types in (["BackboneElement"], ["Element"]):
            self.types[path] = {"kind": "backbone", "base": types[0], "elements": {}, "invariants": nested}
            nested, types = {}, [path]
        rule: dict[str, Any] = {"type": types[0] if len(types) == 1 else types}
        if text(element, "min") != "0":
            rule["min"] = int(text(element, "min"))
        if text(element, "max") != "1":
            rule["max"] = text(element, "max")
        targets = sorted(
            target.get("value", "").removeprefix(CORE)
            for node in every(element, "type")
            if text(node, "code") == "Reference"
            for target in every(node, "targetProfile")
        )
        if targets and "Resource" not in targets:
            rule["targets"] = targets
        self._binding(element, rule)
        if nested:
            rule["invariants"] = nested
        self.types[holder]["elements"][leaf] = rule

    def _binding(self, element: Node, rule: dict[str, Any]) -> None:
        url = text(element, "binding", "valueSet").split("|")[0]
        if not url:
            return
        expansion = self.terminology.expand(url)
        if expansion is not None:
            self.bound |= set(expansion)
        if text(element, "binding", "strength") != "required" or expansion is None:
            return
        name = url.rsplit("/", 1)[-1]
        self.value_sets[name] = {system: sorted(codes) for system, codes in sorted(expansion.items())}
        rule["values"] = name

    @staticmethod
    def _invariants(element: Node, name: str | None) -> dict[str, dict[str, str]]:
        return {
            text(node, "key"): {
                "severity": text(node, "severity"),
                "human": text(node, "human"),
                "expression": text(node, "expression"),
            }
            for node in every(element, "constraint")
            if text(node, "source").removeprefix(CORE) in {"", name}
            or (name is None and text(node, "source").removeprefix(CORE) not in {"Element", "Extension"})
        }

    def rules(self) -> dict[str, dict[str, Any]]:
        """Everything taken in, sections in the order of the file."""
        systems = self.terminology.systems
        exact = ((self.bound | UNBOUND) & set(systems)) - self.terminology.loose
        return {
            "primitives": dict(sorted(self.primitives.items())),
            "types": dict(sorted(self.types.items())),
            "valueSets": dict(sorted(self.value_sets.items())),
            "codeSystems": {url: sorted(systems[url]) for url in sorted(exact)},
        }


def write(rules: dict[str, dict[str, Any]], target: Path) -> None:
    """Write the sections, one entry a line."""
    sections = []
    for section, entries in rules.items():
        lines = (
            f"{json.dumps(key)}:{json.dumps(value, ensure_ascii=False, separators=(',', ':'))}"
            for key, value in entries.items()
        )
        sections.append(f"{json.dumps(section)}:{{\n" + ",\n".join(lines) + "\n}")
    target.write_text("{\n" + ",\n".join(sections) + "\n}\n", encoding="utf-8")


def main() -> None:
    """Read the jar, write the rules."""
    jar = Path(sys.argv[1]) if len(sys.argv) > 1 else MAVEN / f"{ARTIFACT}-{VERSION}.jar"
    with zipfile.ZipFile(jar) as archive:

        def bundle(name: str) -> Node:
            return ET.fromstring(archive.read(INSIDE + name))  # noqa: S314 - our own jar

        extractor = Extractor(Terminology([bundle(name) for name in TERMINOLOGY]))
        for name in DEFINITIONS:
            for definition in bundle(name).iter(FHIR + "StructureDefinition"):
                extractor.add(definition)
    write(extractor.rules(), TARGET)
    counts = {section: len(entries) for section, entries in extractor.rules().items()}
    print(f"{TARGET.name}: {counts}, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
