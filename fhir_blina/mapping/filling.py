"""Fill one template from rows: the blanks, the blocks that go when nothing fills them, embedded rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fhir_blina.cohorts import Cohort, Row
from fhir_blina.errors import ExpressionError, Finding, problem
from fhir_blina.files import CANONICAL, Gap, Resource, as_text, pieces_of
from fhir_blina.mapping.functions import Converted, StudyDate
from fhir_blina.mapping.nodes import Blank, Block, Constant, Embed, Items, Node, Text
from fhir_blina.mapping.remembered import FilledPart, Remembered, remembered_parts
from fhir_blina.mapping.template import Template

# HL7's: the text that an element was made from.
ORIGINAL_TEXT = "http://hl7.org/fhir/StructureDefinition/originalText"
RELATIVE_DATE = "http://hl7.org/fhir/StructureDefinition/cqf-relativeDateTime"
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_TO_HASH = re.compile(r"[^\s/|#?\x00-\x1f]{1,200}")  # what becomes a hash may be any word, SUBJ_001 too
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


def is_nothing(value: Any) -> bool:
    """Whether a part of a template gave no value."""
    return value is _MISSING


class Filler:
    """Fills templates; ``used`` collects the rows that became part of a resource."""

    def __init__(self, cohort: Cohort, findings: list[Finding]) -> None:
        self.cohort = cohort
        self.findings = findings
        self.used: set[tuple[str, int]] = set()
        self.template: Template
        self.synthetic = False
        self._remembered: dict[int, Remembered] = {}
        self._constants = {**cohort.constants, "row": {}}
        self._relative = tuple(pieces_of(cohort.manifest.data.get("relative_to") or ""))
        self._embeds: dict[int, dict[tuple[str, ...], list[Row]]] = {}

    def fill(self, template: Template) -> Iterator[tuple[Origin, Resource]]:
        """One resource for each row of the template's table, rows at fault left out."""
        self.template = template
        rows = self.cohort.tables[template.table].rows if template.table else (None,)
        self._remembered = remembered_parts(template.root, self._dated(template))
        for row in rows:
            if template.where is not None and not self._holds(template.where, row, {}):
                continue
            self.synthetic = False
            before = len(self.findings)
            value, _ = self._node(template.root, row, {})
            if len(self.findings) > before:
                continue
            if value is _MISSING:
                self._fault(template.root.keys, row, "the row fills no blank of the template")
                continue
            allowed = _ID if self.cohort.readable_ids else _TO_HASH
            if not isinstance(value.get("id"), str) or not allowed.fullmatch(value["id"]):
                remedy = "An id has 1 to 64 characters of A-Z, a-z, 0-9, - and ."
                self._fault((*template.root.keys, "id"), row, "the id is empty or not allowed", remedy)
                continue
            if row is not None:
                self.used.add((row.table, row.line))
            if self.synthetic:
                tag = {"system": f"{CANONICAL}/CodeSystem/provenance-tag", "code": "synthetic-dates"}
                value = merge(value, {"meta": {"tag": [tag]}})
            yield Origin(template, row), value

    def _fault(self, keys: Any, row: Row | None, text: str, remedy: str = "") -> None:
        where = self.template.location(keys)
        if row is not None:
            where += f" (row {row.location})"
        self.findings.append(problem(where, text, remedy))

    def _evaluate(self, blank: Blank, row: Row | None, outer: Mapping[str, Any]) -> list[Any]:
        if blank.column is not None:
            value = row.cells.get(blank.column) if row else None
            return [] if value is None or value == "" else [value]
        try:
            constants = {**self._constants, "row": outer} if outer else self._constants
            values = blank.expression.evaluate(dict(row.cells) if row else {}, constants=constants)
            return [value for value in values if value != ""]  # FHIR has no empty text
        except KeyError as error:  # from translate(): names the map, never the value
            columns = " and ".join(f'"{column}"' for column in blank.columns)
            subject = f"column {columns}" if columns else "the literal"
            self._fault(blank.keys, row, f"{subject}: {error.args[0]}", "Add a line to codes.csv")
        except ExpressionError as error:
            self._fault(blank.keys, row, error.findings[0].diagnostics)
        return []

    def _holds(self, blank: Blank, row: Row | None, outer: Mapping[str, Any]) -> bool:
        result = self._evaluate(blank, row, outer)
        if len(result) > 1 or any(not isinstance(value, bool) for value in result):
            self._fault(blank.keys, row, "a condition must be true, false or empty")
        return result == [True]

    def _node(self, node: Node, row: Row | None, outer: Mapping[str, Any]) -> tuple[Any, bool | None]:
        """The value or _MISSING, and whether a column's blank was filled (None: there is none)."""
        if isinstance(node, Constant):
            return node.value, None
        memory = self._remembered.get(id(node))
        if memory is None:
            return self._made(node, row, outer)
        if not memory.worthwhile:
            del self._remembered[id(node)]
            return self._made(node, row, outer)
        key = memory.key(row)
        part = memory.get(key)
        if part is None:
            around, self.synthetic = self.synthetic, False
            before = len(self.findings)
            value, filled = self._made(node, row, outer)
            part = FilledPart(value, filled, self.synthetic)
            self.synthetic = around
            if len(self.findings) == before:
                memory.keep(key, part)
        self.synthetic = self.synthetic or part.synthetic
        return part.value, part.filled

    def _made(
        self, node: Blank | Text | Block | Items | Embed, row: Row | None, outer: Mapping[str, Any]
    ) -> tuple[Any, bool | None]:
        if isinstance(node, Blank):
            values = self._evaluate(node, row, outer)
            if len(values) > 1:
                self._fault(node.keys, row, "a blank outside a list has more than one result", "Add .first()")
            filled = bool(values) if node.columns else None
            return (values[0] if values else _MISSING), filled
        if isinstance(node, Text):
            return self._text(node, row, outer)
        if isinstance(node, Items):
            return self._items(node, row, outer)
        if isinstance(node, Embed):
            raise TypeError("embedded rows stand in lists only")
        return self._block(node, row, outer)

    def _text(self, node: Text, row: Row | None, outer: Mapping[str, Any]) -> tuple[Any, bool | None]:
        parts: list[str] = []
        reads, empty = False, False
        for part in node.parts:
            if isinstance(part, str):
                parts.append(part)
                continue
            value, filled = self._node(part, row, outer)
            if isinstance(value, dict):
                self._fault(part.keys, row, "an object inside a text", "Pick .code or .display")
            reads = reads or filled is not None
            empty = empty or value is _MISSING
            parts.append("" if value is _MISSING else as_text(value))
        return (_MISSING if empty else "".join(parts)), (not empty if reads else None)

    def _items(self, node: Items, row: Row | None, outer: Mapping[str, Any]) -> tuple[Any, bool | None]:
        result: list[Any] = []
        flags: list[bool | None] = []
        for child in node.nodes:
            if isinstance(child, Embed):
                rows = self._embedded(child, row)
                flags.append(bool(rows))
                for inner in rows:
                    value, _ = self._node(child.node, inner, dict(row.cells) if row else {})
                    if value is not _MISSING:
                        self.used.add((inner.table, inner.line))
                        result.append(value)
            elif isinstance(child, Blank):
                values = self._evaluate(child, row, outer)
                flags.append(bool(values) if child.columns else None)
                result.extend(values)
            else:
                value, filled = self._node(child, row, outer)
                flags.append(filled)
                if value is not _MISSING:
                    result.append(value)
        filled = _any(flags)
        if result and not filled:  # constant items stay, and say nothing of the block around them
            filled = None
        return (result or _MISSING), filled

    def _embedded(self, node: Embed, row: Row | None) -> list[Row]:
        if row is None and node.on:
            return []
        index = self._embeds.get(id(node))
        if index is None:
            index = self._embeds[id(node)] = {}
            for inner in self.cohort.tables[node.table].rows:
                index.setdefault(tuple([inner.text[column] for column in node.on]), []).append(inner)
        rows = index.get(tuple([row.text[column] for column in node.on]) if row is not None else (), [])
        if node.where is None:
            return rows
        outer = dict(row.cells) if row else {}
        return [inner for inner in rows if self._holds(node.where, inner, outer)]

    def _block(self, node: Block, row: Row | None, outer: Mapping[str, Any]) -> tuple[Any, bool | None]:
        result: dict[str, Any] = {}
        flags: list[bool | None] = []
        for name, child in node.items.items():
            value, filled = self._node(child, row, outer)
            flags.append(filled)
            if value is _MISSING:
                continue
            result[name] = merge(value, result[name]) if name in result else value
            if isinstance(value, StudyDate):
                self.synthetic = True
                result[name] = str(value)
                result[f"_{name}"] = merge(result.get(f"_{name}", {}), self._study_day(value, row, outer))
            elif isinstance(value, Converted):
                result[name] = Decimal(value)
                original = {"url": ORIGINAL_TEXT, "valueString": value.printed}
                result[f"_{name}"] = merge(result.get(f"_{name}", {}), {"extension": [original]})
        filled = _any(flags)
        return (_MISSING if filled is False or not result else result), filled

    def _study_day(self, date: StudyDate, row: Row | None, outer: Mapping[str, Any]) -> dict[str, Any]:
        """The extensions of a synthetic date: days after the subject's enrolment, and the bare number."""
        extensions: list[dict[str, Any]] = []
        subject = self._relative_to(row, outer)
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

    def _dated(self, template: Template) -> frozenset[str]:
        """The columns that a date made from a study day reads beside its own."""
        names = {piece.inside for piece in self._relative if isinstance(piece, Gap)}
        return frozenset(names & set(self.cohort.tables[template.table].columns if template.table else ()))

    def _relative_to(self, row: Row | None, outer: Mapping[str, Any]) -> str | None:
        if not self._relative or row is None:
            return None
        cells = {**outer, **row.cells}
        parts: list[str] = []
        for piece in self._relative:
            value: Any = piece
            if isinstance(piece, Gap):
                name = piece.inside
                value = self.cohort.constants.get(name[1:]) if name.startswith("%") else cells.get(name)
            if value is None:
                return None
            parts.append(as_text(value))
        return "".join(parts)


def _any(flags: list[bool | None]) -> bool | None:
    known = [flag for flag in flags if flag is not None]
    return any(known) if known else None


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
