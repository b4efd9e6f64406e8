"""Templates read backwards: from a resource to the cells that its row must have had.

For each column the answer is a set of texts that the cell can have held (``""`` is an empty cell).
A plain blank gives one text; ``translate()`` gives every word with those codes; several blanks that
read one column narrow it down together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fhir_blina.cohorts import Cohort, Column, Table
from fhir_blina.files import Resource, as_text, same
from fhir_blina.mapping.back.marked import is_marked, made_from, without_marks
from fhir_blina.mapping.back.matching import Cells, Match, settled
from fhir_blina.mapping.back.outcomes import MISSING, Outcomes, where_held
from fhir_blina.mapping.back.texts import Gap, TextPattern
from fhir_blina.mapping.nodes import Blank, Block, Embed, Items, Node, Text
from fhir_blina.mapping.template import Template

MAX_ITEMS = 200  # of a list whose items are tried in more than one way
_EMPTY = frozenset({""})


class Inverse:
    """One template of a cohort, read backwards."""

    def __init__(self, cohort: Cohort, template: Template) -> None:
        self.cohort = cohort
        self.template = template
        self._outcomes = Outcomes(cohort)
        self._patterns: dict[int, TextPattern] = {}
        self._table: Table | None = cohort.tables[template.table] if template.table else None

    def fits(self, resource: Resource) -> bool:
        """Whether type and readable id are those of this template."""
        if self.template.resource_type != resource["resourceType"]:
            return False
        node = self.template.root.items["id"]
        if isinstance(node, Text):
            return self._pattern(node).fits(resource["id"])
        return isinstance(node, Blank) or resource["id"] == as_text(self._outcomes.constant(node))

    def match(self, resource: Resource, engine: Sequence[Any], optional: Sequence[Any] = ()) -> Match | None:
        """The cells that a resource came from, ``None`` if it is not of this template.

        Args:
            resource: With its readable id, and references with readable ids.
            engine: List items that every resource carries beside its template.
            optional: List items that templates behind a profiles option may have added.
        """
        self._table = self.cohort.tables[self.template.table] if self.template.table else None
        self._engine = engine
        self._optional = optional
        found = self._block(self.template.root, resource)
        if found is None or self.template.where is None:
            return found
        return found.joined(where_held(self.template.where))

    def _columns(self) -> Mapping[str, Column]:
        return self._table.columns if self._table else {}

    # -- nodes ---------------------------------------------------------------------------------

    def _node(self, node: Node, value: Any) -> Match | None:
        if not node.reads and (value is MISSING or not isinstance(node, Block | Items)):
            expected = self._outcomes.known(node)
            return Match() if value is expected or same(value, expected) else None
        if isinstance(node, Blank):
            return self._blank(node, [] if value is MISSING else [value])
        if isinstance(node, Text):
            return self._text(node, value)
        if isinstance(node, Items):
            if value is not MISSING and not isinstance(value, list):
                return None
            return self._items(node, [] if value is MISSING else value)
        if isinstance(node, Block):
            return self._block(node, value)
        return None

    def _block(self, node: Block, value: Any) -> Match | None:
        if value is not MISSING and not isinstance(value, dict):
            return None
        found = Match()
        for name, child in node.items.items():
            if value is MISSING:
                part = self._node(child, MISSING) if child.reads else Match()
            elif is_marked(child):
                part = made_from(child, value.get(name, MISSING), value.get(f"_{name}", {}), self.cohort)
            elif name.startswith("_") and is_marked(node.items.get(name[1:])):
                part = self._node(child, without_marks(node.items[name[1:]], value.get(name, MISSING)))
            else:
                part = self._node(child, value.get(name, MISSING))
            if part is None or not found.add(part):
                return None
        return found

    def _items(self, node: Items, values: list[Any]) -> Match | None:
        rest = [value for value in values if value not in self._engine]
        children = []
        for child in node.nodes:
            if child.reads:
                children.append(child)
                continue
            expected = self._outcomes.known(child)
            wanted = expected if isinstance(expected, list) else [expected]
            for one in [] if expected is MISSING else wanted:
                place = next((i for i, value in enumerate(rest) if same(value, one)), None)
                if place is not None:
                    del rest[place]
                elif one not in self._engine:
                    return None
        return self._align(children, rest)

    def _align(self, children: list[Node], values: list[Any]) -> Match | None:
        """Items in order against what is left of the list; a child may have given nothing."""
        found = self._straight(children, values)
        if found is not None or len(children) > MAX_ITEMS:
            return found
        if not children:
            return Match() if all(value in self._optional for value in values) else None
        child, rest = children[0], children[1:]
        if isinstance(child, Embed):
            return self._embedded(child, rest, values)
        if isinstance(child, Blank):
            tries = [(self._blank(child, values[:n]), values[n:]) for n in range(len(values), -1, -1)]
        else:
            tries = [(self._node(child, values[0]), values[1:])] if values else []
            tries.append((self._node(child, MISSING), values))
        for found, left in tries:
            other = self._align(rest, left) if found is not None else None
            joined = found.joined(other) if found is not None and other is not None else None
            if joined is not None:
                return joined
        return self._align(children, values[1:]) if values and values[0] in self._optional else None

    def _straight(self, children: list[Node], values: list[Any]) -> Match | None:
        """Each item against the next value that it fits, without a second thought."""
        found, place = Match(), 0
        for child in children:
            if isinstance(child, Embed | Blank):
                return None
            part = self._node(child, values[place]) if place < len(values) else None
            if part is not None:
                place += 1
            else:
                part = self._node(child, MISSING)
            if part is None or not found.add(part):
                return None
        return found if all(value in self._optional for value in values[place:]) else None

    def _embedded(self, child: Embed, rest: list[Node], values: list[Any]) -> Match | None:
        outer, self._table = self._table, self.cohort.tables[child.table]
        rows: list[tuple[str, Cells]] = []
        taken = 0
        for value in values:
            found = self._node(child.node, value)
            if found is not None and child.where is not None:
                found = found.joined(where_held(child.where))
            if found is None:
                break
            found = settled(found)
            rows.append((child.table, {**found.cells, **dict.fromkeys(child.on, frozenset())}))
            rows += found.embedded
            taken += 1
        self._table = outer
        left = self._align(rest, values[taken:])
        return Match({}, rows).joined(left) if left is not None else None

    def _text(self, node: Text, value: Any) -> Match | None:
        if value is MISSING:
            readers = [part for part in node.parts if isinstance(part, Blank) and part.reads]
            only = {part.column for part in readers}
            column = only.pop() if len(only) == 1 else None
            return Match({column: _EMPTY}) if column is not None else Match()
        readings = self._pattern(node).readings(value) if isinstance(value, str) else []
        if readings is None:
            return Match()
        gaps = [part for part in node.parts if isinstance(part, Blank) and part.reads]
        found = [one for one in (self._reading(gaps, texts) for texts in readings) if one is not None]
        cells: dict[str, frozenset[str]] = {}
        for column in dict.fromkeys(column for one in found for column in one.cells):
            if all(column in one.cells for one in found):
                cells[column] = frozenset().union(*(one.cells[column] for one in found))
        return Match(cells) if found else None

    def _reading(self, gaps: list[Blank], texts: tuple[str, ...]) -> Match | None:
        """What one way to fill the gaps of a text says."""
        result: Match | None = Match()
        for gap, text in zip(gaps, texts, strict=True):
            outcomes = {} if gap.column or gap.outer_column else self._outcomes.of(gap, self._columns())
            if gap.column or gap.outer_column:
                part = Match({gap.column or f"%row.{gap.outer_column}": frozenset({text})})
            else:
                words = [word for word, out in outcomes.items() if [as_text(one) for one in out] == [text]]
                part = Match({gap.columns[0]: frozenset(words)}) if outcomes else Match()
            result = result.joined(part) if result is not None else None
        return result

    def _blank(self, blank: Blank, values: list[Any]) -> Match | None:
        if not blank.reads:
            return Match() if same(values, self._outcomes.evaluate(blank, {})) else None
        name = blank.column or (f"%row.{blank.outer_column}" if blank.outer_column else None)
        if name is not None:
            if len(values) > 1 or any(isinstance(value, (dict, list)) for value in values):
                return None
            return Match({name: frozenset({as_text(values[0]) if values else ""})})
        words = self._outcomes.words(blank, self._columns(), values)
        if words is None:
            return Match()
        return Match({blank.columns[0]: words}) if words else None

    def _pattern(self, node: Text) -> TextPattern:
        if id(node) not in self._patterns:
            pieces: list[str | Gap] = []
            for part in node.parts:
                if isinstance(part, str):
                    pieces.append(part)
                elif part.reads:
                    pieces.append(self._gap(part))
                else:
                    pieces.append(as_text(self._outcomes.constant(part)))
            self._patterns[id(node)] = TextPattern(pieces)
        return self._patterns[id(node)]

    def _gap(self, part: Blank) -> Gap:
        column = self._columns().get(part.column or "")
        if column is not None:
            return Gap(column.values, column.type == "integer")
        outcomes = self._outcomes.of(part, self._columns())
        texts = {as_text(out[0]) for out in outcomes.values() if len(out) == 1}
        return Gap(tuple(sorted(texts)))
