"""FHIRPath to SQL over the typed columns of one resource.

What SQL cannot answer as FHIRPath does is refused here, never answered otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from fhir_blina.elements import MOMENTS, PRIMITIVES, plain_type
from fhir_blina.errors import ViewError
from fhir_blina.evaluation import type_argument
from fhir_blina.syntax import Binary, Call, Constant, Item, Literal, Member, Node, This, TypeTest, Unary
from fhir_blina.temporal import Temporal
from fhir_blina.view_definitions import INTEGERS
from fhir_blina.view_schema import Shape, element, is_known, quoted, text

_COMPARISONS = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}
_TEXT_FUNCTIONS = {
    "startsWith": "starts_with({0}, {1})",
    "endsWith": "ends_with({0}, {1})",
    "contains": "contains({0}, {1})",
    "lower": "lower({0})",
    "upper": "upper({0})",
    "length": "length({0})",
}
_EDGES = {"date": "date", "dateTime": "moment", "instant": "moment", "time": "time"}


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


class Paths:
    """Compiles the paths of one view."""

    def __init__(self, constants: Mapping[str, Any], source: str) -> None:
        self.constants = constants
        self.source = source
        self._variables = 0

    def refuse(self, what: str) -> ViewError:
        """A refusal that names the view and the way out."""
        return ViewError(
            f'{self.source}: {what} is not compiled to SQL. Use --engine python (engine="python")'
        )

    def variable(self) -> str:
        """A new name for an item of a list."""
        self._variables += 1
        return f"x{self._variables}"

    def compile(self, node: Node, focus: Focus) -> Value:
        """SQL of a path.

        Raises:
            ViewError: SQL cannot answer it as FHIRPath does.
        """
        if isinstance(node, Member):
            return self._member(node, focus)
        if isinstance(node, This):
            return focus.this
        if isinstance(node, Literal):
            return self._literal(node.value)
        if isinstance(node, Constant):
            return self._constant(node.name, focus)
        if isinstance(node, Call):
            return self._call(node, focus)
        if isinstance(node, Item):
            return self._item(self.compile(node.source, focus), self.compile(node.index, focus))
        if isinstance(node, Unary):
            value = self.one(self.compile(node.operand, focus))
            if value.type and kind_of(value) != "number":
                raise self.refuse(f"{node.operator} of what is no number")
            sign = "" if node.operator == "+" else "-"
            return replace(value, sql=f"({sign}{number(value)})", numeric=True, guards=(), shape=None)
        if isinstance(node, TypeTest):
            return self._of_type(self.compile(node.operand, focus), node.operator, node.type_name)
        if isinstance(node, Binary):
            return self._binary(node, focus)
        raise self.refuse("$index")

    # --- steps -------------------------------------------------------------------------------

    def _member(self, node: Member, focus: Focus) -> Value:
        if node.source is not None:
            return self.step(self.compile(node.source, focus), node.name)
        if node.name == focus.this.type and node.name[0].isupper() and element(focus.this.type, "id"):
            return focus.this
        return self.step(focus.this, node.name)

    def step(self, source: Value, name: str) -> Value:
        """``source.name``."""
        if source.choices:
            below = [found for found in (self.step(one, name) for one in source.choices) if found.type]
            if len(below) > 1:
                raise self.refuse(f"{name} of a choice type without ofType()")
            return below[0] if below else EMPTY
        if source.type in PRIMITIVES and name in {"extension", "id"} and source.shape is not None:
            if source.parent is None:
                raise self.refuse(f"{name} of one value of a list")
            above, key = source.parent
            return self.step(self._below(above, f"_{key}", "Element", many=source.shape.many), name)
        found = element(source.type, name) if source.shape is not None else None
        if found is None:
            return EMPTY
        if found.choice:
            keys = [(f"{name}{kind[0].upper()}{kind[1:]}", kind) for kind in found.types]
            alternatives = tuple(Value(key, kind, parent=(source, key), written=True) for key, kind in keys)
            return Value("", "choice", shape=source.shape, choices=alternatives)
        return self._below(source, name, found.types[0], many=found.many)

    def _below(self, source: Value, key: str, type_name: str, *, many: bool, written: bool = False) -> Value:
        if source.shape is None:
            return EMPTY
        shape = source.shape.part(key, type_name, many=many)
        sql = f"{source.sql}.{quoted(key)}"
        parent = (source, key)
        if source.loop is None:
            if not many:
                return Value(sql, type_name, shape, guards=source.guards, parent=parent, written=written)
            variable = self.variable()
            base = replace(source, sql=sql).single()
            return Value(variable, type_name, shape, Loop(base, variable), parent=parent, written=written)
        if not many:
            loop = replace(source.loop, conditions=(*source.loop.conditions, f"{sql} IS NOT NULL"))
            return Value(sql, type_name, shape, loop, parent=parent, written=written)
        variable = self.variable()
        inner = f"list_transform({source.loop.filtered()}, lambda {source.loop.variable}: {sql})"
        return Value(
            variable, type_name, shape, Loop(f"flatten({inner})", variable), parent=parent, written=written
        )

    def _chosen(self, value: Value) -> list[Value]:
        """The alternatives of a choice, each as a value of its own."""
        return [self._resolved(one) for one in value.choices]

    def _resolved(self, one: Value) -> Value:
        if one.parent is None:
            return one
        source, key = one.parent
        return self._below(source, key, one.type, many=False, written=True)

    def known(self, value: Value) -> Value:
        """A value whose type is settled; an unsettled choice is refused."""
        if not value.choices:
            return value
        if len(value.choices) > 1:
            raise self.refuse("a choice type without ofType()")
        return self._resolved(value.choices[0])

    def one(self, value: Value) -> Value:
        """A single value: several in a list are an error when the query runs."""
        value = self.known(value)
        if value.loop is None:
            return value
        sql = f"fhir_only({value.items()}, 'view: one value is needed and there are several')"
        return replace(value, sql=sql, loop=None, guards=(), parent=None)

    def _item(self, source: Value, index: Value) -> Value:
        if not re.fullmatch(r"-?\d+", index.sql):
            raise self.refuse("an index that is no number or constant")
        return self._at(source, int(index.sql) + 1)

    def _at(self, source: Value, place: int) -> Value:
        source = self.known(source)
        if source.loop is None:
            return source if place in {1, -1} else EMPTY
        item = f"{source.loop.filtered()}[{place}]"
        sql = _renamed(source.sql, source.loop.variable, item)
        parent = source.parent if source.shape is None or source.type not in PRIMITIVES else None
        if source.parent is not None and source.sql != source.loop.variable and source.type in PRIMITIVES:
            parent = (replace(source.parent[0], sql=sql.rpartition(".")[0], loop=None), source.parent[1])
        return replace(source, sql=sql, loop=None, parent=parent)

    def _of_type(self, value: Value, operator: str, type_name: str) -> Value:
        wanted = plain_type(type_name)
        if not is_known(wanted):
            return EMPTY
        fitting = {wanted}
        if value.choices:
            kept = tuple(one for one in value.choices if one.type in fitting)
            found = (
                self._resolved(kept[0]) if len(kept) == 1 else replace(value, choices=kept) if kept else EMPTY
            )
            if operator != "is":
                return found
            there = " OR ".join(self.present(one) for one in self._chosen(replace(value, choices=kept)))
            anything = " OR ".join(self.present(one) for one in self._chosen(value))
            return Value(f"CASE WHEN {anything} THEN {there or 'false'} END", "boolean")
        if not value.type or value.type in fitting:
            return (
                value
                if operator != "is"
                else Value(f"CASE WHEN {self.present(value)} THEN true END", "boolean")
            )
        if value.type in {"Resource", "Element"} or operator == "is" or kind_of(value) == "text":
            raise self.refuse(f"{operator} {type_name} of a {value.type}")
        return EMPTY

    # --- values ------------------------------------------------------------------------------

    def _literal(self, value: Any) -> Value:
        if value is None:
            return EMPTY
        if isinstance(value, bool):
            return Value(str(value).lower(), "boolean")
        if isinstance(value, int):
            return Value(str(value), "integer")
        if isinstance(value, Decimal):
            return Value(f"CAST({value:f} AS DECIMAL(38, 18))", "decimal", numeric=True)
        if isinstance(value, Temporal):
            if value.kind == "time" and len(value.parts) < 2:
                raise self.refuse("a time without minutes")
            return Value(text(value.text), value.kind, written=True)
        return Value(text(str(value)), "string")

    def _constant(self, name: str, focus: Focus) -> Value:
        if name == "rowIndex":
            return Value(focus.row_index, "integer")
        if name in {"resource", "rootResource"}:
            return focus.resource
        return focus.this if name == "context" else self._literal(self.constants[name])

    def truth(self, value: Value) -> str:
        """SQL of a value as true, false or unknown."""
        value = self.one(value) if not value.choices else value
        if value.type in {"boolean", ""}:
            return value.single()
        return f"CASE WHEN {self.present(value)} THEN true END"

    def present(self, value: Value) -> str:
        """SQL of whether there is anything; a primitive with only extensions counts."""
        if value.choices:
            return " OR ".join(f"({self.present(one)})" for one in self._chosen(value))
        if not value.type:
            return "false"
        if value.loop is not None:
            return f"coalesce(len({value.loop.filtered()}) > 0, false)"
        sql = value.single()
        if value.parent is not None and value.shape is not None and value.type in PRIMITIVES:
            above, key = value.parent
            beside = self._below(above, f"_{key}", "Element", many=False)
            return f"({sql} IS NOT NULL OR {beside.single()} IS NOT NULL)"
        return f"{sql} IS NOT NULL" if re.fullmatch(r"[\w.\"\[\]]+", sql) else f"({sql}) IS NOT NULL"

    # --- functions ---------------------------------------------------------------------------

    def _call(self, node: Call, focus: Focus) -> Value:
        name, arguments = node.name, node.arguments
        source = focus.this if node.source is None else self.compile(node.source, focus)
        if name in {"ofType", "as", "is"}:
            return self._of_type(source, name, type_argument(node) or "")
        if name == "extension":
            url = self.one(self.compile(arguments[0], focus)).single()
            found = self.step(source, "extension")
            return self._where(found, lambda item: f"{self.step(item, 'url').sql} = {url}")
        if name in {"where", "exists", "all"} and arguments:

            def condition(item: Value) -> str:
                return self.truth(self.compile(arguments[0], replace(focus, this=item)))

            if name == "all":
                kept = self._where(source, lambda item: f"NOT coalesce({condition(item)}, false)")
                return Value(f"(NOT {self.present(kept)})", "boolean")
            kept = self._where(source, condition)
            return kept if name == "where" else Value(self.present(kept), "boolean")
        if name in {"exists", "empty"}:
            there = self.present(source)
            return Value(there if name == "exists" else f"(NOT ({there}))", "boolean")
        if name == "not":
            return Value(f"(NOT {self.truth(source)})", "boolean")
        if name in {"first", "last", "single"}:
            return self.one(source) if name == "single" else self._at(source, 1 if name == "first" else -1)
        if name == "count":
            if source.loop is not None:
                return Value(f"coalesce(len({source.loop.filtered()}), 0)", "integer")
            return Value(f"CASE WHEN {self.present(source)} THEN 1 ELSE 0 END", "integer")
        if name == "select":
            return self._select(source, arguments[0], focus)
        if name == "iif":
            inner = focus if node.source is None else replace(focus, this=self.one(source))
            return self._iif([self.compile(one, inner) for one in arguments])
        if name == "getResourceKey":
            return self.step(source, "id") if element(source.type, "meta") else EMPTY
        if name == "getReferenceKey":
            return self._reference_key(source, type_argument(node))
        return self._on_value(name, source, [self.compile(one, focus) for one in arguments])

    def _where(self, source: Value, condition: Any) -> Value:
        source = self.known(source)
        if not source.type:
            return EMPTY
        sql = condition(replace(source, loop=None, guards=()))
        if source.loop is None:
            return replace(source, guards=(*source.guards, f"({sql})" if " OR " in sql else sql))
        conditions = (*source.loop.conditions, f"({sql})" if " OR " in sql else sql)
        return replace(source, loop=replace(source.loop, conditions=conditions))

    def _select(self, source: Value, argument: Node, focus: Focus) -> Value:
        source = self.known(source)
        if source.loop is None:
            return self.compile(argument, replace(focus, this=source))
        inner = self.known(self.compile(argument, replace(focus, this=replace(source, loop=None))))
        if inner.loop is not None:
            variable = self.variable()
            each = f"lambda {source.loop.variable}: {inner.items()}"
            base = f"flatten(list_transform({source.loop.filtered()}, {each}))"
            return replace(inner, sql=variable, loop=Loop(base, variable), parent=None)
        loop = replace(source.loop, conditions=(*source.loop.conditions, f"({inner.single()}) IS NOT NULL"))
        return replace(inner, sql=inner.single(), guards=(), loop=loop, parent=None)

    def _iif(self, arguments: list[Value]) -> Value:
        branches = [self.known(one) for one in arguments[1:]]
        types = {one.type for one in branches if one.type}
        if len({kind_of(replace(EMPTY, type=one)) for one in types}) > 1 or any(one.loop for one in branches):
            raise self.refuse("iif() whose results are lists or of unlike types")
        if "decimal" in types and (len(types) > 1 or len({one.numeric for one in branches if one.type}) > 1):
            raise self.refuse("iif() whose results are numbers of unlike types")
        results = [one.single() for one in branches]
        rest = f" ELSE {results[1]}" if len(results) > 1 and results[1] != "NULL" else ""
        model = next((one for one in branches if one.type), EMPTY)
        sql = f"CASE WHEN {self.truth(arguments[0])} THEN {results[0]}{rest} END"
        return Value(sql, model.type, numeric=model.numeric, written=model.written)

    def _reference_key(self, source: Value, type_name: str | None) -> Value:
        if source.type and source.type != "Reference":
            return EMPTY
        found = self.step(source, "reference")
        if not found.type:
            return EMPTY
        kind = text(plain_type(type_name)) if type_name else ""
        key = f"fhir_key({found.sql}, {kind})" if kind else f"fhir_any_key({found.sql})"
        if found.loop is None:
            return replace(found, sql=key, type="id", parent=None, shape=None)
        loop = replace(found.loop, conditions=(*found.loop.conditions, f"{key} IS NOT NULL"))
        return Value(key, "id", loop=loop)

    def _on_value(self, name: str, source: Value, arguments: list[Value]) -> Value:
        if name == "join":
            mark = self.one(arguments[0]).single() if arguments else "''"
            source = self.known(source)
            if source.type and kind_of(source) != "text":
                raise self.refuse("join() of what is no string")
            if source.loop is None:
                return Value(f"coalesce({source.single()}, '')", "string")
            return Value(f"coalesce(array_to_string({source.items()}, {mark}), '')", "string")
        if name in {"lowBoundary", "highBoundary"}:
            return self._boundary(name, self.one(source))
        if name in _TEXT_FUNCTIONS:
            values = [self.one(one) for one in (source, *arguments)]
            if any(one.type and kind_of(one) != "text" for one in values):
                raise self.refuse(f"{name}() of what is no string")
            result = "string" if name in {"lower", "upper"} else "integer" if name == "length" else "boolean"
            return Value(_TEXT_FUNCTIONS[name].format(*(one.single() for one in values)), result)
        raise self.refuse(f"{name}()")

    def _boundary(self, name: str, value: Value) -> Value:
        side = "low" if name == "lowBoundary" else "high"
        if not value.type:
            return EMPTY
        if value.type == "decimal" and not value.numeric:
            return Value(
                f"fhir_edge({value.single()}, {-1 if side == 'low' else 1})", "decimal", numeric=True
            )
        if value.type in _EDGES:
            return Value(f"fhir_{side}_{_EDGES[value.type]}({value.single()})", value.type, written=True)
        raise self.refuse(f"{name}() of a {value.type}")

    # --- operators ---------------------------------------------------------------------------

    def _binary(self, node: Binary, focus: Focus) -> Value:
        operator = node.operator
        left, right = self.compile(node.left, focus), self.compile(node.right, focus)
        if operator in {"and", "or", "xor", "implies"}:
            one, other = f"({self.truth(left)})", f"({self.truth(right)})"
            sql = {
                "and": f"({one} AND {other})",
                "or": f"({one} OR {other})",
                "xor": f"({one} <> {other})",
                "implies": f"((NOT {one}) OR {other})",
            }[operator]
            return Value(_plainer(sql), "boolean")
        left, right = self.known(left), self.known(right)
        if operator in {"=", "!="}:
            sql = self._equal(left, right)
            return Value(f"({sql})" if operator == "=" else f"(NOT ({sql}))", "boolean")
        if operator == "|":
            return self._union(left, right)
        if operator in {"in", "contains"}:
            whole, part = (right, left) if operator == "in" else (left, right)
            part = self.one(part)
            if {kind_of(one) for one in (whole, part) if one.type} - {"text"}:
                raise self.refuse(f"{operator} of what is no string")
            found = f"coalesce(list_contains({whole.items()}, {part.single()}), false)"
            return Value(f"CASE WHEN {part.single()} IS NOT NULL THEN {found} END", "boolean")
        left, right = self.one(left), self.one(right)
        if operator in _COMPARISONS:
            return Value(f"({self._ordered(operator, left, right)})", "boolean")
        return self._calculate(operator, left, right)

    def _equal(self, left: Value, right: Value) -> str:
        if not left.type or not right.type:
            return "CAST(NULL AS BOOLEAN)"
        kinds = {kind_of(left), kind_of(right)}
        if "element" in kinds or (len(kinds) > 1 and (left.loop or right.loop)):
            raise self.refuse("= between elements or lists of unlike types")
        if left.loop is not None and right.loop is not None:
            raise self.refuse("= between two lists")
        if left.loop is not None or right.loop is not None:
            many, single = (left, right) if left.loop is not None else (right, left)
            first = replace(many, sql=f"{many.items()}[1]", loop=None, guards=())
            several = f"CASE WHEN {single.single()} IS NOT NULL THEN false END"
            return (
                f"CASE WHEN coalesce(len({many.items()}), 0) = 0 THEN NULL WHEN len({many.items()}) > 1 "
                f"THEN {several} ELSE {self._equal(first, single)} END"
            )
        if len(kinds) > 1:
            return f"CASE WHEN {left.single()} IS NOT NULL AND {right.single()} IS NOT NULL THEN false END"
        moments = left.type in MOMENTS or right.type in MOMENTS
        if moments and any(one.written and one.type in MOMENTS for one in (left, right)):
            return f"fhir_order({left.single()}, {right.single()}) = 0"
        if kinds == {"number"}:
            return f"{number(left)} = {number(right)}"
        return f"{left.single()} = {right.single()}"

    def _ordered(self, operator: str, left: Value, right: Value) -> str:
        if not left.type or not right.type:
            return "CAST(NULL AS BOOLEAN)"
        kinds = {kind_of(left), kind_of(right)}
        if kinds == {"number"}:
            return f"{number(left)} {operator} {number(right)}"
        if kinds != {"text"}:
            raise self.refuse(f"{operator} of what are not two numbers, strings or dates")
        if left.type in MOMENTS or right.type in MOMENTS:
            return f"fhir_order({left.single()}, {right.single()}) {operator} 0"
        return f"{left.single()} {operator} {right.single()}"

    def _calculate(self, operator: str, left: Value, right: Value) -> Value:
        kinds = {kind_of(one) for one in (left, right) if one.type}
        if operator == "&" and kinds <= {"text"}:
            return Value(f"(coalesce({left.single()}, '') || coalesce({right.single()}, ''))", "string")
        if not left.type or not right.type:
            return EMPTY
        if operator == "+" and kinds == {"text"}:
            return Value(f"({left.single()} || {right.single()})", "string")
        if kinds != {"number"} or operator not in {"+", "-", "*", "/"}:
            raise self.refuse(f"{operator} of these operands")
        if operator == "/":
            return Value(
                f"fhir_quotient({number(left, factor=True)}, {number(right, factor=True)})",
                "decimal",
                numeric=True,
            )
        if left.type in INTEGERS and right.type in INTEGERS:
            return Value(f"({left.single()} {operator} {right.single()})", "integer")
        sql = f"({number(left, factor=True)} {operator} {number(right, factor=True)})"
        return Value(sql, "decimal", numeric=True)

    def _union(self, left: Value, right: Value) -> Value:
        if not left.type or not right.type:
            left, right = (left, right) if left.type else (right, left)
            if not left.type or left.loop is None:
                return left
        if {kind_of(one) for one in (left, right) if one.type} != {"text"}:
            raise self.refuse("| of what are not strings")
        variable, whole = self.variable(), f"list_concat({left.items()}, {right.items()})"
        items = f"list_filter({whole}, lambda x, i: list_position({whole}, x) = i)"
        return Value(variable, left.type, loop=Loop(items if right.type else left.items(), variable))


def _plainer(sql: str) -> str:
    """Drop parentheses around plain names."""
    return re.sub(r"(?<!\w)\(([\w.]+)\)", r"\1", sql)


def _renamed(sql: str, variable: str, by: str) -> str:
    """Put SQL in the place of a variable, outside of strings."""
    found = re.compile(rf"'(?:[^']|'')*'|\b{variable}\b")
    return found.sub(lambda match: match[0] if match[0].startswith("'") else by, sql)
