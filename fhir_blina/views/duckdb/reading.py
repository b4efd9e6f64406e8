"""Trees of DuckDB that make typed columns of JSON lines, and walk elements under elements of their kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlglot import exp

from fhir_blina.files import MAX_LINE_BYTES
from fhir_blina.views.faults import Fault
from fhir_blina.views.sql import tree
from fhir_blina.views.sql.plan import Repeat
from fhir_blina.views.sql.shape import Shape, read_type
from fhir_blina.views.sql.tree import Sql

ALL = exp.Star()


def select(*columns: Sql, source: Sql, where: Sql | None = None) -> exp.Select:
    """``SELECT columns FROM source WHERE condition``."""
    made = exp.Select(expressions=list(columns), from_=exp.From(this=source))
    if where is not None:
        made.set("where", exp.Where(this=where))
    return made


def aliased(sql: Sql, name: str) -> Sql:
    """``sql AS name``."""
    return exp.Alias(this=sql, alias=tree.name(name))


def table(name: str, *, database: str = "", alias: str = "") -> Sql:
    """A table by its name."""
    return exp.Table(
        this=tree.name(name),
        db=tree.name(database) if database else None,
        alias=exp.TableAlias(this=tree.name(alias)) if alias else None,
    )


def with_step(name: str, sql: Sql) -> exp.CTE:
    """One step of ``WITH``."""
    return exp.CTE(this=sql, alias=exp.TableAlias(this=tree.name(name)))


def read(
    shape: Shape, resource: str, path: str, *, keep_json: bool = False, digits: bool = True
) -> exp.Select:
    """A query that reads a file's lines as typed columns; an empty path reads nothing.

    Decimals are put in quotes first, so that each digit stays. Without ``digits`` DuckDB reads them as
    DOUBLE and shows them as text: right for a file none of whose numbers is longer than a DOUBLE holds.
    """
    of_type = tree.binary("=", tree.variable("resourceType"), tree.text(resource))
    check = tree.case((of_type, tree.boolean(True)), otherwise=tree.raised(Fault.OTHER_TYPE))
    keys = sorted(shape.decimals()) if digits else []
    if not keys and not keep_json and path:
        columns = [(key, tree.text(_type(part).sql("duckdb"))) for key, part in sorted(shape.parts.items())]
        source = _reader(
            "read_json",
            path,
            format=tree.text("newline_delimited"),
            maximum_object_size=tree.integer(MAX_LINE_BYTES),
            columns=tree.struct(columns),
        )
        return select(ALL, source=source, where=check)
    line = tree.variable("json")
    lines: Sql = exp.Subquery(
        this=exp.Select(
            expressions=[aliased(tree.text("{}"), "json")], where=exp.Where(this=tree.boolean(False))
        )
    )
    if path:
        lines = json_lines(path)
    if keys:
        lines = exp.Subquery(this=select(aliased(_quoted_decimals(line, keys), "json"), source=lines))
    typed = tree.call("from_json", line, tree.text(json.dumps(structure(shape), indent=2)))
    found = [tree.call("unnest", typed)]
    if keep_json:
        found = [aliased(exp.Window(this=tree.call("row_number")), "resource_number"), line, *found]
    nested = list(shape.nested())
    shaped = None
    if nested:
        paths, kinds = (tree.array(*map(tree.text, one)) for one in zip(*nested, strict=True))
        shaped = tree.call("fhir_shaped", line, paths, kinds)
    return select(ALL, source=exp.Subquery(this=select(*found, source=lines, where=shaped)), where=check)


def json_lines(path: str) -> Sql:
    """The lines of a file as JSON text."""
    return _reader("read_ndjson_objects", path, maximum_object_size=tree.integer(MAX_LINE_BYTES))


def _reader(function: str, path: str, **options: Sql) -> Sql:
    given = [exp.EQ(this=tree.variable(key), expression=value) for key, value in options.items()]
    return exp.Table(this=tree.call(function, tree.text(path), *given))


def _quoted_decimals(line: Sql, keys: list[str]) -> Sql:
    """A line with its decimals as strings: ``"value":14.00`` becomes ``"value":"14.00"``."""
    if len(keys) == 1:  # faster than a group of alternatives
        pattern, by = f'"{keys[0]}"\\s*:\\s*(-?[0-9][0-9.eE+-]*)', f'"{keys[0]}":"\\1"'
    else:
        pattern, by = f'"({"|".join(keys)})"\\s*:\\s*(-?[0-9][0-9.eE+-]*)', '"\\1":"\\2"'
    return tree.call("regexp_replace", line, tree.text(pattern), tree.text(by), tree.text("g"))


def structure(shape: Shape) -> Any:
    """The structure that DuckDB's ``from_json`` takes."""
    one: Any = read_type(shape.type)
    if shape.parts:
        one = {key: structure(part) for key, part in sorted(shape.parts.items())}
    return [one] if shape.many else one


def _type(shape: Shape) -> exp.DataType:
    """The type that DuckDB's ``read_json`` takes."""
    if not shape.parts:
        return tree.sql_type(read_type(shape.type), many=shape.many)
    inside = [
        exp.ColumnDef(this=tree.name(key), kind=_type(part)) for key, part in sorted(shape.parts.items())
    ]
    one = exp.DataType(this=exp.DType.STRUCT, expressions=inside, nested=True)
    return exp.DataType(this=exp.DType.ARRAY, expressions=[one], nested=True) if shape.many else one


def repeat_steps(repeat: Repeat) -> Iterator[exp.CTE]:
    """The steps of a query that collect the nodes of each resource, parents before children."""
    nodes = f"{repeat.name}_nodes"
    number, place, node, index = (tree.variable(one) for one in ("resource_number", "place", "node", "i"))
    top = tree.cast(tree.array(), "BIGINT", many=True)
    first = _level(table("resource"), repeat.first, repeat.first_sql, "json", top, tree.array(index))
    further = tree.call("list_append", place, index)
    below = _level(table(nodes), repeat.below, repeat.below_sql, "node", place, further)
    yield with_step(nodes, exp.Union(this=first, expression=below, distinct=False))
    typed = tree.call("from_json", node, tree.text(json.dumps(structure(repeat.node))))
    listed = tree.call("list", exp.Order(this=typed, expressions=[exp.Ordered(this=place)]))
    collected = select(number, aliased(listed, repeat.name), source=table(nodes))
    yield with_step(repeat.name, collected.group_by(number, copy=False))


def _level(source: Sql, shape: Shape, sql: Sql, line: str, place: Sql, new: Sql) -> exp.Select:
    number, nodes = tree.variable("resource_number"), tree.variable("nodes")
    typed = tree.call("from_json", tree.variable(line), tree.text(json.dumps(structure(shape))))
    inner = select(number, aliased(place, "place"), aliased(typed, "r"), source=source)
    deep = tree.call("fhir_deep", tree.variable("place"))
    listed = select(
        number,
        tree.variable("place"),
        aliased(sql, "nodes"),
        source=exp.Subquery(this=inner),
        where=deep,
    )
    numbers = tree.call("range", tree.size(nodes))
    unnested = select(
        ALL,
        aliased(tree.call("unnest", nodes), "node"),
        aliased(tree.call("unnest", numbers), "i"),
        source=exp.Subquery(this=listed),
    )
    return select(number, aliased(new, "place"), tree.variable("node"), source=exp.Subquery(this=unnested))
