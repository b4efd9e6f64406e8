"""FHIRPath text to a syntax tree: strict, with positions.

The grammar is FHIRPath 2.0 (http://hl7.org/fhirpath/N1/grammar.html) without quantities,
calendar durations and ``$total``. What it does not know is refused.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from fhir_blina.errors import ExpressionError
from fhir_blina.fhirpath.temporal import Temporal

MAX_CHARACTERS = 8_000
MAX_DEPTH = 200

KEYWORDS = frozenset("and or xor implies div mod is as in contains true false".split())  # noqa: SIM905
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

GRAMMAR = Path(__file__).with_name("fhirpath.lark")

_ESCAPES = {"'": "'", '"': '"', "`": "`", "r": "\r", "n": "\n", "t": "\t", "f": "\f", "\\": "\\", "/": "/"}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a syntax tree. ``column`` counts characters of the text from 1."""

    column: int = field(default=1, compare=False, repr=False, kw_only=True)

    def children(self) -> Iterator[Node]:
        """The nodes directly below, left to right."""
        for part in fields(self):
            value = getattr(self, part.name)
            if isinstance(value, Node):
                yield value
            elif isinstance(value, tuple):
                yield from (child for child in value if isinstance(child, Node))


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A string, number, boolean or date written in the text; ``None`` is ``{}``."""

    value: str | bool | int | Decimal | Temporal | None


@dataclass(frozen=True, slots=True)
class Member(Node):
    """``source.name``; without a source the name is read off the context."""

    source: Node | None
    name: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """``source.name(arguments)``; without a source it is called on the context."""

    source: Node | None
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Item(Node):
    """``source[index]``."""

    source: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """``+operand`` or ``-operand``."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """``left operator right``."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class TypeTest(Node):
    """``operand is type_name`` or ``operand as type_name``."""

    operator: str
    operand: Node
    type_name: str


@dataclass(frozen=True, slots=True)
class This(Node):
    """``$this``."""


@dataclass(frozen=True, slots=True)
class Index(Node):
    """``$index``."""


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """``%name``."""

    name: str


def failure(text: str, column: int, what: str, remedy: str = "") -> ExpressionError:
    """An ExpressionError that shows the text and the column."""
    shown = text if len(text) <= 200 else text[:197] + "..."
    return ExpressionError(f'"{shown}", column {column}: {what}' + (f". {remedy}" if remedy else ""))


def unescape(text: str) -> str:
    """Resolve FHIRPath's escapes.

    Raises:
        ValueError: an escape that FHIRPath does not have.
    """

    def replace(match: re.Match[str]) -> str:
        code = match[1]
        if len(code) == 5:
            return chr(int(code[1:], 16))
        if code not in _ESCAPES:
            raise ValueError(f"\\{code} is not an escape of FHIRPath")
        return _ESCAPES[code]

    return _ESCAPE.sub(replace, text) if "\\" in text else text


class _MisreadError(Exception):
    """A token whose text means nothing, for example the 30th of February."""

    def __init__(self, column: int, what: str) -> None:
        super().__init__(what)
        self.column = column


def _read(token: Any, read: Callable[[str], Any], start: int, end: int | None = None) -> Any:
    try:
        return read(token[start:end])
    except ValueError as error:
        raise _MisreadError(token.start_pos + 1, f"{token}: {error}") from None


