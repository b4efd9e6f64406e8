"""Operators and functions of single values as SQL."""

from __future__ import annotations

from dataclasses import replace

from fhir_blina.fhirpath import MOMENTS, plain_type
from fhir_blina.views.definition import INTEGERS
from fhir_blina.views.sql import tree
from fhir_blina.views.sql.singles import Singles
from fhir_blina.views.sql.tree import Sql
from fhir_blina.views.sql.values import EMPTY, Loop, Value, kind_of, kind_of_type, number

_TRUTHS = frozenset({"and", "or", "xor", "implies"})
_COMPARISONS = frozenset({"<", "<=", ">", ">="})
_TEXT_FUNCTIONS = {
    "startsWith": "boolean",
    "endsWith": "boolean",
    "contains": "boolean",
    "lower": "string",
    "upper": "string",
    "length": "integer",
}
_EDGES = {"date": "date", "dateTime": "moment", "instant": "moment", "time": "time"}
_UNKNOWN = tree.cast(tree.null(), "BOOLEAN")


class Operators(Singles):
    """What takes values and gives a value."""

    digits_matter = False  # whether an answer depends on how a number is written, 14.00 or 14

    def operate(self, operator: str, left: Value, right: Value) -> Value:
        """``left operator right``."""
        if operator in _TRUTHS:
            return Value(_of_truths(operator, self.truth(left), self.truth(right)), "boolean")
        left, right = self.known(left), self.known(right)
        if operator in {"=", "!="}:
            sql = self._equal(left, right)
            return Value(sql if operator == "=" else tree.negated(sql), "boolean")
        if operator == "|":
            return self._union(left, right)
        if operator in {"in", "contains"}:
            whole, part = (right, left) if operator == "in" else (left, right)
            return self._contains(whole, self.one(part))
        left, right = self.one(left), self.one(right)
        if operator in _COMPARISONS:
            return Value(self._ordered(operator, left, right), "boolean")
        return self._calculate(operator, left, right)

    def _equal(self, left: Value, right: Value) -> Sql:
        if not left.type or not right.type:
            return _UNKNOWN
        kinds = {kind_of(left), kind_of(right)}
        if "element" in kinds or (len(kinds) > 1 and (left.loop or right.loop)):
            raise self.refuse("= between elements or lists of unlike types")
        if left.loop is not None and right.loop is not None:
            raise self.refuse("= between two lists")
        if left.loop is not None or right.loop is not None:
            many, single = (left, right) if left.loop is not None else (right, left)
            name = self.variable()
            first = replace(many, sql=tree.at(tree.variable(name), 1), loop=None, guards=())
            length = tree.size(tree.variable(name))
            several = tree.case((tree.is_there(single.single()), tree.boolean(False)))
            same = tree.case(
                (tree.binary("=", tree.coalesce(length, tree.integer(0)), tree.integer(0)), tree.null()),
                (tree.binary(">", length, tree.integer(1)), several),
                otherwise=self._equal(first, single),
            )
            return tree.at(tree.each(tree.array(many.items()), name, same), 1)  # worked out once
        if len(kinds) > 1:
            there = tree.both(tree.is_there(left.single()), tree.is_there(right.single()))
            return tree.case((there, tree.boolean(False)))
        moments = left.type in MOMENTS or right.type in MOMENTS
        if moments and any(one.written and one.type in MOMENTS for one in (left, right)):
            return tree.binary("=", _order(left, right), tree.integer(0))
        if kinds == {"number"}:
            return tree.binary("=", number(left), number(right))
        return tree.binary("=", left.single(), right.single())

    def _contains(self, whole: Value, part: Value) -> Value:
        if "element" in {kind_of(one) for one in (whole, part) if one.type}:
            raise self.refuse("in or contains of elements")
        if not part.type:
            return Value(_UNKNOWN, "boolean")
        found = tree.boolean(False)
        if whole.type and kind_of(whole) == kind_of(part):
            name = self.variable()
            item = replace(whole, sql=tree.variable(name), loop=None, guards=(), parent=None)
            found = tree.is_filled(tree.kept(whole.items(), name, self._equal(item, part)))
        return Value(tree.case((tree.is_there(part.single()), found)), "boolean")

    def _ordered(self, operator: str, left: Value, right: Value) -> Sql:
        if not left.type or not right.type:
            return _UNKNOWN
        kinds = {kind_of(left), kind_of(right)}
        if kinds == {"number"}:
            return tree.binary(operator, number(left), number(right))
        if kinds != {"text"}:
            raise self.refuse(f"{operator} of what are not two numbers, strings or dates")
        if left.type in MOMENTS or right.type in MOMENTS:
            return tree.binary(operator, _order(left, right), tree.integer(0))
        return tree.binary(operator, left.single(), right.single())

    def _calculate(self, operator: str, left: Value, right: Value) -> Value:
        kinds = {kind_of(one) for one in (left, right) if one.type}
        if operator == "&" and kinds <= {"text"}:
            parts = [tree.coalesce(one.single(), tree.text("")) for one in (left, right)]
            return Value(tree.binary("||", *parts), "string")
        if not left.type or not right.type:
            return EMPTY
        if operator == "+" and kinds == {"text"}:
            return Value(tree.binary("||", left.single(), right.single()), "string")
        if kinds != {"number"} or operator not in {"+", "-", "*", "/"}:
            raise self.refuse(f"{operator} of these operands")
        factors = [number(one, factor=True) for one in (left, right)]
        if operator == "/":
            return Value(tree.call("fhir_quotient", *factors), "decimal", numeric=True)
        if left.type in INTEGERS and right.type in INTEGERS:
            return Value(tree.binary(operator, number(left), number(right)), "integer")
        return Value(tree.binary(operator, *factors), "decimal", numeric=True)

    def _union(self, left: Value, right: Value) -> Value:
        if not left.type or not right.type:
            left, right = (left, right) if left.type else (right, left)
            if not left.type or left.loop is None:
                return left
        if {kind_of(one) for one in (left, right) if one.type} != {"text"}:
            raise self.refuse("| of what are not strings")
        items, *rest = (self.with_valueless(one).items() for one in (left, right) if one.type)
        if rest:
            items = tree.call("fhir_distinct", tree.together(items, *rest))
        variable = self.variable()
        return Value(tree.variable(variable), left.type, loop=Loop(items, variable))

    def branch(self, arguments: list[Value]) -> Value:
        """``iif()``."""
        branches = [self.known(one) for one in arguments[1:]]
        types = {one.type for one in branches if one.type}
        if len({kind_of_type(one) for one in types}) > 1 or any(one.loop for one in branches):
            raise self.refuse("iif() whose results are lists or of unlike types")
        if "decimal" in types and (len(types) > 1 or len({one.numeric for one in branches if one.type}) > 1):
            raise self.refuse("iif() whose results are numbers of unlike types")
        results = [number(one) if one.type in INTEGERS else one.single() for one in branches]
        rest = results[1] if len(branches) > 1 and branches[1].type else None
        model = next((one for one in branches if one.type), EMPTY)
        sql = tree.case((self.truth(arguments[0]), results[0]), otherwise=rest)
        return Value(sql, model.type, numeric=model.numeric, written=model.written)

    def reference_key(self, source: Value, type_name: str | None) -> Value:
        """``getReferenceKey()``."""
        if source.type and source.type != "Reference":
            return EMPTY
        found = self.step(source, "reference")
        if not found.type:
            return EMPTY
        if type_name:
            key = tree.call("fhir_key", found.sql, tree.text(plain_type(type_name)))
        else:
            key = tree.call("fhir_any_key", found.sql)
        if found.loop is None:
            return replace(found, sql=key, type="id", parent=None, shape=None)
        loop = replace(found.loop, conditions=(*found.loop.conditions, tree.is_there(key)))
        return Value(key, "id", loop=loop)

    def on_value(self, name: str, source: Value, arguments: list[Value]) -> Value:
        """A function whose arguments are values."""
        if name == "join":
            mark = self.one(arguments[0]).single() if arguments else tree.text("")
            source = self.known(source)
            if source.type and kind_of(source) != "text":
                raise self.refuse("join() of what is no string")
            joined = source.single() if source.loop is None else tree.joined(source.items(), mark)
            return Value(tree.coalesce(joined, tree.text("")), "string")
        if name in {"lowBoundary", "highBoundary"}:
            return self._boundary(name, self.one(source))
        if name in _TEXT_FUNCTIONS:
            values = [self.one(one) for one in (source, *arguments)]
            if any(one.type and kind_of(one) != "text" for one in values):
                raise self.refuse(f"{name}() of what is no string")
            return Value(tree.of_text(name, *(one.single() for one in values)), _TEXT_FUNCTIONS[name])
        raise self.refuse(f"{name}()")

    def _boundary(self, name: str, value: Value) -> Value:
        side = "low" if name == "lowBoundary" else "high"
        if not value.type:
            return EMPTY
        if value.type == "decimal" and not value.numeric:
            self.digits_matter = True
            edge = tree.call("fhir_edge", value.single(), tree.integer(-1 if side == "low" else 1))
            return Value(edge, "decimal", numeric=True)
        if value.type in _EDGES:
            edge = tree.call(f"fhir_{side}_{_EDGES[value.type]}", value.single())
            return Value(edge, value.type, written=True)
        raise self.refuse(f"{name}() of a {value.type}")


def _order(left: Value, right: Value) -> Sql:
    return tree.call("fhir_order", left.single(), right.single())


def _of_truths(operator: str, one: Sql, other: Sql) -> Sql:
    if operator == "and":
        return tree.both(one, other)
    if operator == "xor":
        return tree.binary("<>", one, other)
    return tree.either(one if operator == "or" else tree.negated(one), other)
