"""The parts of a compiled template: constants, blanks, texts, blocks, lists, embedded rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from fhir_blina.fhirpath import Expression
from fhir_blina.files import Keys

_OUTER = re.compile(r"%row\.(\w+)")


@dataclass(frozen=True)
class Constant:
    """A value without a blank."""

    value: Any
    keys: Keys
    reads: ClassVar[bool] = False


@dataclass(frozen=True)
class Blank:
    """A string that is one blank.

    Attributes:
        expression: What stands in it.
        columns: The row's columns that it reads, sorted.
        maps: The code maps that it names.
        keys: Where it stands in the template.
    """

    expression: Expression
    columns: tuple[str, ...]
    maps: tuple[str, ...]
    keys: Keys

    @cached_property
    def reads(self) -> bool:
        """Whether it reads a column of its row, or of the row around it."""
        return bool(self.columns) or "row" in self.expression.constants

    @cached_property
    def outer_column(self) -> str | None:
        """The column of the row around an embedded one, if the blank is nothing but ``%row.column``."""
        found = _OUTER.fullmatch(self.expression.text)
        return found[1] if found else None

    @cached_property
    def column(self) -> str | None:
        """The column, if the blank is nothing but one column."""
        return self.columns[0] if self.columns and self.expression.text == self.columns[0] else None

    @cached_property
    def study_day_column(self) -> str | None:
        """The column, if the blank is nothing but ``column.studyDate()``."""
        if len(self.columns) == 1 and self.expression.text == f"{self.columns[0]}.studyDate()":
            return self.columns[0]
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
