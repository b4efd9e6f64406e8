"""``memberOf()`` in views: the value sets that they ask for, found when a view is read.

As FHIR says it: of a Coding, whether it is in the set; of a CodeableConcept, whether one of its codings is;
of a code or another string, whether the set has that code, which is an error where the set has codes of
several systems. A set that is not there is an error. Of nothing the answer is nothing; several items are an
error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fhir_blina.fhirpath import Call, Constant, Expression, Function, Literal, Node, failure, only
from fhir_blina.terminology import Shelf, ValueSet

MEMBER_OF = "memberOf"
TAKES = f"{MEMBER_OF}() takes a code, a Coding or a CodeableConcept"
_ELEMENT = {"id", "extension"}
_CODING = _ELEMENT | {"system", "version", "code", "display", "userSelected"}
_CONCEPT = _ELEMENT | {"coding", "text"}


class Members:
    """The value sets of one view.

    Args:
        beside: The folder that has their folder; None where there is none.

    Attributes:
        sets: Those found, by what the view calls them.
        functions: ``memberOf``, for paths that are compiled.
    """

    def __init__(self, beside: Path | None) -> None:
        self.sets: dict[str, ValueSet] = {}
        self.functions = {MEMBER_OF: Function(MEMBER_OF, 1, 1, _MemberOf(self.sets))}
        self._beside = beside
        self._shelf: Shelf | None = None

    def find(self, path: Expression, constants: Mapping[str, Any]) -> None:
        """Find the value sets that a path asks for.

        Raises:
            ExpressionError: one is not there or does not say what its codes are, with text and column.
        """
        for call in _calls(path.tree):
            name = name_asked(call, constants)
            if not name:
                remedy = f"Write {MEMBER_OF}('NAME'), or a constant of the view"
                told = f"{MEMBER_OF}() takes the name or the URL of a value set"
                raise failure(path.text, call.column, told, remedy)
            try:
                if name not in self.sets:
                    self.sets[name] = self._found(name)
            except ValueError as error:
                raise failure(path.text, call.column, str(error)) from None

    def _found(self, name: str) -> ValueSet:
        if self._shelf is None:
            if self._beside is None:
                raise ValueError(f'where is "{name}"? A view that is no file has no folder of value sets')
            self._shelf = Shelf(self._beside)
        return self._shelf.value_set(name)


def name_asked(call: Call, constants: Mapping[str, Any]) -> str:
    """What a call of ``memberOf`` calls its value set; empty where only data would tell."""
    node = call.arguments[0]
    name = node.value if isinstance(node, Literal) else ""
    if isinstance(node, Constant):
        name = constants.get(node.name, "")
    return name if isinstance(name, str) else ""


def _calls(node: Node) -> Iterator[Call]:
    if isinstance(node, Call) and node.name == MEMBER_OF:
        yield node
    for child in node.children():
        yield from _calls(child)


@dataclass(frozen=True)
class _MemberOf:
    """What the reference engine calls; a view that has it can be pickled."""

    sets: Mapping[str, ValueSet]

    def __call__(self, items: list[Any], names: list[Any]) -> list[Any]:
        item = only(items, f"{MEMBER_OF}()")
        return [] if item is None else [_is_member(item, self.sets[names[0]])]


def _is_member(item: Any, members: ValueSet) -> bool:
    if isinstance(item, str):
        return item in codes_alone(members)
    keys = {key.removeprefix("_") for key in item} if isinstance(item, dict) else {""}
    if keys <= _CONCEPT:
        codings = item.get("coding") or ()
        return any(members.has(one.get("system"), one.get("code")) for one in codings)
    if keys <= _CODING:
        return members.has(item.get("system"), item.get("code"))
    raise ValueError(TAKES)


def codes_alone(members: ValueSet) -> frozenset[str]:
    """The codes of a set with which a code without a system is compared.

    Raises:
        ValueError: a code alone does not tell whether it is in the set.
    """
    try:
        return members.codes()
    except ValueError as error:
        told = f"{MEMBER_OF}() of a code without its system, and {error}"
        raise ValueError(f"{told}. Ask the Coding or CodeableConcept instead") from None
