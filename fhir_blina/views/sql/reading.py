# ruff: noqa: S608 - every text in the SQL is quoted
"""SQL that turns JSON lines into typed columns, and walks elements under elements of their kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from fhir_blina.files import MAX_LINE_BYTES
from fhir_blina.views.sql.shape import Shape, text


@dataclass(frozen=True)
class Repeat:
    """Elements under elements of the same kind: their paths and what is read of each."""

    name: str
    first: Shape
    first_sql: str
    below: Shape
    below_sql: str
    node: Shape


def read_sql(shape: Shape, resource: str, path: str, *, keep_json: bool = False, digits: bool = True) -> str:
    """SQL that reads a file's lines as typed columns; an empty path reads nothing.

    Decimals are put in quotes first, so that each digit stays; without ``digits`` DuckDB reads
    them as DOUBLE and shows them as text.
    """
    check = (
        f"CASE WHEN resourceType = {text(resource)} THEN true ELSE error('view: a line of another type') END"
    )
    keys = sorted(shape.has_decimals()) if digits else []
    if not keys and not keep_json and path:
        columns = ",\n".join(
            f"    {text(key)}: {text(part.sql_type())}" for key, part in sorted(shape.parts.items())
        )
        options = f"format = 'newline_delimited', maximum_object_size = {MAX_LINE_BYTES}"
        return f"SELECT * FROM read_json({text(path)}, {options}, columns = {{\n{columns}\n}})\nWHERE {check}"
    lines = "(SELECT '{}' AS json WHERE false)"
    if path:
        lines = f"read_ndjson_objects({text(path)}, maximum_object_size = {MAX_LINE_BYTES})"
    if keys:
        pattern = text(f'("({"|".join(keys)})"\\s*:\\s*)(-?[0-9][0-9.eE+-]*)')
        lines = f"(\n  SELECT regexp_replace(json, {pattern}, '\\1\"\\3\"', 'g') AS json\n  FROM {lines}\n)"
    number = "row_number() OVER () AS resource_number, json, " if keep_json else ""
    structure = json.dumps(shape.structure(), indent=2)
    typed = f"SELECT {number}unnest(from_json(json, {text(structure)}))\nFROM {lines}"
    nested = list(shape.nested())
    if nested:
        paths, kinds = ("[" + ", ".join(map(text, one)) + "]" for one in zip(*nested, strict=True))
        typed += f"\nWHERE fhir_shaped(json, {paths},\n  {kinds})"
    return f"SELECT * FROM (\n{indented(typed)}\n)\nWHERE {check}"


def indented(sql: str) -> str:
    """Every line two spaces further in."""
    return "\n".join("  " + line for line in sql.split("\n"))


def repeat_steps(repeat: Repeat) -> Iterator[str]:
    """The steps of a query that collect the nodes of each resource, parents before children."""
    name = repeat.name

    def level(source: str, shape: Shape, sql: str, json: str, place: str, new: str) -> str:
        read = f"from_json({json}, {text(shape.structure_text())}) AS r"
        inner = f"SELECT resource_number, {place} AS place, {read} FROM {source}"
        listed = f"SELECT resource_number, place, {sql} AS nodes FROM ({inner}) WHERE fhir_deep(place)"
        unnested = f"SELECT *, unnest(nodes) AS node, unnest(range(len(nodes))) AS i FROM ({listed})"
        return f"SELECT resource_number, {new} AS place, node FROM ({unnested})"

    first = level("resource", repeat.first, repeat.first_sql, "json", "CAST([] AS BIGINT[])", "[i]")
    below = level(f"{name}_nodes", repeat.below, repeat.below_sql, "node", "place", "list_append(place, i)")
    yield f"{name}_nodes AS (\n{indented(first)}\n  UNION ALL\n{indented(below)}\n)"
    node = f"list(from_json(node, {text(repeat.node.structure_text())}) ORDER BY place) AS {name}"
    yield f"{name} AS (\n  SELECT resource_number, {node}\n  FROM {name}_nodes GROUP BY resource_number\n)"
