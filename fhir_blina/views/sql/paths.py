"""FHIRPath to SQL over the typed columns of one resource.

What SQL cannot answer as FHIRPath does is refused here, never answered otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fhir_blina.fhirpath import (
    Binary,
    Call,
    Constant,
    Item,
    Literal,
    Member,
    Node,
    This,
    TypeTest,
    Unary,
    type_argument,
)
from fhir_blina.views.membership import MEMBER_OF, name_asked
from fhir_blina.views.sql import tree
from fhir_blina.views.sql.membership import Membership
from fhir_blina.views.sql.shape import element
from fhir_blina.views.sql.steps import chosen
from fhir_blina.views.sql.tree import Sql
from fhir_blina.views.sql.values import EMPTY, Focus, Value, kind_of, number


class Paths(Membership):
    """Compiles the paths of one view."""

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
            return self.literal(node.value)
        if isinstance(node, Constant):
            return self.constant(node.name, focus)
        if isinstance(node, Call):
            return self._call(node, focus)
        if isinstance(node, Item):
            index = self.compile(node.index, focus)
            if index.whole is None or index.guards:
                raise self.refuse("an index that is no number or constant")
            return self.at(self.compile(node.source, focus), index.whole + 1)
        if isinstance(node, Unary):
            value = self.one(self.compile(node.operand, focus))
            if value.type and kind_of(value) != "number":
                raise self.refuse(f"{node.operator} of what is no number")
            sql = number(value) if node.operator == "+" else tree.negative(number(value))
            return replace(value, sql=sql, numeric=True, guards=(), shape=None, whole=None)
        if isinstance(node, TypeTest):
            return self.of_type(self.compile(node.operand, focus), node.operator, node.type_name)
        if isinstance(node, Binary):
            return self.operate(
                node.operator, self.compile(node.left, focus), self.compile(node.right, focus)
            )
        raise self.refuse("$index")

    def _member(self, node: Member, focus: Focus) -> Value:
        if node.source is not None:
            return self.step(self.compile(node.source, focus), node.name)
        if (
            node.name == focus.this.type
            and node.name[0].isupper()
            and element(self.release, focus.this.type, "id")
        ):
            return focus.this
        return self.step(focus.this, node.name)

    def _call(self, node: Call, focus: Focus) -> Value:
        name, arguments = node.name, node.arguments
        source = focus.this if node.source is None else self.compile(node.source, focus)
        if name in {"ofType", "as", "is"}:
            return self.of_type(source, name, type_argument(node) or "")
        if name == "extension":
            url = self.one(self.compile(arguments[0], focus)).single()
            found = self.step(source, "extension")
            return self._where(found, lambda item: tree.binary("=", self.step(item, "url").sql, url))
        if name in {"where", "exists", "all"} and arguments:

            def condition(item: Value) -> Sql:
                return self.truth(self.compile(arguments[0], replace(focus, this=item)))

            if name == "all":
                kept = self._where(
                    source, lambda item: tree.negated(tree.coalesce(condition(item), tree.boolean(False)))
                )
                return Value(tree.negated(self.present(kept)), "boolean")
            kept = self._where(source, condition)
            return kept if name == "where" else Value(self.present(kept), "boolean")
        if name in {"exists", "empty"}:
            there = self.present(source)
            return Value(there if name == "exists" else tree.negated(there), "boolean")
        if name == "not":
            return Value(tree.negated(self.truth(source)), "boolean")
        if name in {"first", "last", "single"}:
            return self.one(source) if name == "single" else self.at(source, 1 if name == "first" else -1)
        if name == "count":
            return Value(self.count(source), "integer")
        if name == "select":
            return self._select(source, arguments[0], focus)
        if name == "iif":
            inner = focus if node.source is None else replace(focus, this=self.one(source))
            return self.branch([self.compile(one, inner) for one in arguments])
        if name == "getResourceKey":
            return self.step(source, "id") if element(self.release, source.type, "meta") else EMPTY
        if name == MEMBER_OF:
            return self.member_of(source, name_asked(node, self.constants))
        if name == "getReferenceKey":
            return self.reference_key(source, type_argument(node))
        return self.on_value(name, source, [self.compile(one, focus) for one in arguments])

    def _where(self, source: Value, condition: Callable[[Value], Sql]) -> Value:
        if source.choices:
            return chosen([self._where(one, condition) for one in self._chosen(source)])
        if not source.type:
            return EMPTY
        sql = condition(self.item(source))
        if source.loop is None:
            return replace(source, guards=(*source.guards, sql))
        conditions = (*source.loop.conditions, sql)
        return replace(source, loop=replace(source.loop, conditions=conditions))

    def _select(self, source: Value, argument: Node, focus: Focus) -> Value:
        if source.choices:
            return chosen([self._select(one, argument, focus) for one in self._chosen(source)])
        if source.loop is None:
            return self.compile(argument, replace(focus, this=source))
        inner = self.known(self.compile(argument, replace(focus, this=self.item(source))))
        if inner.loop is not None:
            lists = tree.each(source.loop.filtered(), source.loop.variable, inner.items())
            return self._over(replace(inner, parent=None), tree.flat(lists))
        sql = inner.single()
        loop = replace(source.loop, conditions=(*source.loop.conditions, tree.is_there(sql)))
        parent = None if inner.guards else inner.parent
        return replace(inner, sql=sql, guards=(), loop=loop, parent=parent)
