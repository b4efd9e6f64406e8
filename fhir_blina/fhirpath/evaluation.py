"""Evaluation of a FHIRPath syntax tree over plain JSON.

Used through :mod:`fhir_blina.fhirpath.expressions`, which checks the tree first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from fhir_blina.errors import did_you_mean
from fhir_blina.fhirpath import conversions, functions
from fhir_blina.fhirpath.elements import Element, bare, is_type, moments_by_name, plain_type, step
from fhir_blina.fhirpath.function import Function
from fhir_blina.fhirpath.functions import reference_key
from fhir_blina.fhirpath.limits import spend, spent
from fhir_blina.fhirpath.operators import (
    calculate,
    contains,
    equal,
    equivalent,
    logic,
    only,
    ordered,
    truth,
    unique,
)
from fhir_blina.fhirpath.syntax import (
    Binary,
    Call,
    Constant,
    Index,
    Item,
    Literal,
    Member,
    Node,
    This,
    TypeTest,
    Unary,
    failure,
)
from fhir_blina.r4 import FhirRelease

# Functions whose arguments are expressions over the items, or types: fewest and most arguments.
ITERATING = {"where": (1, 1), "select": (1, 1), "all": (1, 1), "exists": (0, 1)}
TYPED = {"ofType": (1, 1), "is": (1, 1), "as": (1, 1), "getReferenceKey": (0, 1)}
BRANCHING = {"iif": (2, 3)}

STANDARD_FUNCTIONS = {**functions.FUNCTIONS, **conversions.FUNCTIONS}


@dataclass(frozen=True)
class Scope:
    """What an expression sees: its text, the release, ``$this``, the constants and functions, ``$index``."""

    text: str
    release: FhirRelease
    this: list[Any]
    constants: Mapping[str, Any]
    functions: Mapping[str, Function]
    index: int | None = None


def collection(value: Any) -> list[Any]:
    """A value as a collection: nested lists flattened, ``None`` left out."""
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return [item for part in value for item in collection(part)]
    return [] if value is None else [value]


def evaluate(node: Node, scope: Scope) -> list[Any]:
    """The collection that a node gives.

    Raises:
        ExpressionError: with text and column, where values do not fit.
    """
    try:
        return _RULES[type(node)](node, scope)
    except ValueError as error:
        raise failure(scope.text, node.column, str(error)) from None
    except ArithmeticError:
        raise failure(scope.text, node.column, "a number is out of range") from None


def _member(node: Member, scope: Scope) -> list[Any]:
    choices = scope.release.choices.get(node.name)
    if node.source is not None:
        return step(evaluate(node.source, scope), node.name, choices)
    found = step(scope.this, node.name, choices)
    if not found and node.name[:1].isupper():
        return [
            item for item in scope.this if isinstance(item, dict) and item.get("resourceType") == node.name
        ]
    return found


def _literal(node: Literal, _scope: Scope) -> list[Any]:
    return [] if node.value is None else [node.value]


def _index(_node: Index, scope: Scope) -> list[Any]:
    if scope.index is None:
        raise ValueError("$index has a value only inside where(), select(), all() or exists()")
    return [scope.index]


def _constant(node: Constant, scope: Scope) -> list[Any]:
    if node.name not in scope.constants:
        raise ValueError(f"%{node.name} is not defined. {did_you_mean(node.name, scope.constants)}".rstrip())
    return collection(scope.constants[node.name])


def _item(node: Item, scope: Scope) -> list[Any]:
    items = evaluate(node.source, scope)
    index = bare(only(evaluate(node.index, scope), "the index"))
    if index is None:
        return []
    if not isinstance(index, int) or isinstance(index, bool):
        raise ValueError("the index is not a whole number")  # noqa: TRY004
    return items[index : index + 1] if index >= 0 else []


def _unary(node: Unary, scope: Scope) -> list[Any]:
    value = bare(only(evaluate(node.operand, scope), node.operator))
    if value is None:
        return []
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise ValueError(f"{node.operator} takes a number")  # noqa: TRY004
    if node.operator == "+":
        return [value]
    return [value.copy_negate() if isinstance(value, Decimal) else -value]


def _binary(node: Binary, scope: Scope) -> list[Any]:
    operator = node.operator
    left = evaluate(node.left, scope)
    answer: Any
    if operator in {"and", "or", "xor", "implies"}:
        one = truth(left, operator)
        decided = {"and": one is False, "or": one is True, "implies": one is False}.get(operator, False)
        answer = (
            operator != "and"
            if decided
            else logic(operator, one, truth(evaluate(node.right, scope), operator))
        )
        return [] if answer is None else [answer]
    right = evaluate(node.right, scope)
    if operator == "|":
        return unique([*left, *right])
    if operator in {"=", "!="}:
        answer = equal(left, right)
        answer = answer if answer is None or operator == "=" else not answer
    elif operator in {"~", "!~"}:
        answer = equivalent(left, right) == (operator == "~")
    elif operator in {"<", "<=", ">", ">="}:
        answer = ordered(operator, left, right)
    elif operator == "in":
        answer = contains(right, left, operator)
    elif operator == "contains":
        answer = contains(left, right, operator)
    else:
        answer = calculate(operator, left, right)
    return [] if answer is None else spent([answer])


def _type_test(node: TypeTest, scope: Scope) -> list[Any]:
    items = evaluate(node.operand, scope)
    return _of_type(node.operator, items, node.type_name, scope.release)


def _of_type(operator: str, items: list[Any], type_name: str, release: FhirRelease) -> list[Any]:
    if operator == "ofType":
        return [item for item in items if is_type(item, type_name, release)]
    item = only(items, operator)
    if item is None:
        return []
    fits = is_type(item, type_name, release)
    return [fits] if operator == "is" else [item] if fits else []


def _call(node: Call, scope: Scope) -> list[Any]:
    items = scope.this if node.source is None else evaluate(node.source, scope)
    name, arguments = node.name, node.arguments
    if name in scope.functions:
        values = [[bare(item) for item in evaluate(argument, scope)] for argument in arguments]
        return collection(scope.functions[name].call([bare(item) for item in items], *values))
    if name in {"lowBoundary", "highBoundary"} and isinstance(node.source, Member):
        kind = moments_by_name(scope.release).get(node.source.name, "")
        typed = (type(item) is Element and bool(item.type) for item in items)
        items = [
            item if known else Element(bare(item), kind) for item, known in zip(items, typed, strict=True)
        ]
    if name in STANDARD_FUNCTIONS:
        given = (evaluate(argument, scope) for argument in arguments)
        return spent(STANDARD_FUNCTIONS[name].call(items, *given))
    if name in ITERATING:
        return _iterate(name, items, arguments, scope)
    if name == "iif":
        if node.source is not None:
            only(items, "iif()")
            scope = replace(scope, this=items)
        branch = 1 if truth(evaluate(arguments[0], scope), "iif()") else 2
        return evaluate(arguments[branch], scope) if branch < len(arguments) else []
    type_name = type_argument(node)
    if name == "getReferenceKey":
        return reference_key(items, None if type_name is None else plain_type(type_name))
    return _of_type(name, items, type_name or "", scope.release)


def _iterate(name: str, items: list[Any], arguments: tuple[Node, ...], scope: Scope) -> list[Any]:
    if not arguments:
        return [bool(items)]
    each = ((item, _inner(scope, item, place)) for place, item in enumerate(items))
    if name == "select":
        return [found for _, inner in each for found in spent(evaluate(arguments[0], inner))]
    what = f"the condition of {name}()"
    if name == "all":
        return [all(truth(evaluate(arguments[0], inner), what) is True for _, inner in each)]
    kept = [item for item, inner in each if truth(evaluate(arguments[0], inner), what) is True]
    return kept if name == "where" else [bool(kept)]


def _inner(scope: Scope, item: Any, place: int) -> Scope:
    spend()
    return replace(scope, this=[item], index=place)


_RULES: dict[type[Node], Callable[[Any, Scope], list[Any]]] = {
    Member: _member,
    Literal: _literal,
    This: lambda _node, scope: scope.this,
    Index: _index,
    Constant: _constant,
    Item: _item,
    Unary: _unary,
    Binary: _binary,
    TypeTest: _type_test,
    Call: _call,
}


def type_argument(call: Call) -> str | None:
    """The type that ``ofType``, ``is``, ``as`` or ``getReferenceKey`` names, ``None`` of none."""
    node = call.arguments[0] if call.arguments else None
    parts: list[str] = []
    while isinstance(node, Member):
        parts.insert(0, node.name)
        node = node.source
    return ".".join(parts) if parts and node is None else None
