"""FHIRPath's functions whose arguments are plain values.

Those that take an expression or a type (``where``, ``ofType``, ``iif`` …) are evaluated in
:mod:`fhir_blina.fhirpath.expressions`. A function raises ``ValueError`` with a plain sentence where
its input does not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhir_blina.fhirpath.elements import bare, step
from fhir_blina.fhirpath.function import Function, registering
from fhir_blina.fhirpath.limits import spend
from fhir_blina.fhirpath.operators import only, unique
from fhir_blina.fhirpath.patterns import matches, replaced_matches
from fhir_blina.fhirpath.temporal import Temporal

FUNCTIONS: dict[str, Function] = {}
_function = registering(FUNCTIONS)


def _text(items: list[Any], what: str) -> str | None:
    value = bare(only(items, what))
    if isinstance(value, Temporal):
        return value.text
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{what} takes a string; use toString()")
    return value


def _whole(items: list[Any], what: str) -> int | None:
    value = bare(only(items, what))
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError(f"{what} takes a whole number")
    return value


def _on_text(name: str, call: Callable[..., Any], args: int = 0, optional: int = 0) -> None:
    """Register a function of one string whose arguments are all strings."""

    def run(items: list[Any], *arguments: list[Any]) -> list[Any]:
        text = _text(items, f"{name}()")
        values = [_text(argument, f"{name}()") for argument in arguments]
        return [] if text is None or None in values else [call(text, *values)]

    FUNCTIONS[name] = Function(name, args, args + optional, run)


def _replaced(text: str, part: str, new: str) -> str:
    spend(text.count(part) * len(new))  # before it is there
    return text.replace(part, new)


_on_text("startsWith", str.startswith, 1)
_on_text("endsWith", str.endswith, 1)
_on_text("contains", lambda text, part: part in text, 1)
_on_text("indexOf", str.find, 1)
_on_text("lower", str.lower)
_on_text("upper", str.upper)
_on_text("trim", str.strip)
_on_text("length", len)
_on_text("matches", matches, 1)
_on_text("replace", _replaced, 2)
_on_text("replaceMatches", replaced_matches, 2)


@_function("split", 1, 1)
def _split(items: list[Any], separator: list[Any]) -> list[Any]:
    text, mark = _text(items, "split()"), _text(separator, "split()")
    if text is None or mark is None:
        return []
    return list(text) if not mark else text.split(mark)


@_function("substring", 1, 2)
def _substring(items: list[Any], start: list[Any], length: list[Any] | None = None) -> list[Any]:
    text, first = _text(items, "substring()"), _whole(start, "substring()")
    size = None if length is None else _whole(length, "substring()")
    if text is None or first is None or not 0 <= first < len(text):
        return []
    return [text[first:] if size is None else text[first : first + max(size, 0)]]


@_function("join", 0, 1)
def _join(items: list[Any], separator: list[Any] | None = None) -> list[Any]:
    """The strings in one; of none, the empty string, as SQL on FHIR's tests ask."""
    mark = "" if separator is None else _text(separator, "join()")
    texts = [_text([item], "join()") for item in items]
    mark = mark or ""
    spend(len(texts) * len(mark))  # before it is there
    return [mark.join(text for text in texts if text is not None)]


@_function("empty")
def _empty(items: list[Any]) -> list[Any]:
    return [not items]


@_function("not")
def _not(items: list[Any]) -> list[Any]:
    value = bare(only(items, "not()"))
    return [] if value is None else [not value if isinstance(value, bool) else False]


@_function("count")
def _count(items: list[Any]) -> list[Any]:
    return [len(items)]


@_function("first")
def _first(items: list[Any]) -> list[Any]:
    return items[:1]


@_function("last")
def _last(items: list[Any]) -> list[Any]:
    return items[-1:]


@_function("single")
def _single(items: list[Any]) -> list[Any]:
    only(items, "single()")
    return items


@_function("tail")
def _tail(items: list[Any]) -> list[Any]:
    return items[1:]


@_function("skip", 1, 1)
def _skip(items: list[Any], number: list[Any]) -> list[Any]:
    return items[max(_whole(number, "skip()") or 0, 0) :]


@_function("take", 1, 1)
def _take(items: list[Any], number: list[Any]) -> list[Any]:
    return items[: max(_whole(number, "take()") or 0, 0)]


@_function("distinct")
def _distinct(items: list[Any]) -> list[Any]:
    return unique(items)


@_function("union", 1, 1)
def _union(items: list[Any], others: list[Any]) -> list[Any]:
    return unique([*items, *others])


@_function("combine", 1, 1)
def _combine(items: list[Any], others: list[Any]) -> list[Any]:
    return [*items, *others]


@_function("extension", 1, 1)
def _extension(items: list[Any], url: list[Any]) -> list[Any]:
    wanted = _text(url, "extension()")
    return [item for item in step(items, "extension") if isinstance(item, dict) and item.get("url") == wanted]


@_function("hasValue")
def _has_value(items: list[Any]) -> list[Any]:
    return [len(items) == 1 and bare(items[0]) is not None and not isinstance(bare(items[0]), dict)]


@_function("getResourceKey")
def _resource_key(items: list[Any]) -> list[Any]:
    found = (bare(item) for item in items)
    return [
        item["id"] for item in found if isinstance(item, dict) and "resourceType" in item and "id" in item
    ]


def reference_key(items: list[Any], type_name: str | None) -> list[Any]:
    """The id that a relative or absolute literal reference names.

    Args:
        items: References.
        type_name: Only references to this type; ``None`` takes all.

    Returns:
        The ids. A ``urn:``, a ``#contained`` or a purely logical reference has no key.
    """
    keys: list[Any] = []
    for item in items:
        reference = bare(item)
        text = reference.get("reference") if isinstance(reference, dict) else None
        if not isinstance(text, str) or text.startswith(("#", "urn:")):
            continue
        parts = text.partition("/_history/")[0].split("/")
        if len(parts) > 1 and parts[-1] and type_name in {None, parts[-2]}:
            keys.append(parts[-1])
    return keys
