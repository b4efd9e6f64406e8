"""The parts of a compiled template: constants, blanks, texts, blocks, lists, embedded rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from fhir_blina.fhirpath import Call, Expression, Literal, Member
from fhir_blina.fhirpath import Constant as Named
from fhir_blina.fhirpath import Node as Tree
from fhir_blina.files import Keys


@dataclass(frozen=True)
class Constant:
    """A value without a blank."""

    value: Any
    keys: Keys
    reads: ClassVar[bool] = False


def _own_column(tree: Tree) -> str | None:
    """The column that a tree is, if it is nothing else."""
    return tree.name if isinstance(tree, Member) and tree.source is None else None


def calls_in(tree: Tree) -> Iterator[Call]:
    """Every call in a tree, inner ones first."""
    for child in tree.children():
        yield from calls_in(child)
    if isinstance(tree, Call):
        yield tree


@dataclass(frozen=True)
class Blank:
    """A string that is one blank.

    Attributes:
        expression: What stands in it.
        columns: The row's columns that it reads, sorted.
        keys: Where it stands in the template.
    """

    expression: Expression
    columns: tuple[str, ...]
    keys: Keys

    @cached_property
    def reads(self) -> bool:
        """Whether it reads a column of its row, or of the row around it."""
        return bool(self.columns) or "row" in self.expression.constants

    @cached_property
    def outer_column(self) -> str | None:
        """The column of the row around an embedded one, if the blank is nothing but ``%row.column``."""
        tree = self.expression.tree
        outer = isinstance(tree, Member) and isinstance(tree.source, Named) and tree.source.name == "row"
        return tree.name if isinstance(tree, Member) and outer else None

    @cached_property
    def column(self) -> str | None:
        """The column, if the blank is nothing but one column."""
        return _own_column(self.expression.tree)

    @cached_property
    def maps(self) -> tuple[str, ...]:
        """The code maps that its ``translate()`` name, in order, each once."""
        calls = (call for call in calls_in(self.expression.tree) if call.name == "translate")
        words = (one.value for call in calls for one in call.arguments if isinstance(one, Literal))
        return tuple(dict.fromkeys(word for word in words if isinstance(word, str)))

    @cached_property
    def functions(self) -> frozenset[str]:
        """The functions that it calls."""
        return frozenset(call.name for call in calls_in(self.expression.tree))

    @property
    def marks(self) -> frozenset[str]:
        """The functions in it whose values leave an extension beside their element."""
        return self.functions & {"studyDate", "convert"}

    @cached_property
    def units(self) -> tuple[str, str, str] | None:
        """Column, its unit and the unit wanted, if the blank is nothing but ``column.convert(a, b)``."""
        tree = self.expression.tree
        if not isinstance(tree, Call) or tree.name != "convert" or tree.source is None:
            return None
        column, units = _own_column(tree.source), [one for one in tree.arguments if isinstance(one, Literal)]
        return (column, str(units[0].value), str(units[1].value)) if column and len(units) == 2 else None

    @cached_property
    def study_day_column(self) -> str | None:
        """The column, if the blank is nothing but ``column.studyDate()``."""
        tree = self.expression.tree
        if isinstance(tree, Call) and tree.name == "studyDate" and not tree.arguments and tree.source:
            return _own_column(tree.source)
        return None


@dataclass(frozen=True)
class Text:
    """A string of text and blanks."""

    parts: tuple[str | Blank, ...]
    keys: Keys

    @cached_property
    def reads(self) -> bool:
        """Whether a blank in it reads a column."""
        return any(part.reads for part in self.parts if isinstance(part, Blank))


@dataclass(frozen=True)
class Block:
    """An object."""

    items: Mapping[str, Node]
    keys: Keys

    @cached_property
    def reads(self) -> bool:
        """Whether a blank at or below it reads a column, or rows are embedded there."""
        return any(child.reads for child in self.items.values())


@dataclass(frozen=True)
class Items:
    """A list."""

    nodes: tuple[Node, ...]
    keys: Keys

    @cached_property
    def reads(self) -> bool:
        """Whether a blank at or below it reads a column, or rows are embedded there."""
        return any(child.reads for child in self.nodes)


@dataclass(frozen=True)
class Embed:
    """A list item, written once for each row of another table that belongs to the row around it."""

    table: str
    on: tuple[str, ...]
    where: Blank | None
    node: Block
    keys: Keys
    reads: ClassVar[bool] = True


Node = Constant | Blank | Text | Block | Items | Embed


def nodes(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield node
    children: tuple[Any, ...] = ()
    if isinstance(node, Block):
        children = tuple(node.items.values())
    elif isinstance(node, Items):
        children = node.nodes
    elif isinstance(node, Embed):
        children = (node.node,)
    for child in children:
        yield from nodes(child)


def blanks(node: Node) -> Iterator[Blank]:
    """Every blank at or below a node, conditions of embedded rows not included."""
    for child in nodes(node):
        if isinstance(child, Blank):
            yield child
        elif isinstance(child, Text):
            yield from (part for part in child.parts if isinstance(part, Blank))
