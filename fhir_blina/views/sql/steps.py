"""Steps of FHIRPath over the typed columns of one resource: from one element to the next."""

from __future__ import annotations

from dataclasses import replace

from fhir_blina.fhirpath import MOMENTS
from fhir_blina.views.definition import INTEGERS, View
from fhir_blina.views.faults import NotCompiled
from fhir_blina.views.sql import tree
from fhir_blina.views.sql.shape import CHOICE, element, is_primitive
from fhir_blina.views.sql.tree import Sql
from fhir_blina.views.sql.values import EMPTY, Loop, Value, kind_of, number


class Steps:
    """From one element to the next."""

    def __init__(self, view: View) -> None:
        self.constants = view.constants
        self.value_sets = view.value_sets
        self.source = view.source
        self.release = view.release
        self._variables = 0

    def refuse(self, what: str) -> NotCompiled:
        """A refusal that names the view and the way out."""
        return NotCompiled(self.source, what)

    def variable(self) -> str:
        """A new name for an item of a list."""
        self._variables += 1
        return f"x{self._variables}"

    def step(self, source: Value, name: str) -> Value:
        """``source.name``."""
        if source.choices:
            wanted = [one for one in source.choices if self._has(one.type, name)]
            return chosen([self.step(self._resolved(one), name) for one in wanted])
        if is_primitive(source.type) and name in {"extension", "id"} and source.shape is not None:
            if source.parent is None:
                raise self.refuse(f"{name} of one value of a list")
            above, key = source.parent
            return self.step(self._below(above, f"_{key}", "Element", many=source.shape.many), name)
        found = element(self.release, source.type, name) if source.shape is not None else None
        if found is None:
            return EMPTY
        if found.choice:
            keys = [(f"{name}{kind[0].upper()}{kind[1:]}", kind) for kind in found.types]
            alternatives = tuple(
                Value(tree.null(), kind, parent=(source, key), written=True) for key, kind in keys
            )
            return Value(tree.null(), CHOICE, shape=source.shape, choices=alternatives)
        return self._below(source, name, found.types[0], many=found.many)

    def _below(self, source: Value, key: str, type_name: str, *, many: bool, written: bool = False) -> Value:
        if source.shape is None:
            return EMPTY
        if many and type_name == "decimal":
            raise self.refuse(f"{key}, a list of decimals,")
        shape = source.shape.part(key, type_name, many=many)
        sql = tree.below(source.sql, key)
        made = Value(sql, type_name, shape, parent=(source, key), written=written)
        if source.loop is None:
            if not many:
                return replace(made, guards=source.guards)
            return self._over(made, replace(source, sql=sql).single())
        if not many:
            conditions = (*source.loop.conditions, tree.is_there(sql))
            return replace(made, loop=replace(source.loop, conditions=conditions))
        return self._over(made, tree.flat(tree.each(source.loop.filtered(), source.loop.variable, sql)))

    def _over(self, value: Value, items: Sql) -> Value:
        """The items of a list, each a value like this one."""
        variable = self.variable()
        return replace(value, sql=tree.variable(variable), loop=Loop(items, variable))

    def _has(self, type_name: str, name: str) -> bool:
        """Whether a type has an element; a primitive has an id and extensions."""
        if is_primitive(type_name):
            return name in {"extension", "id"}
        return element(self.release, type_name, name) is not None

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
        numeric = {one.numeric for one in found}
        if len(kinds) > 1 or "element" in kinds or len(moments) > 1 or len(numeric) > 1:
            raise self.refuse("a choice type without ofType()")
        if len(loops) > 1:
            raise self.refuse("lists below a choice type without ofType()")
        kind = types.pop() if len(types) == 1 else "decimal" if kinds == {"number"} else "string"
        kind = next(iter(moments)) or kind
        texts = [_as_kind(one, kind) for one in found]
        loop = found[0].loop
        if loop is not None:
            texts = [
                tree.case((tree.both(*one.loop.conditions), sql))
                for one, sql in zip(found, texts, strict=True)
                if one.loop is not None
            ]
        each = self.variable()
        listed = tree.kept(tree.array(*texts), each, tree.is_there(tree.variable(each)))
        if loop is not None:
            listed = tree.flat(tree.each(loop.base, loop.variable, listed))
        return self._over(Value(EMPTY.sql, kind, written=all(one.written for one in found)), listed)

    def with_valueless(self, value: Value) -> Value:
        """A list of primitives together with those that have extensions and no value.

        They take a place in the list, so that counting and picking must see them.
        """
        if value.loop is None or value.parent is None or not is_primitive(value.type):
            return value
        above, key = value.parent
        there = tree.is_there(value.sql)
        if there not in value.loop.conditions or value.is_item:
            return value
        beside = self._below(replace(above, loop=None), f"_{key}", "Element", many=False)
        either = tree.either(there, tree.is_there(beside.sql))
        conditions = tuple(either if one == there else one for one in value.loop.conditions)
        return replace(value, loop=replace(value.loop, conditions=conditions))

    def with_values(self, value: Value) -> Value:
        """A list of primitives without those that have no value: rows and cells are made of values."""
        there = tree.is_there(value.sql)
        if value.loop is None or not is_primitive(value.type) or there in value.loop.conditions:
            return value
        return replace(value, loop=replace(value.loop, conditions=(*value.loop.conditions, there)))

    def item(self, source: Value) -> Value:
        """One item of a list, as the conditions on it see it."""
        if source.loop is None or source.parent is None:
            return replace(source, loop=None, guards=())
        above, key = source.parent
        parent = None if source.is_item else (replace(above, loop=None), key)
        return replace(source, loop=None, guards=(), parent=parent)

    def one(self, value: Value) -> Value:
        """A single value: several in a list are an error when the query runs."""
        value = self.with_valueless(self.known(value))
        if value.loop is None:
            return value
        return replace(value, sql=tree.the_one(value.items()), loop=None, guards=(), parent=None)

    def at(self, source: Value, place: int) -> Value:
        """One item of a list by its place: the first is 1, the last is -1."""
        if source.choices and not any(one.loop for one in self._chosen(source)):
            return source if place in {1, -1} else EMPTY  # of a choice there is one
        source = self.with_valueless(self.known(source))
        if source.loop is None:
            return source if place in {1, -1} else EMPTY
        sql = tree.replaced(source.sql, source.loop.variable, tree.at(source.loop.filtered(), place))
        parent = source.parent if source.shape is None or not is_primitive(source.type) else None
        if source.parent is not None and not source.is_item and is_primitive(source.type):
            parent = (replace(source.parent[0], sql=tree.above(sql), loop=None), source.parent[1])
        return replace(source, sql=sql, loop=None, parent=parent)


def _as_kind(one: Value, kind: str) -> Sql:
    """One of several alternatives as they all are: decimals as text, whole numbers as numbers."""
    if one.type not in INTEGERS:
        return one.single()
    return tree.cast(number(one), "VARCHAR") if kind == "decimal" else number(one)


def chosen(found: list[Value]) -> Value:
    """Values of which one is there: the only one, or a choice between them."""
    flat = [inner for one in found if one.type for inner in (one.choices or (one,))]
    if len(flat) < 2:
        return flat[0] if flat else EMPTY
    return Value(tree.null(), CHOICE, choices=tuple(flat))
