"""A census by hand: every leaf of resources with its place, and the leaves that a column of a view should hold.

Nothing here knows FHIRPath but for the few forms that the shared views use; what it finds is compared with what the
engines answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

Node = tuple[str, Any]  # the place in the data and the value there
_STEP = re.compile(r"\.(?![^(]*\))")  # a full stop outside of parentheses
_INDEX = re.compile(r"\[\d+\]")


def resources_of(folder: Path) -> list[dict[str, Any]]:
    """The resources of Bundles and NDJSON as tables see them: with keys for what refers by something else."""
    found: list[dict[str, Any]] = []
    named: dict[str, set[str]] = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        text = file.read_text("utf-8")
        whole = [text] if file.suffix == ".json" else text.splitlines()
        for one in (json.loads(part, parse_float=Decimal) for part in whole if part.strip()):
            for entry in one["entry"] if one["resourceType"] == "Bundle" else [{"resource": one}]:
                found.append(entry["resource"])
                named[entry.get("fullUrl", "")] = {_place(found[-1])}
    for one in list(found):
        parts = [part for part in one.pop("contained", []) if part["resourceType"] != "Patient"]
        ids = {part["id"]: f"{one['id']}.{part['id']}" for part in parts}
        own = {f"#{part['id']}": {f"{part['resourceType']}/{ids[part['id']]}"} for part in parts}
        for part in (one, *parts):
            _renamed(part, own)
        found += [{**part, "id": ids[part["id"]]} for part in parts]
    for one in found:
        stated = one.get("identifier", [])
        for identifier in stated if isinstance(stated, list) else [stated]:
            value = f"{identifier.get('system', '')}|{identifier.get('value')}"
            for asked in (value, f"{one['resourceType']}?identifier={value}"):
                named.setdefault(asked, set()).add(_place(one))
    for one in found:
        _renamed(one, named)
    return found


def _place(resource: Mapping[str, Any]) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _named(names: Mapping[str, set[str]], asked: str) -> str:
    """The one resource that is asked for; empty where there are several or none."""
    found = names.get(asked, set())
    return next(iter(found)) if len(found) == 1 else ""


def _renamed(node: Any, names: Mapping[str, set[str]]) -> None:
    if isinstance(node, dict):
        logical = node.get("identifier")
        if isinstance(node.get("reference"), str):
            node["reference"] = _named(names, node["reference"]) or node["reference"]
        elif isinstance(logical, dict) and node.keys() <= {"identifier", "type", "display"}:
            key = _named(names, f"{logical.get('system', '')}|{logical.get('value')}")
            node |= {"reference": key} if key else {}
    for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        _renamed(one, names)


def leaves(place: str, node: Any) -> Iterator[Node]:
    """Every value that is no object and no list."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(f"{place}.{key}", value)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from leaves(f"{place}[{number}]", value)
    elif node is not None:
        yield place, node


def element_of(place: str) -> str:
    """``Observation.component.code.text`` of a place in the data."""
    resource, _, rest = place.partition("#")
    return resource.partition("/")[0] + _INDEX.sub("", rest)


def below(nodes: list[Node], key: str) -> list[Node]:
    """The values of a key of each node, lists taken apart."""
    found: list[Node] = []
    for place, node in nodes:
        value = node.get(key) if isinstance(node, dict) else None
        if isinstance(value, list):
            found += [
                (f"{place}.{key}[{number}]", one) for number, one in enumerate(value) if one is not None
            ]
        elif value is not None:
            found.append((f"{place}.{key}", value))
    return found


def follow(start: Node, path: str) -> list[Node]:
    """What a path of a shared view leads to.

    Raises:
        KeyError: a form that is none of those few.
    """
    if path == "{}":
        return []
    if path.startswith("'"):
        return [(start[0], path.strip("'"))]
    nodes, steps = [start], _STEP.split(path)
    while steps:
        step = steps.pop(0)
        name, _, inside = step.rstrip(")").partition("(")
        if steps and steps[0].startswith("ofType("):
            kind = steps.pop(0)[len("ofType(") : -1]
            nodes = below(nodes, f"{step}{kind[0].upper()}{kind[1:]}")
        elif name == "first":
            nodes = nodes[:1]
        elif name == "getResourceKey":
            nodes = below(nodes, "id")
        elif name == "getReferenceKey":
            nodes = [(place, key) for place, text in below(nodes, "reference") if (key := _key(text, inside))]
        elif name == "extension":
            wanted = inside.strip("'")
            nodes = [one for one in below(nodes, "extension") if one[1].get("url") == wanted]
        elif re.fullmatch(r"[a-z]\w*", step):
            nodes = _primitive_aware(nodes, step, steps)
        else:
            raise KeyError(step)
    return nodes


def _primitive_aware(nodes: list[Node], step: str, steps: list[str]) -> list[Node]:
    """The values of a key; the object beside a primitive where its extension is asked for next."""
    if steps and steps[0].startswith("extension("):
        return below(nodes, f"_{step}") or below(nodes, step)
    return below(nodes, step)


def _key(text: str, kind: str) -> str:
    match = re.search(r"(?:^|/)([A-Za-z]\w+)/([^/]+)(?:/_history/.*)?$", text)
    return match[2] if match and not text.startswith("urn:") and kind in ("", match[1]) else ""


def rows_of(select: Mapping[str, Any], start: Node) -> list[dict[str, list[Node]]]:
    """The rows of a select as the leaves behind each cell, by name of the column."""
    nodes: list[Node | None] = [start]
    if path := select.get("forEach") or select.get("forEachOrNull"):
        nodes = [*follow(start, path)] or ([None] if "forEachOrNull" in select else [])
    rows = []
    for node in nodes:
        parts: list[list[dict[str, list[Node]]]] = [[{}]]
        for column in select.get("column", []):
            try:
                cells = follow(node, column["path"]) if node else []
            except KeyError:
                continue  # said by the test, which lists them
            parts.append([{column["name"]: cells}])
        for inner in select.get("select", []):
            parts.append(rows_of(inner, node) if node else [{}])
        if union := select.get("unionAll"):
            parts.append([row for one in union for row in rows_of(one, node)] if node else [{}])
        crossed: list[dict[str, list[Node]]] = [{}]
        for part in parts:
            crossed = [{**left, **right} for left in crossed for right in part]
        rows += crossed
    return rows
