"""The invariants of FHIR R4 as judges: Python functions where written, else their FHIRPath.

``invariant("obs-6", text)(node, resource)`` says whether the invariant holds for a node.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from fhir_blina.errors import ExpressionError
from fhir_blina.fhirpath import Function, compile_expression
from fhir_blina.r4 import FhirRelease
from fhir_blina.validation.invariants import UCUM, native

Node = dict[str, Any]
Invariant = Callable[[Any, Node], bool]

NOT_HERE = {
    "ele-1": "judged by the structure of every node",
    "ref-1": "judged where references are resolved",
    "txt-1": "judged as a primitive",
    "txt-2": "judged as a primitive",
    "dom-6": "advice to carry narrative, no rule",
    "tst-5": "its response and responseCode look like one choice type in plain JSON",
}


def _same(item: Any) -> str:
    return json.dumps(item, sort_keys=True, default=str)


def _children(items: list[Any]) -> list[Any]:
    below = (value for item in items if isinstance(item, dict) for value in item.values())
    return [part for value in below for part in (value if isinstance(value, list) else [value])]


def _descendants(items: list[Any]) -> list[Any]:
    found: list[Any] = []
    while items := _children(items):
        found += items
    return found


_FUNCTIONS = {
    function.name: function
    for function in (
        Function("children", 0, 0, _children),
        Function("descendants", 0, 0, _descendants),
        Function("intersect", 1, 1, lambda items, others: [item for item in items if item in others]),
        Function("isDistinct", 0, 0, lambda items: [len({_same(item) for item in items}) == len(items)]),
        Function("trace", 1, 2, lambda items, *_: items),
    )
}


@functools.cache
def invariant(key: str, expression: str, release: FhirRelease) -> Invariant | None:
    """The judge of an invariant: takes the node and its resource, says whether it holds.

    Args:
        key: Its name, for example ``obs-6``.
        expression: Its FHIRPath.
        release: The release of FHIR that states it.

    Returns:
        ``None`` for one of ``NOT_HERE``, or whose FHIRPath needs a server.
    """
    if key in NOT_HERE:
        return None
    if holds := native(key, expression):
        return lambda node, _: holds(node)
    return from_fhirpath(expression, release)


def from_fhirpath(expression: str, release: FhirRelease) -> Invariant | None:
    """The judge made of the FHIRPath text; ``None`` where the text needs a server."""
    try:
        compiled = compile_expression(expression, release, functions=_FUNCTIONS)
    except ExpressionError:
        return None

    def judge(node: Any, resource: Node) -> bool:
        constants = {"resource": resource, "rootResource": resource, "context": node, "ucum": UCUM}
        try:
            return compiled.evaluate(node, constants=constants) != [False]
        except ExpressionError:
            return True

    return judge
