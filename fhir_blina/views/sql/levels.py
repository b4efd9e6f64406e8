"""Columns and levels of rows of a view as trees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fhir_blina.errors import ViewError
from fhir_blina.fhirpath import Constant
from fhir_blina.views.definition import INTEGERS, Column, Select, View
from fhir_blina.views.sql import tree
from fhir_blina.views.sql.paths import Paths
from fhir_blina.views.sql.plan import Repeat
from fhir_blina.views.sql.shape import Shape, leaf_type
from fhir_blina.views.sql.tree import Sql
from fhir_blina.views.sql.values import EMPTY, Focus, Loop, Value, kind_of, kind_of_type

_MOST_CROSSED = 6  # each is a lambda in a lambda, which DuckDB takes ever longer to plan


class Levels:
    """Compiles the columns and the levels of rows of one view.

    Attributes:
        kinds: FHIR type of each column below a level that makes rows, once it is compiled.
        repeats: What is walked recursively.
    """

    def __init__(self, view: View, paths: Paths, root: Value) -> None:
        self.view = view
        self.paths = paths
        self.root = root
        self.kinds: dict[str, str] = {}
        self.repeats: list[Repeat] = []

    def column(self, column: Column, focus: Focus) -> tuple[Sql, str]:
        """A column, cast to its type, and that FHIR type.

        Raises:
            ViewError: the path gives an element, or values of another type.
        """
        value = self.paths.known(self.paths.compile(column.path.tree, focus))
        what = f'column "{column.name}": "{column.path.text}"'
        kind = column.type or value.type or "string"
        if value.type:
            if kind_of(value) == "element":
                raise ViewError(f"{self.view.source}: {what} gives an element, not a value")
            fits = kind_of(value) == kind_of_type(kind)
            if not fits or (kind in INTEGERS and value.type not in INTEGERS):
                raise ViewError(f"{self.view.source}: {what} is of type {value.type}, not of type {kind}")
        if column.collection:
            if not value.type:
                return tree.cast(tree.array(), leaf_type(kind), many=True), kind
            items = tree.kept(value.items(), "v", tree.is_there(tree.variable("v")))
            return tree.coalesce(_cast(items, value, kind, many=True), tree.array()), kind
        if not value.type:
            return tree.cast(tree.null(), leaf_type(kind)), kind
        if value.loop is None:
            return _cast(value.single(), value, kind), kind
        told = tree.text(f"{what} gives several values in {self.view.resource}/")
        resource_id = tree.below(self.root.sql, "id")
        one = tree.the_one(self.paths.with_values(value).items(), tree.binary("||", told, resource_id))
        return _cast(one, value, kind), kind

    def rows(self, select: Select, focus: Focus) -> Sql:
        """A list of structs, the rows of one level."""
        if not select.kind:
            return self._combined(select, focus)
        items = self._repeated(select, focus) if select.kind == "repeat" else self._each(select, focus)
        listed = self._listed(select, focus, items)
        if select.kind != "forEachOrNull":
            return listed
        blank = tree.array(tree.struct([self._blank(column) for column in select.all_columns()]))
        if items is None:
            return blank
        there = (
            tree.binary(">", tree.size(items.loop.filtered()), tree.integer(0))
            if items.loop
            else self.paths.present(items)
        )
        return tree.case((there, listed), otherwise=blank)

    def _listed(self, select: Select, focus: Focus, items: Value | None) -> Sql:
        if items is None:
            self._combined(select, replace(focus, this=EMPTY))
            return tree.array()
        if items.loop is None:
            inner = self._combined(select, Focus(items, focus.resource))
            return tree.case((self.paths.present(items), inner), otherwise=tree.array())
        variable = items.loop.variable
        index = f"i{variable[1:]}"
        item = replace(items, sql=tree.variable(variable), loop=None, guards=(), parent=None)
        place = tree.binary("-", tree.variable(index), tree.integer(1))
        below = Focus(item, focus.resource, place)
        if all(isinstance(part, Column) for part in inline(replace(select, kind=""))):
            return tree.each(items.items(), variable, self._row(select, below), index)
        return tree.flat(tree.each(items.items(), variable, self._combined(select, below), index))

    def _blank(self, column: Column) -> tuple[str, Sql]:
        target = leaf_type(self.kinds[column.name])
        value = tree.cast(tree.array() if column.collection else tree.null(), target, many=column.collection)
        if column.path.tree == Constant("rowIndex"):
            value = tree.cast(tree.integer(0), "BIGINT")
        return column.name, value

    def _each(self, select: Select, focus: Focus) -> Value | None:
        value = self.paths.known(self.paths.compile(select.each[0].tree, focus))
        return self.paths.with_values(value) if value.type else None

    def _cell(self, column: Column, focus: Focus) -> tuple[str, Sql]:
        sql, self.kinds[column.name] = self.column(column, focus)
        return column.name, sql

    def _row(self, select: Select, focus: Focus) -> Sql:
        """The one row of a level that has columns only."""
        parts = inline(replace(select, kind=""))
        return tree.struct([self._cell(part, focus) for part in parts if isinstance(part, Column)])

    def _combined(self, select: Select, focus: Focus) -> Sql:
        """Own columns and the rows of each level below, crossed."""
        fields: list[tuple[str, Sql]] = []
        lists: list[tuple[tuple[Column, ...], Sql]] = []
        for part in inline(replace(select, kind="")):
            if isinstance(part, Column):
                fields.append(self._cell(part, focus))
            elif part.kind or part.selects:
                lists.append((part.all_columns(), self.rows(part, focus)))
            else:
                branches = [self.rows(below, focus) for below in part.unions]
                lists.append((part.unions[0].all_columns(), tree.together(*branches)))
        if len(lists) > _MOST_CROSSED:
            raise self.paths.refuse(f"more than {_MOST_CROSSED} crossed levels below another")
        names = [self.paths.variable() for _ in lists]
        for name, (columns, _) in zip(names, lists, strict=True):
            row = tree.variable(name)
            fields += [(column.name, tree.below(row, column.name)) for column in columns]
        sql = tree.struct(fields)
        for depth, (name, (_, rows)) in enumerate(zip(reversed(names), reversed(lists), strict=True)):
            sql = tree.each(rows, name, sql)
            if depth:
                sql = tree.flat(sql)
        if len(lists) > 1:
            return tree.case((bounded([rows for _, rows in lists]), sql))
        return sql if lists else tree.array(sql)

    def _repeated(self, select: Select, focus: Focus) -> Value | None:
        if focus.this is not self.root:
            raise self.paths.refuse("repeat below forEach or repeat")
        first = Shape(self.view.resource)
        first_sql, types = self._children(select, first)
        if not types:
            return None
        if len(types) > 1:
            raise self.paths.refuse("repeat over elements of unlike types")
        below = Shape(types.pop())
        below_sql, others = self._children(select, below)
        if others - {below.type}:
            raise self.paths.refuse("repeat over elements of unlike types")
        node = Shape(below.type)
        node.part("id", "string")
        name = f"repeat_{len(self.repeats) + 1}"
        self.repeats.append(
            Repeat(name=name, first=first, first_sql=first_sql, below=below, below_sql=below_sql, node=node)
        )
        variable = self.paths.variable()
        nodes = Loop(tree.below(self.root.sql, name), variable)
        return Value(tree.variable(variable), node.type, node, nodes)

    def _children(self, select: Select, shape: Shape) -> tuple[Sql, set[str]]:
        """The elements that the paths of ``repeat`` give, and their types."""
        start = Value(self.root.sql, shape.type, shape)
        found = [self.paths.known(self.paths.compile(one.tree, Focus(start, start))) for one in select.each]
        found = [one for one in found if one.type]
        if any(one.shape is None or one.shape.parts for one in found):
            raise self.paths.refuse("repeat over a calculated path")
        lists = [tree.coalesce(one.items(), tree.array()) for one in found] or [tree.array()]
        return tree.together(*lists), {one.type for one in found}


def _cast(sql: Sql, value: Value, kind: str, *, many: bool = False) -> Sql:
    if value.is_read_integer:
        return _through("fhir_integer", sql, many=many) if kind in INTEGERS else sql
    if value.type in INTEGERS:
        return tree.cast(sql, "VARCHAR" if kind == "decimal" else "BIGINT", many=many)
    return _through("fhir_digits", sql, many=many) if kind == "decimal" and value.numeric else sql


def _through(function: str, sql: Sql, *, many: bool) -> Sql:
    """A function of a value, or of each of a list."""
    return tree.each(sql, "v", tree.call(function, tree.variable("v"))) if many else tree.call(function, sql)


def bounded(lists: list[Sql]) -> Sql:
    """Whether the product of lists is no more than a table."""
    return tree.call("fhir_bounded", tree.array(*map(tree.size, lists)))


def inline(select: Select) -> Iterator[Column | Select]:
    """Columns that every row of the resource has, and the levels that make rows."""
    if select.kind:
        yield select
        return
    yield from select.columns
    for below in select.selects:
        yield from inline(below)
    if select.unions:
        yield Select("", (), (), (), select.unions)
