"""What a FHIRPath compiles to: SQL of a value, or of a list with the conditions on its items."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fhir_blina.fhirpath import PRIMITIVES
from fhir_blina.views.definition import INTEGERS
from fhir_blina.views.sql.shape import Shape


@dataclass(frozen=True)
class Loop:
    """A list: its SQL, the variable that stands for an item, the conditions on it."""

    base: str
    variable: str
    conditions: tuple[str, ...] = ()

    def filtered(self) -> str:
        """The items that meet the conditions."""
        if not self.conditions:
            return self.base
        return f"list_filter({self.base}, lambda {self.variable}: {' AND '.join(self.conditions)})"


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
    """

    sql: str
    type: str
    shape: Shape | None = None
    loop: Loop | None = None
    guards: tuple[str, ...] = ()
    choices: tuple[Value, ...] = ()
    parent: tuple[Value, str] | None = None
    written: bool = False
    numeric: bool = False

    def single(self) -> str:
        """SQL of a single value."""
        if self.guards:
            return f"(CASE WHEN {' AND '.join(self.guards)} THEN {self.sql} END)"
        return self.sql

    def items(self) -> str:
        """SQL of a list of the values."""
        if self.loop is None:
            single = self.single()
            return f"CASE WHEN ({single}) IS NULL THEN [] ELSE [{single}] END"
        if self.sql == self.loop.variable:
            return self.loop.filtered()
        return f"list_transform({self.loop.filtered()}, lambda {self.loop.variable}: {self.sql})"


EMPTY = Value("NULL", "")


def number(value: Value, *, factor: bool = False) -> str:
    """SQL of a number: a decimal kept as text is cast."""
    if value.type == "decimal" and not value.numeric:
        return f"{'fhir_factor' if factor else 'fhir_number'}({value.single()})"
    return f"fhir_factor({value.single()})" if factor else value.single()


def kind_of(value: Value) -> str:
    """``number``, ``boolean``, ``text`` or ``element``."""
    if value.type in INTEGERS or value.type == "decimal":
        return "number"
    return "boolean" if value.type == "boolean" else "text" if value.type in PRIMITIVES else "element"


@dataclass(frozen=True)
class Focus:
    """Where a path starts: ``$this``, the resource, and the SQL of ``%rowIndex``."""

    this: Value
    resource: Value
    row_index: str = "0"


_ATOMIC = re.compile(r'[\w."\[\]]+')
_STRINGS = re.compile(r"'(?:[^']|'')*'")


def enclosed(sql: str) -> str:
    """SQL that stands as one operand, whatever is put around it."""
    if _ATOMIC.fullmatch(sql) or (sql.startswith("CASE ") and _one_case(sql)):
        return sql
    plain = _STRINGS.sub(lambda found: "'" * len(found[0]), sql)
    depth = 0
    for place, mark in enumerate(plain):
        depth += (mark == "(") - (mark == ")")
        if not depth and (mark == " " or (mark == ")" and place + 1 < len(plain))):
            return f"({sql})"
    return sql


def _one_case(sql: str) -> bool:
    """Whether SQL that begins with CASE ends where that CASE does."""
    depth = 0
    for found in re.finditer(r"'(?:[^']|'')*'|\bCASE\b|\bEND\b", sql):
        depth += (found[0] == "CASE") - (found[0] == "END")
        if not depth and found[0] == "END":
            return found.end() == len(sql)
    return False


def renamed(sql: str, variable: str, by: str) -> str:
    """Put SQL in the place of a variable, outside of strings."""
    found = re.compile(rf"'(?:[^']|'')*'|\b{variable}\b")
    return found.sub(lambda match: match[0] if match[0].startswith("'") else by, sql)
