"""FHIRPath over plain rows and resources: a strict subset, compiled once.

::

    expression = compile_expression("name.where(use = 'official').family", R4)
    expression.evaluate({"name": [{"use": "official", "family": "Li"}]})   # ["Li"]

Malformed text, an unknown function, a wrong number of arguments and an undefined constant are
refused when the text is compiled, with the column. Numbers are int or Decimal and stay exact.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from fhir_blina.errors import ExpressionError, did_you_mean
from fhir_blina.fhirpath.elements import bare, plain_type
from fhir_blina.fhirpath.evaluation import (
    BRANCHING,
    ITERATING,
    STANDARD_FUNCTIONS,
    TYPED,
    Scope,
    collection,
    evaluate,
    type_argument,
)
from fhir_blina.fhirpath.function import Function
from fhir_blina.fhirpath.limits import allowed
from fhir_blina.fhirpath.syntax import Call, Constant, Member, Node, This, TypeTest, failure, parse
from fhir_blina.fhirpath.temporal import Temporal
from fhir_blina.r4 import FhirRelease

__all__ = ["Expression", "Function", "Node", "compile_expression"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})

SAID_ELSEWHERE = {
    "memberOf": "Ask for a value set in a view (docs/views.md), or in an endpoints file: {in: NAME}"
}


@dataclass(frozen=True)
class Expression:
    """A compiled expression.

    Attributes:
        text: As written.
        release: The release of FHIR whose elements and types it names.
        tree: The syntax tree, of :mod:`fhir_blina.fhirpath.syntax`'s nodes.
        names: First steps read off the context, for example the columns of a row.
        constants: The ``%names`` it uses.
    """

    text: str
    release: FhirRelease
    tree: Node
    names: frozenset[str]
    constants: frozenset[str]
    functions: Mapping[str, Function] = field(default_factory=dict, repr=False, compare=False)

    def evaluate(
        self,
        context: Any,
        *,
        constants: Mapping[str, Any] = _NOTHING,
        functions: Mapping[str, Function] = _NOTHING,
    ) -> list[Any]:
        """Evaluate over a row, a resource, an element or a list of them.

        Args:
            context: What the first step is read off.
            constants: Values of ``%names``; a list is a collection.
            functions: Take the place of functions of the same name given when compiling.

        Returns:
            The collection: str, bool, int, Decimal, dict; empty where there is nothing.

        Raises:
            ExpressionError: several values where one belongs, or values that do not fit the
                operator; more time or room than :mod:`fhir_blina.fhirpath.limits` allows. The message
                never shows a value.
        """
        tree = self.tree
        if type(tree) is Member and tree.source is None and isinstance(context, dict):
            value = context.get(tree.name)
            if isinstance(value, (str, int, Decimal)):
                return [value]
        known = {**self.functions, **functions} if functions else self.functions
        scope = Scope(self.text, self.release, collection(context), constants, known)
        with allowed():
            found = [bare(item) for item in evaluate(tree, scope)]
        return [item.text if isinstance(item, Temporal) else item for item in found if item is not None]


def _check_type(text: str, release: FhirRelease, column: int, type_name: str | None, function: str) -> None:
    name = plain_type(type_name or "")
    if not name:
        raise failure(text, column, f"{function}() takes the name of a FHIR type")
    known = {*release.primitives, *release.datatypes}
    if name not in known and (not name[0].isupper() or not name.isalnum()):
        raise failure(text, column, f'"{type_name}" is not a FHIR type', did_you_mean(name, known))


def _check(
    text: str,
    release: FhirRelease,
    tree: Node,
    functions: Mapping[str, Function],
    constants: Collection[str] | None,
) -> None:
    limits = {**ITERATING, **TYPED, **BRANCHING}
    limits |= {
        name: (known.min_args, known.max_args) for name, known in {**STANDARD_FUNCTIONS, **functions}.items()
    }
    stack = [tree]
    while stack:
        node = stack.pop()
        children = list(node.children())
        if isinstance(node, Call):
            if node.name not in limits:
                raise failure(
                    text,
                    node.column,
                    f"unknown function {node.name}()",
                    SAID_ELSEWHERE.get(node.name) or did_you_mean(node.name, limits),
                )
            fewest, most = limits[node.name]
            if not fewest <= len(node.arguments) <= most:
                wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
                given = len(node.arguments)
                raise failure(
                    text,
                    node.column,
                    f"{node.name}() takes {wanted} argument{'s' * (wanted != '1')}, not {given}",
                )
            if node.name in TYPED and node.name not in functions and node.arguments:
                _check_type(text, release, node.arguments[0].column, type_argument(node), node.name)
                children = [node.source] if node.source else []
        elif isinstance(node, TypeTest):
            _check_type(text, release, node.column, node.type_name, node.operator)
        elif isinstance(node, Constant) and constants is not None and node.name not in constants:
            raise failure(
                text, node.column, f"%{node.name} is not defined", did_you_mean(node.name, constants)
            )
        stack.extend(children)


def _root_names(node: Node, functions: Mapping[str, Function]) -> Iterator[str]:
    if isinstance(node, Member) and (node.source is None or isinstance(node.source, This)):
        yield node.name
        return
    if isinstance(node, Call) and node.name not in functions and node.source is not None:
        if node.name in {**ITERATING, **BRANCHING} and not isinstance(node.source, This):
            yield from _root_names(node.source, functions)
            return
        if node.name in TYPED:
            yield from _root_names(node.source, functions)
            return
    if isinstance(node, Call) and node.name in TYPED and node.name not in functions:
        return
    for child in node.children():
        yield from _root_names(child, functions)


def _used_constants(node: Node) -> Iterator[str]:
    if isinstance(node, Constant):
        yield node.name
    for child in node.children():
        yield from _used_constants(child)


@functools.lru_cache(maxsize=4096)
def _compile(
    text: str,
    release: FhirRelease,
    signatures: frozenset[tuple[str, int, int]],
    constants: frozenset[str] | None,
) -> Expression:
    """An expression by its text and by what its functions are called; it holds on to nobody's functions."""
    functions = {name: Function(name, few, many, _unbound) for name, few, many in signatures}
    tree = parse(text)
    _check(text, release, tree, functions, constants)
    names, used = frozenset(_root_names(tree, functions)), frozenset(_used_constants(tree))
    return Expression(text, release, tree, names, used)


def _unbound(*_: Any) -> list[Any]:
    raise TypeError("compiled without its function")


def compile_expression(
    text: str,
    release: FhirRelease,
    *,
    functions: Mapping[str, Function] | None = None,
    constants: Collection[str] | None = None,
) -> Expression:
    """Compile FHIRPath; the same text is compiled once.

    Args:
        text: The expression.
        release: The release of FHIR whose elements and types it names.
        functions: Functions of the caller's beside the standard ones, by name.
        constants: The ``%names`` that exist; ``None`` leaves that to the evaluation.

    Raises:
        ExpressionError: malformed, an unknown function, type or constant, or a wrong number of
            arguments; with the text, the column, and the nearest known word.
    """
    if not isinstance(text, str):
        raise ExpressionError("an expression is a string")
    given = dict(functions or {})
    signatures = frozenset((one.name, one.min_args, one.max_args) for one in given.values())
    compiled = _compile(text, release, signatures, None if constants is None else frozenset(constants))
    return replace(compiled, functions=given) if given else compiled
