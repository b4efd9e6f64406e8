"""What a FHIRPath compiles to: the tree of a value, or of a list with the conditions on its items."""

from __future__ import annotations

from dataclasses import dataclass

from fhir_blina.views.definition import INTEGERS
from fhir_blina.views.sql import tree
from fhir_blina.views.sql.shape import Shape, is_primitive
from fhir_blina.views.sql.tree import Sql


@dataclass(frozen=True)
class Loop:
    """A list: its tree, the variable that stands for an item, the conditions on it."""

    base: Sql
    variable: str
    conditions: tuple[Sql, ...] = ()

    def filtered(self) -> Sql:
        """The items that meet the conditions."""
        if not self.conditions:
            return self.base
        return tree.kept(self.base, self.variable, tree.both(*self.conditions))


@dataclass(frozen=True)
class Value:
    """What a path compiles to.

    Attributes:
        sql: The value, or with a loop what is taken of each item.
        type: FHIR type; empty for nothing at all.
        shape: What is read of it, ``None`` of a computed value.
        loop: The list that it runs over, ``None`` of a single value.
        guards: Conditions on a single value.
        choices: The alternatives of a choice type.
        parent: The element above, to reach a primitive's extensions.
        written: Whether the reference engine knows the type from the JSON or the text.
        numeric: Whether a decimal is a number already, not text.
        whole: A whole number that the path itself gives.
    """

    sql: Sql
    type: str
    shape: Shape | None = None
    loop: Loop | None = None
    guards: tuple[Sql, ...] = ()
    choices: tuple[Value, ...] = ()
    parent: tuple[Value, str] | None = None
    written: bool = False
    numeric: bool = False
    whole: int | None = None

    @property
    def is_item(self) -> bool:
        """Whether the items of the list are themselves the values."""
        return self.loop is not None and tree.is_variable(self.sql, self.loop.variable)

    @property
    def is_read_integer(self) -> bool:
        """Whether it is a whole number of a resource, kept as text; one that was worked out is a number."""
        return self.type in INTEGERS and self.shape is not None

    def single(self) -> Sql:
        """A single value."""
        return tree.case((tree.both(*self.guards), self.sql)) if self.guards else self.sql

    def items(self) -> Sql:
        """A list of the values."""
        if self.loop is None:
            return tree.kept(tree.array(self.single()), "v", tree.is_there(tree.variable("v")))
        if self.is_item:
            return self.loop.filtered()
        return tree.each(self.loop.filtered(), self.loop.variable, self.sql)


EMPTY = Value(tree.null(), "")


def number(value: Value, *, factor: bool = False) -> Sql:
    """A number: what is kept as text is cast."""
    if factor:
        return tree.call("fhir_factor", value.single())
    if value.type == "decimal" and not value.numeric:
        return tree.call("fhir_number", value.single())
    return tree.call("fhir_integer", value.single()) if value.is_read_integer else value.single()


def kind_of(value: Value) -> str:
    """``number``, ``boolean``, ``text`` or ``element``."""
    return kind_of_type(value.type)


def kind_of_type(type_name: str) -> str:
    """The kind that values of a FHIR type are of."""
    if type_name in INTEGERS or type_name == "decimal":
        return "number"
    return "boolean" if type_name == "boolean" else "text" if is_primitive(type_name) else "element"


@dataclass(frozen=True)
class Focus:
    """Where a path starts: ``$this``, the resource, and the tree of ``%rowIndex``."""

    this: Value
    resource: Value
    row_index: Sql | None = None
