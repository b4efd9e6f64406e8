"""Resource templates: a FHIR resource in YAML, with FHIRPath in its blanks.

The language stands in ``mappings/README.md``. A template is compiled once into a small tree of
``Constant``, ``Blank``, ``Text``, ``Block``, ``Items`` and ``Embed``; ``mapping`` fills it from rows,
``roundtrip`` reads it backwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fhir_blina.cohorts import Cohort
from fhir_blina.errors import ExpressionError, Finding, did_you_mean, problem
from fhir_blina.fhirpath import compile_expression
from fhir_blina.files import (
    Document,
    Gap,
    Keys,
    check_schema,
    files_in,
    pieces_of,
    read_yaml,
    schema,
)
from fhir_blina.mapping.functions import row_functions
from fhir_blina.mapping.nodes import Blank, Block, Constant, Embed, Items, Node, Text

CONSTANTS = ("cohort", "base", "canonical", "title", "citation", "anchor", "row")


@dataclass(frozen=True)
class Template:
    """One resource template, compiled.

    Attributes:
        name: The file's stem; from the second document on with ``-2``, ``-3`` …
        resource_type: The FHIR type.
        table: The table whose rows give resources, ``None`` for a resource written once.
        where: Which rows, ``None`` for all.
        profile: The option that switches it on, ``None`` for always.
        root: The compiled resource.
        document: The YAML with its lines.
    """

    name: str
    resource_type: str
    table: str | None
    where: Blank | None
    profile: str | None
    root: Block
    document: Document

    def location(self, keys: Keys = ()) -> str:
        """``file:line`` of a node."""
        return self.document.where(keys)


def compile_templates(cohort: Cohort, findings: list[Finding]) -> list[Template]:
    """Read and compile ``resources/*.yaml``; what is wrong goes to ``findings``."""
    rule = schema("template")
    templates = []
    place = cohort.folder / "resources"
    try:
        paths = files_in(place, ".yaml")
    except OSError as error:
        findings.append(problem(str(place), f"cannot be read: {error.strerror}"))
        return []
    if not paths:
        findings.append(problem(str(place), "no template (*.yaml)", code="not-found"))
    for path in paths:
        for number, document in enumerate(read_yaml(path, findings), start=1):
            if check_schema(document, rule, findings):
                name = path.stem if number == 1 else f"{path.stem}-{number}"
                template = _Compiler(cohort, document, findings).template(name)
                if template is not None:
                    templates.append(template)
    return templates


class _Compiler:
    def __init__(self, cohort: Cohort, document: Document, findings: list[Finding]) -> None:
        self.cohort = cohort
        self.document = document
        self.findings = findings
        self.functions = row_functions(cohort)
        self.table: str | None = None

    def template(self, name: str) -> Template | None:
        data = self.document.data
        before = len(self.findings)
        self.table = data.get("table")
        if self.table is not None and self.table not in self.cohort.tables:
            self.fault(("table",), f'no table "{self.table}"', did_you_mean(self.table, self.cohort.tables))
            return None
        where = self.condition(data["where"], ("where",)) if "where" in data else None
        profile = data.get("profiles")
        options = self.cohort.manifest.data.get("profiles", {})
        if profile is not None and profile not in options:
            self.fault(
                ("profiles",), f'"{profile}" is no option of the manifest', did_you_mean(profile, options)
            )
        kind, known = data["resource"]["resourceType"], self.cohort.release.resource_types
        if kind not in known:
            text = f'FHIR {self.cohort.release.name} has no resource type "{kind}"'
            self.fault(("resource", "resourceType"), text, did_you_mean(kind, known))
        root = self.block(data["resource"], ("resource",))
        if len(self.findings) > before:
            return None
        return Template(
            name=name,
            resource_type=kind,
            table=self.table,
            where=where,
            profile=profile,
            root=root,
            document=self.document,
        )

    def fault(self, keys: Keys, text: str, remedy: str = "") -> None:
        self.findings.append(problem(self.document.where(keys), text, remedy))

    def node(self, data: Any, keys: Keys) -> Node:
        if isinstance(data, dict):
            return self.block(data, keys)
        if isinstance(data, list):
            items = Items(tuple(self.item(child, (*keys, i)) for i, child in enumerate(data)), keys)
            for name in sorted({name for one in items.nodes if isinstance(one, Blank) for name in one.marks}):
                self.fault(keys, f"{name}() in a list", "It needs an element of its own")
            return items
        if isinstance(data, str) and ("{{" in data or "}}" in data):
            text = self.text(data, keys)
            parts = text.parts if isinstance(text, Text) else ()
            for name in sorted({name for part in parts if isinstance(part, Blank) for name in part.marks}):
                self.fault(keys, f"{name}() inside a text", "It needs an element of its own")
            return text
        if data is None:
            self.fault(keys, "an empty value", "Leave the element out, or fill it")
        return Constant(data, keys)

    def block(self, data: dict[str, Any], keys: Keys) -> Block:
        for name in data:
            if "{{" in name:
                self.fault((*keys, name), "a blank in the name of an element", "Blanks stand in values only")
            elif name == "embed":
                self.fault((*keys, name), "embed stands in an item of a list only", "Begin the item with -")
        return Block({name: self.node(value, (*keys, name)) for name, value in data.items()}, keys)

    def item(self, data: Any, keys: Keys) -> Node:
        if not isinstance(data, dict) or "embed" not in data:
            return self.node(data, keys)
        rule, here = data["embed"], (*keys, "embed")
        if not isinstance(rule, dict) or not isinstance(rule.get("table"), str):
            self.fault(here, "embed needs a table", "Write embed: {table: name, on: [column]}")
            return Constant(None, keys)
        for name in sorted(set(rule) - {"table", "on", "where"}):
            self.fault(here, f'unknown key "{name}"', did_you_mean(name, ("table", "on", "where")))
        outer, inner = self.table, rule["table"]
        if inner not in self.cohort.tables:
            self.fault(here, f'no table "{inner}"', did_you_mean(inner, self.cohort.tables))
            return Constant(None, keys)
        given = rule.get("on", [])
        if not isinstance(given, list) or not all(isinstance(column, str) for column in given):
            self.fault(here, "on is a list of columns", "Write on: [column]")
            return Constant(None, keys)
        on = tuple(given)
        for table in (inner, outer):
            known = self.cohort.tables[table].columns if table else {}
            for column in on:
                if column not in known:
                    self.fault(here, f'table "{table}" has no column "{column}"', did_you_mean(column, known))
        self.table = inner
        try:
            where = self.condition(rule["where"], (*here, "where")) if "where" in rule else None
            node = self.block({key: value for key, value in data.items() if key != "embed"}, keys)
        finally:
            self.table = outer
        return Embed(inner, on, where, node, keys)

    def text(self, data: str, keys: Keys) -> Node:
        parts = [
            self.blank(piece.inside, keys) if isinstance(piece, Gap) else piece for piece in pieces_of(data)
        ]
        if any(isinstance(part, str) and ("{{" in part or "}}" in part) for part in parts):
            self.fault(keys, "a blank that does not open or close", "Write {{ … }}")
        if len(parts) == 1 and isinstance(parts[0], Blank):
            return parts[0]
        return Text(tuple(parts), keys)

    def condition(self, text: str, keys: Keys) -> Blank:
        return self.blank(text, keys)

    def blank(self, text: str, keys: Keys) -> Blank:
        columns = self.cohort.tables[self.table].columns if self.table else {}
        try:
            expression = compile_expression(
                text, self.cohort.release, functions=self.functions, constants=CONSTANTS
            )
        except ExpressionError as error:
            self.fault(keys, str(error.findings[0].diagnostics), error.findings[0].remedy)
            return Blank(compile_expression("{}", self.cohort.release), (), keys)
        for name in sorted(expression.names - set(columns)):
            owner = f'table "{self.table}"' if self.table else "a template without table"
            self.fault(keys, f'{owner} has no column "{name}"', did_you_mean(name, columns))
        made = Blank(expression, tuple(sorted(expression.names & set(columns))), keys)
        for name in made.maps:
            if name not in self.cohort.codes.maps:
                remedy = did_you_mean(name, self.cohort.codes.maps)
                self.fault(keys, f'no code map "{name}" in {self.cohort.codes.path.name}', remedy)
        return made
