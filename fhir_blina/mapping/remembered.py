"""What a part of a template became for the same cells before, so that it is worked out once.

Most of a resource repeats: its code, category and method follow from a column of a few words. A part
that reads only such columns is filled once for each combination of their texts. A part that never
repeats, for example one that reads a patient's id, costs a few looks and is then left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fhir_blina.cohorts import Row
from fhir_blina.fhirpath import Node as Tree
from fhir_blina.fhirpath import This
from fhir_blina.mapping.nodes import Blank, Block, Constant, Embed, Items, Node, Text

_TRIED, _KEPT = 256, 4096


@dataclass(frozen=True)
class FilledPart:
    """What a part became: its value, whether a column's blank was filled, and whether a date was made."""

    value: Any
    filled: bool | None
    synthetic: bool


class Remembered:
    """The outcomes of one part of a template, by the texts of the columns that it reads."""

    __slots__ = ("_columns", "_found", "_looked", "_parts")

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._parts: dict[tuple[str, ...], FilledPart] = {}
        self._looked = self._found = 0

    @property
    def worthwhile(self) -> bool:
        """Whether at least every second look found something, once there were enough of them."""
        return self._looked < _TRIED or 2 * self._found >= self._looked

    def key(self, row: Row | None) -> tuple[str, ...]:
        """What the part's outcome follows from."""
        return tuple([row.text[column] for column in self._columns]) if row is not None else ()

    def get(self, key: tuple[str, ...]) -> FilledPart | None:
        """What the part became for these texts."""
        self._looked += 1
        part = self._parts.get(key)
        if part is not None:
            self._found += 1
        return part

    def keep(self, key: tuple[str, ...], part: FilledPart) -> None:
        """Note what the part became; a bounded number is kept."""
        if len(self._parts) >= _KEPT:
            self._parts.clear()
        self._parts[key] = part


def remembered_parts(root: Block, dated: frozenset[str] | None) -> dict[int, Remembered]:
    """A memory for each part of a template whose outcome follows from known columns, by the part's id.

    Args:
        root: The template's tree.
        dated: The columns that a date made by ``studyDate()`` reads beside its own, ``None`` where a
            date is to be worked out each time.
    """
    found: dict[int, Remembered] = {}

    def note(node: Node, around: frozenset[str] | None) -> None:
        reads = _reads(node, dated)
        made = not isinstance(node, Constant) and not (isinstance(node, Blank) and node.column is not None)
        if made and reads is not None and reads != around:
            found[id(node)] = Remembered(tuple(sorted(reads)))
            around = reads
        for child in _children(node):
            note(child, around)

    note(root, None)
    return found


def _children(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Block):
        return tuple(node.items.values())
    if isinstance(node, Text):
        return tuple(part for part in node.parts if isinstance(part, Blank))
    return tuple(one for one in node.nodes if not isinstance(one, Embed)) if isinstance(node, Items) else ()


def _reads(node: Node, dated: frozenset[str] | None) -> frozenset[str] | None:
    """The columns that a part's outcome follows from, ``None`` where it follows from more than them."""
    if isinstance(node, Constant):
        return frozenset()
    if isinstance(node, Embed):
        return None
    if isinstance(node, Blank):
        return _blank_reads(node, dated)
    parts: tuple[Any, ...] = node.parts if isinstance(node, Text) else ()
    if isinstance(node, Block | Items):
        parts = tuple(node.items.values()) if isinstance(node, Block) else node.nodes
    result: frozenset[str] = frozenset()
    for part in parts:
        reads = frozenset() if isinstance(part, str) else _reads(part, dated)
        if reads is None:
            return None
        result |= reads
    return result


def _blank_reads(blank: Blank, dated: frozenset[str] | None) -> frozenset[str] | None:
    if "row" in blank.expression.constants or any(
        isinstance(one, This) for one in _tree(blank.expression.tree)
    ):
        return None
    reads = frozenset(blank.columns)
    if "studyDate" in blank.functions:
        return None if dated is None else reads | dated
    return reads


def _tree(node: Tree) -> Iterator[Tree]:
    yield node
    for child in node.children():
        yield from _tree(child)
