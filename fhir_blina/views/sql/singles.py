"""Literals, types, truth and number of values, as FHIRPath has them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from fhir_blina.fhirpath import Temporal, plain_type
from fhir_blina.views.faults import Fault
from fhir_blina.views.sql import tree
from fhir_blina.views.sql.shape import is_known, is_primitive
from fhir_blina.views.sql.steps import Steps, chosen
from fhir_blina.views.sql.tree import Sql
from fhir_blina.views.sql.values import EMPTY, Focus, Value, kind_of


class Singles(Steps):
    """What is asked of one value, or of how many there are."""

    def of_type(self, value: Value, operator: str, type_name: str) -> Value:
        """``ofType()``, ``as`` and ``is``."""
        wanted = plain_type(type_name)
        if not is_known(self.release, wanted):
            return EMPTY
        if value.choices:
            return self._choice_of_type(value, operator, wanted)
        if operator != "ofType":
            value = self.one(value)
        if not value.type or value.type == wanted:
            return self._there(value, tree.boolean(True)) if operator == "is" else value
        if value.written:  # a choice, whose name in JSON tells its type
            return self._there(value, tree.boolean(False)) if operator == "is" else EMPTY
        if value.type in {"Resource", "Element"} or operator == "is" or kind_of(value) == "text":
            raise self.refuse(f"{operator} {type_name} of a {value.type}")
        return EMPTY

    def _choice_of_type(self, value: Value, operator: str, wanted: str) -> Value:
        kept = replace(value, choices=tuple(one for one in value.choices if one.type == wanted))
        if operator == "is":
            several = tree.binary(">", self.count(value), tree.integer(1))
            there = self.present(kept) if kept.choices else tree.boolean(False)
            answer = tree.case((several, tree.raised(Fault.SEVERAL)), (self.present(value), there))
            return Value(answer, "boolean")
        if operator == "as" and any(one.loop for one in self._chosen(value)):
            raise self.refuse("as of a list")
        return chosen([self._resolved(one) for one in kept.choices])

    def _there(self, value: Value, answer: Sql) -> Value:
        return Value(tree.case((self.present(value), answer)), "boolean")

    def literal(self, value: Any) -> Value:
        """A constant."""
        if value is None:
            return EMPTY
        if isinstance(value, bool):
            return Value(tree.boolean(value), "boolean")
        if isinstance(value, int):
            if abs(value) >= 2**63:
                raise self.refuse("a whole number of more than 18 digits")
            return Value(tree.integer(value), "integer", whole=value)
        if isinstance(value, Decimal):
            if int(value.as_tuple().exponent) < -18 or abs(value) >= Decimal(10) ** 20:
                raise self.refuse("a number of more than 18 decimals or 20 digits before the point")
            return Value(tree.cast(tree.text(f"{value:f}"), "DECIMAL(38, 18)"), "decimal", numeric=True)
        if isinstance(value, Temporal):
            if value.kind == "time" and len(value.parts) < 2:
                raise self.refuse("a time without minutes")
            return Value(tree.text(value.text), value.kind, written=True)
        return Value(tree.text(str(value)), "string")

    def constant(self, name: str, focus: Focus) -> Value:
        """``%name``."""
        if name == "rowIndex":
            return Value(tree.integer(0) if focus.row_index is None else focus.row_index, "integer")
        if name in {"resource", "rootResource"}:
            return focus.resource
        return focus.this if name == "context" else self.literal(self.constants[name])

    def truth(self, value: Value) -> Sql:
        """A value as true, false or unknown."""
        if value.choices:
            truths = [
                replace(one, sql=self._true(self.item(one)), type="boolean", shape=None, numeric=False)
                for one in self._chosen(value)
            ]
            value = self._merged(truths)
        return self._true(self.one(value))

    def _true(self, value: Value) -> Sql:
        if value.type in {"boolean", ""}:
            return value.single()
        return tree.case((tree.is_there(value.single()), tree.boolean(True)))

    def count(self, value: Value) -> Sql:
        """The number of items; a primitive with only extensions counts."""
        if value.choices:
            first, *rest = (self.count(one) for one in self._chosen(value))
            for one in rest:
                first = tree.binary("+", first, one)
            return first
        if not value.type:
            return tree.integer(0)
        if (loop := self.with_valueless(value).loop) is not None:
            return tree.coalesce(tree.size(loop.filtered()), tree.integer(0))
        return tree.case((self.present(value), tree.integer(1)), otherwise=tree.integer(0))

    def present(self, value: Value) -> Sql:
        """Whether there is anything; a primitive with only extensions counts."""
        if value.choices:
            return tree.either(*(self.present(one) for one in self._chosen(value)))
        if not value.type:
            return tree.boolean(False)
        if (loop := self.with_valueless(value).loop) is not None:
            return tree.is_filled(loop.filtered())
        there = tree.is_there(value.sql)
        if is_primitive(value.type) and tree.is_variable(value.sql):
            there = tree.boolean(True)  # an item of a list, with a value or with extensions only
        elif value.parent is not None and value.shape is not None and is_primitive(value.type):
            above, key = value.parent
            beside = self._below(above, f"_{key}", "Element", many=False)
            there = tree.either(there, tree.is_there(beside.single()))
        if value.guards:
            return tree.coalesce(tree.both(*value.guards, there), tree.boolean(False))
        return there
