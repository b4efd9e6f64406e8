"""Steps, types and single values of FHIRPath as SQL over the typed columns of one resource."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from fhir_blina.errors import ViewError
from fhir_blina.fhirpath import PRIMITIVES, Temporal, plain_type
from fhir_blina.views.sql.shape import element, is_known, quoted, text
from fhir_blina.views.sql.values import EMPTY, Focus, Loop, Value, kind_of, renamed


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
        if (loop := self.with_valueless(value).loop) is not None:
            return f"coalesce(len({loop.filtered()}) > 0, false)"
        sql = value.single()
        if value.type in PRIMITIVES and re.fullmatch(r"x\d+", sql):
            return "true"  # an item of a list, with a value or with extensions only
        if value.parent is not None and value.shape is not None and value.type in PRIMITIVES:
            above, key = value.parent
            beside = self._below(above, f"_{key}", "Element", many=False)
            return f"({sql} IS NOT NULL OR {beside.single()} IS NOT NULL)"
        return f"{sql} IS NOT NULL" if re.fullmatch(r"[\w.\"\[\]]+", sql) else f"({sql}) IS NOT NULL"
