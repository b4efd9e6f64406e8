# ruff: noqa: S608 - SQL is built from checked views; every text in it is quoted
"""A ViewDefinition as DuckDB SQL.

::

    query = compile_view(load_view(Path("ViewDefinition-patients.json")))
    print(query.script("Patient.ndjson"))

The lines are read as JSON text, decimals are put in quotes so that every digit stays, and
``from_json`` gives typed columns for just the elements that the view reads. Then come the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from fhir_blina.errors import ViewError
from fhir_blina.fhirpath import Constant
from fhir_blina.views.definition import INTEGERS, Column, Select, View
from fhir_blina.views.sql.macros import create_macros
from fhir_blina.views.sql.paths import Paths
from fhir_blina.views.sql.reading import Repeat, indented, read_sql, repeat_steps
from fhir_blina.views.sql.shape import Shape, is_known, leaf_type, quoted, text
from fhir_blina.views.sql.values import EMPTY, Focus, Loop, Value, kind_of

_MOST_CROSSED = 6  # each is a lambda in a lambda, which DuckDB takes ever longer to plan


@dataclass
class Query:
    """A compiled view.

    Attributes:
        view: The view.
        shape: What it reads of a resource.
        kinds: FHIR type of each column, as the view or else the path gives it.
        numeric: Whether a column's decimal was calculated.
        columns: SQL of each column, without its name.
        parts: SQL of each list of rows that the resource is joined with.
        where: Conditions.
        repeats: What is walked recursively.
    """

    view: View
    shape: Shape
    kinds: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)

    def short(self) -> bool:
        """Whether decimals are only shown, not compared or counted with."""
        whole = self.sql("")
        return (
            not any(name in whole for name in ("fhir_number(", "fhir_factor(", "fhir_edge("))
            and not self.repeats
        )

    def sql(self, path: str, *, table: str = "", decimals: str = "text") -> str:
        """The query.

        Args:
            path: An NDJSON file of the view's resource type; empty for no resources.
            table: A table that has the typed columns already; then the file is not read.
            decimals: ``text`` keeps every digit, ``exact`` gives DECIMAL(38, 12), ``short`` the same,
                faster, with an error where a number has more than 15 digits.
        """
        read = f"SELECT * FROM {table}"
        if not table:
            keep_json, digits = bool(self.repeats), decimals != "short"
            read = read_sql(self.shape, self.view.resource, path, keep_json=keep_json, digits=digits)
        steps = [f"resource AS (\n{indented(read)}\n)"]
        steps += [step for repeat in self.repeats for step in repeat_steps(repeat)]
        relation = "resource AS r"
        if self.repeats:
            joins = "".join(f"\n  LEFT JOIN {one.name} USING (resource_number)" for one in self.repeats)
            steps.append(f"walked AS (\n  SELECT * FROM resource{joins}\n  ORDER BY resource_number\n)")
            relation = "walked AS r"
        where = ("\nWHERE " + "\n  AND ".join(self.where)) if self.where else ""
        if len(self.parts) > 1:
            sizes = ", ".join(f"len({part})" for part in self.parts)
            where += f"{' AND' if where else chr(10) + 'WHERE'} fhir_bounded([{sizes}])"
        for place, part in enumerate(self.parts, start=1):
            body = f"SELECT r.*, unnest({part}) AS part_{place}\nFROM {relation}{where}"
            steps.append(f"rows_{place} AS (\n{indented(body)}\n)")
            relation, where = f"rows_{place} AS r", ""
        names = [quoted(column.name) for column in self.view.columns]
        shown = [
            f"  {_decimal_sql(sql, column, decimals) if kind == 'decimal' else sql} AS {name}"
            for sql, name, column, kind in zip(
                self.columns, names, self.view.columns, self.kinds, strict=True
            )
        ]
        head = "WITH RECURSIVE " if self.repeats else "WITH "
        return f"{head}{', '.join(steps)}\nSELECT\n" + ",\n".join(shown) + f"\nFROM {relation}{where}"

    def script(self, path: str) -> str:
        """The query over a file with the macros that it calls: runs in any DuckDB."""
        query = self.sql(path)
        title = f"-- {self.view.name}: {self.view.description}".rstrip(": ")
        return "\n".join([title, *(f"{macro};" for macro in create_macros(query)), f"{query};"])


def _decimal_sql(sql: str, column: Column, decimals: str) -> str:
    if decimals == "text":
        return sql
    macro = "fhir_decimal" if decimals == "exact" else "fhir_short_decimal"
    return f"list_transform({sql}, lambda v: {macro}(v))" if column.collection else f"{macro}({sql})"


class _Compiler:
    def __init__(self, view: View) -> None:
        if not is_known(view.resource):
            raise ViewError(f"{view.source}: {view.resource} is no resource type of FHIR R4")
        self.view = view
        self.paths = Paths(view.constants, view.source)
        self.shape = Shape(view.resource)
        self.shape.part("resourceType", "code")
        self.shape.part("id", "id")
        self.root = Value("r", view.resource, self.shape)
        self.query = Query(view, self.shape)

    def run(self) -> Query:
        focus = Focus(self.root, self.root)
        for condition in self.view.where:
            value = self.paths.compile(condition.tree, focus)
            if value.type not in {"boolean", ""}:
                value = self.paths.known(value)
            if value.type not in {"boolean", ""}:
                raise ViewError(f'{self.view.source}: where "{condition.text}" does not give true or false')
            self.query.where.append(self.paths.truth(value))
        for part in _inline(self.view.select):
            if isinstance(part, Column):
                sql, kind = self.column(part, focus)
                self.query.columns.append(sql)
                self.query.kinds.append(kind)
            else:
                kinds: dict[str, str] = {}
                self.query.parts.append(self.rows(part, focus, kinds))
                name = f"part_{len(self.query.parts)}"
                for column in part.all_columns():
                    self.query.columns.append(f"r.{name}.{quoted(column.name)}")
                    self.query.kinds.append(kinds.get(column.name, column.type or "string"))
        return self.query

    def column(self, column: Column, focus: Focus) -> tuple[str, str]:
        """SQL of a column, cast to its type, and that FHIR type."""
        value = self.paths.known(self.paths.compile(column.path.tree, focus))
        what = f'column "{column.name}": "{column.path.text}"'
        kind = column.type or value.type or "string"
        if value.type:
            if kind_of(value) == "element":
                raise ViewError(f"{self.view.source}: {what} gives an element, not a value")
            fits = kind_of(value) == kind_of(replace(EMPTY, type=kind))
            if not fits or (kind in INTEGERS and value.type not in INTEGERS):
                raise ViewError(f"{self.view.source}: {what} is of type {value.type}, not of type {kind}")
        target = leaf_type(kind)
        if column.collection:
            if not value.type:
                return f"CAST([] AS {target}[])", kind
            items = f"list_filter({value.items()}, lambda v: v IS NOT NULL)"
            return f"coalesce({self.cast(items, value, kind, many=True)}, [])", kind
        if not value.type:
            return f"CAST(NULL AS {target})", kind
        if value.loop is None:
            return self.cast(value.single(), value, kind), kind
        message = f"{text('view: ' + what + ' gives several values in ' + self.view.resource + '/')} || r.id"
        return self.cast(f"fhir_only({self.paths.with_values(value).items()}, {message})", value, kind), kind

    def cast(self, sql: str, value: Value, kind: str, *, many: bool = False) -> str:
        if kind == "decimal" and (value.numeric or value.type in INTEGERS):
            if value.type in INTEGERS:
                return f"CAST({sql} AS VARCHAR{'[]' * many})"
            return f"list_transform({sql}, lambda v: fhir_digits(v))" if many else f"fhir_digits({sql})"
        return f"CAST({sql} AS BIGINT{'[]' * many})" if kind in INTEGERS and value.shape is None else sql

    def rows(self, select: Select, focus: Focus, kinds: dict[str, str]) -> str:
        """SQL of a list of structs, the rows of one level."""
        if not select.kind:
            return self.combined(select, focus, kinds)
        items = self.repeated(select, focus) if select.kind == "repeat" else self.each(select, focus)
        if items is None:
            item = EMPTY
            self.combined(select, replace(focus, this=item), kinds)
            listed = "[]"
        else:
            index = f"i{items.loop.variable[1:]}" if items.loop else "0"
            variable = items.loop.variable if items.loop else "r"
            item = replace(items, sql=variable, loop=None, guards=(), parent=None)
            if items.loop is None:
                inner = self.combined(select, Focus(items, focus.resource, "0"), kinds)
                listed = f"CASE WHEN {self.paths.present(items)} THEN {inner} ELSE [] END"
            else:
                inner = self.combined(select, Focus(item, focus.resource, f"({index} - 1)"), kinds)
                own = items.items()
                plain = all(isinstance(part, Column) for part in _inline(replace(select, kind="")))
                listed = (
                    f"list_transform({own}, lambda {variable}, {index}: {inner[1:-1]})"
                    if plain
                    else f"flatten(list_transform({own}, lambda {variable}, {index}: {inner}))"
                )
        if select.kind != "forEachOrNull":
            return listed
        blank = ", ".join(self.blank(column, kinds) for column in select.all_columns())
        if items is None:
            return f"[{{{blank}}}]"
        there = f"len({items.loop.filtered()}) > 0" if items.loop else self.paths.present(items)
        return f"CASE WHEN {there} THEN {listed} ELSE [{{{blank}}}] END"

    def blank(self, column: Column, kinds: dict[str, str]) -> str:
        target = leaf_type(kinds[column.name])
        value = f"CAST(NULL AS {target})" if not column.collection else f"CAST([] AS {target}[])"
        if column.path.tree == Constant("rowIndex"):
            value = "CAST(0 AS BIGINT)"
        return f"{text(column.name)}: {value}"

    def each(self, select: Select, focus: Focus) -> Value | None:
        value = self.paths.known(self.paths.compile(select.each[0].tree, focus))
        return self.paths.with_values(value) if value.type else None

    def combined(self, select: Select, focus: Focus, kinds: dict[str, str]) -> str:
        fields: list[str] = []
        lists: list[tuple[tuple[Column, ...], str]] = []
        for part in _inline(replace(select, kind="")):
            if isinstance(part, Column):
                sql, kind = self.column(part, focus)
                kinds[part.name] = kind
                fields.append(f"{text(part.name)}: {sql}")
            elif part.kind or part.selects:
                lists.append((part.all_columns(), self.rows(part, focus, kinds)))
            else:
                branches = [self.rows(below, focus, kinds) for below in part.unions]
                joined = branches[0] if len(branches) == 1 else f"list_concat({', '.join(branches)})"
                lists.append((part.unions[0].all_columns(), joined))
        names = [self.paths.variable() for _ in lists]
        for name, (columns, _) in zip(names, lists, strict=True):
            fields += [f"{text(column.name)}: {name}.{quoted(column.name)}" for column in columns]
        if len(lists) > _MOST_CROSSED:
            raise self.paths.refuse(f"more than {_MOST_CROSSED} crossed levels below another")
        sizes = ", ".join(f"len({rows})" for _, rows in lists)
        sql = "{" + ", ".join(fields) + "}"
        for depth, (name, (_, rows)) in enumerate(zip(reversed(names), reversed(lists), strict=True)):
            sql = f"list_transform({rows}, lambda {name}: {sql})"
            if depth:
                sql = f"flatten({sql})"
        if len(lists) > 1:
            return f"CASE WHEN fhir_bounded([{sizes}]) THEN {sql} END"
        return sql if lists else f"[{sql}]"

    def repeated(self, select: Select, focus: Focus) -> Value | None:
        if focus.this is not self.root:
            raise self.paths.refuse("repeat below forEach or repeat")

        def children(shape: Shape) -> tuple[str, set[str]]:
            start = Value("r", shape.type, shape)
            found = [
                self.paths.known(self.paths.compile(each.tree, Focus(start, start))) for each in select.each
            ]
            found = [one for one in found if one.type]
            if any(one.shape is None or one.shape.parts for one in found):
                raise self.paths.refuse("repeat over a calculated path")
            lists = [f"coalesce({one.items()}, [])" for one in found]
            sql = lists[0] if len(lists) == 1 else f"list_concat({', '.join(lists)})" if lists else "[]"
            return sql, {one.type for one in found}

        first = Shape(self.view.resource)
        first_sql, types = children(first)
        if not types:
            return None
        if len(types) > 1:
            raise self.paths.refuse("repeat over elements of unlike types")
        below = Shape(types.pop())
        below_sql, others = children(below)
        if others - {below.type}:
            raise self.paths.refuse("repeat over elements of unlike types")
        node = Shape(below.type)
        node.part("id", "string")
        name = f"repeat_{len(self.query.repeats) + 1}"
        self.query.repeats.append(Repeat(name, first, first_sql, below, below_sql, node))
        variable = self.paths.variable()
        return Value(variable, node.type, node, Loop(f"r.{name}", variable))


def _inline(select: Select) -> Iterator[Column | Select]:
    """Columns that every row of the resource has, and the levels that make rows."""
    if select.kind:
        yield select
        return
    yield from select.columns
    for below in select.selects:
        yield from _inline(below)
    if select.unions:
        yield Select("", (), (), (), select.unions)


def compile_view(view: View) -> Query:
    """Compile a view to SQL.

    Raises:
        ViewError: a path that SQL cannot answer as FHIRPath does; nothing is answered otherwise.
    """
    return _Compiler(view).run()
