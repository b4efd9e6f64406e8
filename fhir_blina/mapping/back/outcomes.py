"""What a blank gives for each text that its column can hold, and what a node gives that reads no column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_blina.cohorts import Cohort, Column
from fhir_blina.errors import ExpressionError
from fhir_blina.fhirpath import Binary, Literal, Member
from fhir_blina.files import as_text
from fhir_blina.mapping.back.matching import Cells, Match
from fhir_blina.mapping.nodes import Blank, Block, Constant, Items, Node, Text

MISSING: Any = object()


class Outcomes:
    """The outcomes of one template's nodes, each worked out once."""

    def __init__(self, cohort: Cohort) -> None:
        self.cohort = cohort
        self._outcomes: dict[int, dict[str, list[Any]]] = {}
        self._constants: dict[int, Any] = {}
        self._words: dict[int, dict[Any, frozenset[str]]] = {}

    def of(self, blank: Blank, columns: Mapping[str, Column]) -> dict[str, list[Any]]:
        """The result for each text that the one column can hold; empty where that is not listed."""
        if id(blank) not in self._outcomes:
            alone = len(blank.columns) == 1 and "row" not in blank.expression.constants
            column = columns.get(blank.columns[0]) if alone else None
            words = self._domain(column, blank) if column is not None else ()
            results: dict[str, list[Any]] = {}
            for word in words:
                try:
                    cells = {} if column is None or not word else {column.name: column.read(word)}
                    results[word] = self.evaluate(blank, cells)
                except (KeyError, ValueError, OverflowError, ExpressionError):
                    continue  # a word that this column or this blank never holds
            self._outcomes[id(blank)] = results
        return self._outcomes[id(blank)]

    def words(self, blank: Blank, columns: Mapping[str, Column], values: list[Any]) -> frozenset[str] | None:
        """The texts that give just these values; ``None`` where the column's texts are not listed."""
        index = self._words.get(id(blank))
        if index is None:
            found: dict[Any, set[str]] = {}
            for word, result in self.of(blank, columns).items():
                found.setdefault(_exact(result), set()).add(word)
            index = self._words[id(blank)] = {key: frozenset(words) for key, words in found.items()}
        return index.get(_exact(values), frozenset()) if index else None

    def _domain(self, column: Column, blank: Blank) -> tuple[str, ...]:
        words: tuple[str, ...] = column.values
        if not words and column.type == "boolean":
            words = ("true", "false")
        if not words and blank.maps:
            words = tuple(dict.fromkeys(word for name in blank.maps for word in self.cohort.codes.maps[name]))
        if not words:
            return ()
        return words if column.required or column.key else (*words, "")

    def evaluate(self, blank: Blank, cells: Mapping[str, Any]) -> list[Any]:
        """The values of a blank over some cells, empty texts left out."""
        values = blank.expression.evaluate(dict(cells), constants={**self.cohort.constants, "row": {}})
        return [value for value in values if value != ""]

    def known(self, node: Node) -> Any:
        """``constant`` of a node, worked out once."""
        if id(node) not in self._constants:
            self._constants[id(node)] = self.constant(node)
        return self._constants[id(node)]

    def constant(self, node: Node) -> Any:
        """The value of a node that reads no column, ``MISSING`` if it has none."""
        if isinstance(node, Constant):
            return node.value
        if isinstance(node, Blank):
            values = self.evaluate(node, {})
            return values[0] if len(values) == 1 else (values or MISSING)
        if isinstance(node, Text):
            parts = [part if isinstance(part, str) else self.constant(part) for part in node.parts]
            return MISSING if any(part is MISSING for part in parts) else "".join(map(as_text, parts))
        if isinstance(node, Items):
            found: list[Any] = []
            for child in node.nodes:
                value = self.constant(child)
                if value is not MISSING:
                    found += value if isinstance(child, Blank) and isinstance(value, list) else [value]
            return found or MISSING
        assert isinstance(node, Block)  # noqa: S101 - embedded rows read columns
        made = {name: self.constant(child) for name, child in node.items.items()}
        return {name: value for name, value in made.items() if value is not MISSING} or MISSING


def _exact(value: Any) -> Any:
    """A key that two values share where they are the same to the last digit, whatever the order of names."""
    if isinstance(value, dict):
        return frozenset((name, _exact(one)) for name, one in value.items())
    if isinstance(value, list):
        return tuple(map(_exact, value))
    return value if isinstance(value, str) else (type(value), str(value))


def where_held(blank: Blank) -> Match:
    """What a condition that held says: ``column = 'word'``, joined by ``and``."""
    cells: Cells = {}
    stack: list[Any] = [blank.expression.tree]
    while stack:
        tree = stack.pop()
        if not isinstance(tree, Binary):
            continue
        if tree.operator == "and":
            stack += [tree.left, tree.right]
        elif tree.operator == "=" and isinstance(tree.right, Literal):
            left = tree.left
            if isinstance(left, Member) and left.source is None and left.name in blank.columns:
                cells[left.name] = frozenset({as_text(tree.right.value)})
    return Match(cells)
