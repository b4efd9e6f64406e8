"""Operators and functions of single values as SQL."""

from __future__ import annotations

from dataclasses import replace

from fhir_blina.fhirpath import MOMENTS, plain_type
from fhir_blina.views.definition import INTEGERS
from fhir_blina.views.sql.shape import text
from fhir_blina.views.sql.steps import Steps
from fhir_blina.views.sql.values import EMPTY, Loop, Value, kind_of, number

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


class Operators(Steps):
    """What takes values and gives a value."""

    def operate(self, operator: str, left: Value, right: Value) -> Value:
        """``left operator right``."""
        if operator in {"and", "or", "xor", "implies"}:
            one, other = self.truth(left), self.truth(right)
            sql = {
                "and": f"({one} AND {other})",
                "or": f"({one} OR {other})",
                "xor": f"({one} <> {other})",
                "implies": f"((NOT {one}) OR {other})",
            }[operator]
            return Value(sql, "boolean")
        left, right = self.known(left), self.known(right)
        if operator in {"=", "!="}:
            sql = self._equal(left, right)
            return Value(f"({sql})" if operator == "=" else f"(NOT ({sql}))", "boolean")
        if operator == "|":
            return self._union(left, right)
        if operator in {"in", "contains"}:
            whole, part = (right, left) if operator == "in" else (left, right)
            return self._contains(whole, self.one(part))
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

    def _contains(self, whole: Value, part: Value) -> Value:
        if "element" in {kind_of(one) for one in (whole, part) if one.type}:
            raise self.refuse("in or contains of elements")
        if not part.type:
            return Value("CAST(NULL AS BOOLEAN)", "boolean")
        found = "false"
        if whole.type and kind_of(whole) == kind_of(part):
            name = self.variable()
            item = replace(whole, sql=name, loop=None, guards=(), parent=None)
            same = self._equal(item, part)
            found = f"coalesce(len(list_filter({whole.items()}, lambda {name}: {same})) > 0, false)"
        return Value(f"CASE WHEN {part.single()} IS NOT NULL THEN {found} END", "boolean")

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
        variable, lists = self.variable(), [self.with_valueless(one).items() for one in (left, right)]
        whole = f"list_concat({lists[0]}, {lists[1]})"
        items = f"list_filter({whole}, lambda x, i: x IS NULL OR list_position({whole}, x) = i)"
        return Value(variable, left.type, loop=Loop(items if right.type else lists[0], variable))

    def branch(self, arguments: list[Value]) -> Value:
        """``iif()``."""
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

    def reference_key(self, source: Value, type_name: str | None) -> Value:
        """``getReferenceKey()``."""
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

    def on_value(self, name: str, source: Value, arguments: list[Value]) -> Value:
        """A function whose arguments are values."""
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