@functools.cache
def _parser() -> Any:
    import lark

    @lark.v_args(inline=True)
    class Build(lark.Transformer[Any, Node]):
        def binary(self, left: Node, operator: Any, right: Node) -> Node:
            return Binary(str(operator), left, right, column=operator.start_pos + 1)

        def unary(self, operator: Any, operand: Node) -> Node:
            return Unary(str(operator), operand, column=operator.start_pos + 1)

        def type_test(self, operand: Node, operator: Any, type_name: str) -> Node:
            return TypeTest(str(operator), operand, type_name, column=operator.start_pos + 1)

        def member(self, source: Node, name: tuple[str, int]) -> Node:
            return Member(source, name[0], column=name[1])

        def first_member(self, name: tuple[str, int]) -> Node:
            return Member(None, name[0], column=name[1])

        def call(self, source: Node, name: tuple[str, int], arguments: tuple[Node, ...] | None) -> Node:
            return Call(source, name[0], arguments or (), column=name[1])

        def first_call(self, name: tuple[str, int], arguments: tuple[Node, ...] | None) -> Node:
            return Call(None, name[0], arguments or (), column=name[1])

        def arguments(self, *nodes: Node) -> tuple[Node, ...]:
            return nodes

        def item(self, source: Node, bracket: Any, index: Node) -> Node:
            return Item(source, index, column=bracket.start_pos + 1)

        def name(self, token: Any) -> tuple[str, int]:
            name = _read(token, unescape, 1, -1) if token.type == "DELIMITED" else str(token)
            return name, token.start_pos + 1

        def type_name(self, *names: tuple[str, int]) -> str:
            return ".".join(name for name, _ in names)

        def nothing(self) -> Node:
            return Literal(None)

        def this(self, token: Any) -> Node:
            return This(column=token.start_pos + 1)

        def index(self, token: Any) -> Node:
            return Index(column=token.start_pos + 1)

        def constant(self, token: Any) -> Node:
            name = _read(token, unescape, 2, -1) if token[1] in "'`" else str(token[1:])
            return Constant(name, column=token.start_pos + 1)

        def string(self, token: Any) -> Node:
            return Literal(_read(token, unescape, 1, -1), column=token.start_pos + 1)

        def number(self, token: Any) -> Node:
            return Literal(Decimal(token) if "." in token else int(token), column=token.start_pos + 1)

        def boolean(self, token: Any) -> Node:
            return Literal(str(token) == "true", column=token.start_pos + 1)

        def temporal(self, token: Any) -> Node:
            return Literal(_read(token, Temporal.read, 1), column=token.start_pos + 1)

    return lark.Lark(
        GRAMMAR.read_text(encoding="utf-8"),
        parser="lalr",
        lexer="basic",
        maybe_placeholders=True,
        transformer=Build(),
    )


def _check_depth(text: str, tree: Node) -> None:
    stack = [(tree, 1)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise failure(text, node.column, f"nested deeper than {MAX_DEPTH}")
        stack.extend((child, depth + 1) for child in node.children())


def parse(text: str) -> Node:
    """Read FHIRPath.

    Raises:
        ExpressionError: malformed, empty, too long or nested too deeply; with the text,
            the column and what is wrong there.
    """
    plain = text.strip()
    if PLAIN_NAME.fullmatch(plain) and plain not in KEYWORDS:
        return Member(None, plain, column=text.index(plain) + 1)
    if not plain:
        raise failure(text, 1, "the expression is empty", "Write a path, for example name.family")
    if len(text) > MAX_CHARACTERS:
        raise failure(text, MAX_CHARACTERS, f"longer than {MAX_CHARACTERS} characters")
    import lark

    try:
        tree: Node = _parser().parse(text)
    except lark.exceptions.UnexpectedCharacters as error:
        column = (error.pos_in_stream or 0) + 1
        raise failure(text, column, _bad_character(text[column - 1 :])) from None
    except lark.exceptions.UnexpectedToken as error:
        if error.token.type == "$END":
            raise failure(text, len(text) + 1, "the expression ends too early") from None
        raise failure(text, error.token.start_pos + 1, f'"{error.token}" is not expected here') from None
    except _MisreadError as error:
        raise failure(text, error.column, str(error)) from None
    _check_depth(text, tree)
    return tree


def _bad_character(rest: str) -> str:
    if rest[:1] in {"'", "`"}:
        return f"the {rest[0]} here is never closed"
    if rest[:1] == '"':
        return "strings stand in single quotes"
    word = re.match(r"[$@%]?\w*", rest)
    return f'"{word[0] if word and word[0] else rest[:1]}" is not FHIRPath'
