"""Steps, types and single values of FHIRPath as SQL over the typed columns of one resource."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from fhir_blina.errors import ViewError
from fhir_blina.fhirpath import MOMENTS, PRIMITIVES, Temporal, plain_type
from fhir_blina.views.definition import INTEGERS
from fhir_blina.views.sql.shape import element, is_known, quoted, text
from fhir_blina.views.sql.values import EMPTY, Focus, Loop, Value, enclosed, kind_of, renamed


class Steps:
    """From one element to the next."""

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

    def step(self, source: Value, name: str) -> Value:
        """``source.name``."""
        if source.choices:
            wanted = [one for one in source.choices if _has(one.type, name)]
            return chosen([self.step(self._resolved(one), name) for one in wanted])
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
        if one.parent is None or one.shape is not None:
            return one
        source, key = one.parent
        return self._below(source, key, one.type, many=False, written=True)

    def known(self, value: Value) -> Value:
        """A value whose type is settled; a choice of types that no one type can hold is refused."""
        if not value.choices:
            return value
        found = self._chosen(value)
        return found[0] if len(found) == 1 else self._merged(found)

    def _merged(self, found: list[Value]) -> Value:
        """Alternatives of one kind as one list: of each item, what is there."""
        types = {one.type for one in found}
        kinds = {kind_of(one) for one in found}
        moments = {MOMENTS.get(one) for one in types}
        loops = {(one.loop.base, one.loop.variable) if one.loop else None for one in found}
        if (
            len(kinds) > 1
            or "element" in kinds
            or len(moments) > 1
            or len({one.numeric for one in found}) > 1
        ):
            raise self.refuse("a choice type without ofType()")
        if len(loops) > 1:
            raise self.refuse("lists below a choice type without ofType()")
        kind = types.pop() if len(types) == 1 else "decimal" if kinds == {"number"} else "string"
        kind = next(iter(moments)) or kind
        texts = [
            f"CAST({one.single()} AS VARCHAR)" if kind == "decimal" and one.type in INTEGERS else one.single()
            for one in found
        ]
        variable, each = self.variable(), self.variable()
        (loop,) = {one.loop for one in found} if loops == {None} else {found[0].loop}
        if loop is not None:
            texts = [
                f"CASE WHEN {' AND '.join(one.loop.conditions)} THEN {sql} END"
                for one, sql in zip(found, texts, strict=True)
                if one.loop is not None
            ]
        listed = f"list_filter([{', '.join(texts)}], lambda {each}: {each} IS NOT NULL)"
        if loop is not None:
            listed = f"flatten(list_transform({loop.base}, lambda {loop.variable}: {listed}))"
        written = all(one.written for one in found)
        return Value(variable, kind, loop=Loop(listed, variable), written=written)

    def with_valueless(self, value: Value) -> Value:
        """A list of primitives together with those that have extensions and no value.

        They take a place in the list, so that counting and picking must see them.
        """
        if value.loop is None or value.parent is None or value.type not in PRIMITIVES:
            return value
        above, key = value.parent
        there = f"{value.sql} IS NOT NULL"
        if there not in value.loop.conditions or value.sql == value.loop.variable:
            return value
        beside = self._below(replace(above, loop=None), f"_{key}", "Element", many=False)
        either = f"({there} OR {beside.sql} IS NOT NULL)"
        conditions = tuple(either if one == there else one for one in value.loop.conditions)
        return replace(value, loop=replace(value.loop, conditions=conditions))

    def with_values(self, value: Value) -> Value:
        """A list of primitives without those that have no value: rows and cells are made of values."""
        there = f"{value.sql} IS NOT NULL"
        if value.loop is None or value.type not in PRIMITIVES or there in value.loop.conditions:
            return value
        return replace(value, loop=replace(value.loop, conditions=(*value.loop.conditions, there)))

    def item(self, source: Value) -> Value:
        """One item of a list, as the conditions on it see it."""
        if source.loop is None or source.parent is None:
            return replace(source, loop=None, guards=())
        above, key = source.parent
        parent = None if source.sql == source.loop.variable else (replace(above, loop=None), key)
        return replace(source, loop=None, guards=(), parent=parent)

    def one(self, value: Value) -> Value:
        """A single value: several in a list are an error when the query runs."""
        value = self.with_valueless(self.known(value))
        if value.loop is None:
            return value
        sql = f"fhir_only({value.items()}, 'view: one value is needed and there are several')"
        return replace(value, sql=sql, loop=None, guards=(), parent=None)

    def _item(self, source: Value, index: Value) -> Value:
        if not re.fullmatch(r"-?\d+", index.sql):
            raise self.refuse("an index that is no number or constant")
        return self._at(source, int(index.sql) + 1)

    def _at(self, source: Value, place: int) -> Value:
        if source.choices and not any(one.loop for one in self._chosen(source)):
            return source if place in {1, -1} else EMPTY  # of a choice there is one
        source = self.with_valueless(self.known(source))
        if source.loop is None:
            return source if place in {1, -1} else EMPTY
        item = f"{source.loop.filtered()}[{place}]"
        sql = renamed(source.sql, source.loop.variable, item)
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
            kept = replace(value, choices=tuple(one for one in value.choices if one.type in fitting))
            if operator == "ofType":
                return chosen([self._resolved(one) for one in kept.choices])
            there = self.present(kept) if kept.choices else "false"
            several = f"{self.count(value)} > 1"
            if operator == "is":
                return Value(
                    f"CASE WHEN {several} THEN {_SEVERAL} WHEN {self.present(value)} THEN {there} END",
                    "boolean",
                )
            if any(one.loop for one in self._chosen(value)):
                raise self.refuse("as of a list")
            return chosen([self._resolved(one) for one in kept.choices])
        if operator != "ofType":
            value = self.one(value)
        if not value.type or value.type in fitting:
            return (
                value
                if operator != "is"
                else Value(f"CASE WHEN {self.present(value)} THEN true END", "boolean")
            )
        if value.written:  # a choice, whose name in JSON tells its type
            return (
                Value(f"CASE WHEN {self.present(value)} THEN false END", "boolean")
                if operator == "is"
                else EMPTY
            )
        if value.type in {"Resource", "Element"} or operator == "is" or kind_of(value) == "text":
            raise self.refuse(f"{operator} {type_name} of a {value.type}")
        return EMPTY

    def _literal(self, value: Any) -> Value:
        if value is None:
            return EMPTY
        if isinstance(value, bool):
            return Value(str(value).lower(), "boolean")
        if isinstance(value, int):
            if abs(value) >= 2**63:
                raise self.refuse("a whole number of more than 18 digits")
            return Value(str(value), "integer")
        if isinstance(value, Decimal):
            if int(value.as_tuple().exponent) < -18 or abs(value) >= Decimal(10) ** 20:
                raise self.refuse("a number of more than 18 decimals or 20 digits before the point")
            return Value(f"CAST('{value:f}' AS DECIMAL(38, 18))", "decimal", numeric=True)
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
        """SQL of a value as true, false or unknown, to be put between operators."""
        if value.choices:
            found = [self.item(one) for one in self._chosen(value)]
            truths = [
                replace(one, sql=self._true(inner), type="boolean", guards=(), shape=None, numeric=False)
                for one, inner in zip(self._chosen(value), found, strict=True)
            ]
            value = self._merged(truths)
        return enclosed(self._true(self.one(value)))

    def _true(self, value: Value) -> str:
        if value.type in {"boolean", ""}:
            return value.single()
        return f"CASE WHEN {value.single()} IS NOT NULL THEN true END"

    def count(self, value: Value) -> str:
        """SQL of the number of items; a primitive with only extensions counts."""
        if value.choices:
            return enclosed(" + ".join(self.count(one) for one in self._chosen(value)))
        if not value.type:
            return "0"
        if (loop := self.with_valueless(value).loop) is not None:
            return f"coalesce(len({loop.filtered()}), 0)"
        return f"CASE WHEN {self.present(value)} THEN 1 ELSE 0 END"

    def present(self, value: Value) -> str:
        """SQL of whether there is anything; a primitive with only extensions counts."""
        if value.choices:
            return enclosed(" OR ".join(self.present(one) for one in self._chosen(value)))
        if not value.type:
            return "false"
        if (loop := self.with_valueless(value).loop) is not None:
            return f"coalesce(len({loop.filtered()}) > 0, false)"
        there = f"{enclosed(value.sql)} IS NOT NULL"
        if value.type in PRIMITIVES and re.fullmatch(r"x\d+", value.sql):
            there = "true"  # an item of a list, with a value or with extensions only
        elif value.parent is not None and value.shape is not None and value.type in PRIMITIVES:
            above, key = value.parent
            beside = self._below(above, f"_{key}", "Element", many=False)
            there = f"({there} OR {beside.single()} IS NOT NULL)"
        if value.guards:
            return f"coalesce({' AND '.join([*value.guards, there])}, false)"
        return enclosed(there)


_SEVERAL = "error('view: one value is needed and there are several')"


def _has(type_name: str, name: str) -> bool:
    """Whether a type has an element; a primitive has an id and extensions."""
    if type_name in PRIMITIVES:
        return name in {"extension", "id"}
    return element(type_name, name) is not None


def chosen(found: list[Value]) -> Value:
    """Values of which one is there: the only one, or a choice between them."""
    flat = [inner for one in found if one.type for inner in (one.choices or (one,))]
    if len(flat) < 2:
        return flat[0] if flat else EMPTY
    return Value("", "choice", choices=tuple(flat))
