"""JSON for the test servers, read and written without any code of the product.

A number with a fraction keeps the very text in which it came: ``14.00``, ``1E-7`` and ``1e5`` go out as they
came in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Self

_WRAPPED = re.compile(r'"\\u0000(-?[0-9][0-9.eE+-]*)\\u0000"')


class Number(Decimal):
    """A decimal that remembers how it was written."""

    text: str

    def __new__(cls, text: str) -> Self:
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __deepcopy__(self, _: Any) -> Self:
        return self


def loads(text: str) -> Any:
    """What a JSON text says; decimals as :class:`Number`."""
    return json.loads(text, parse_float=Number)


def _wrapped(value: Any) -> str:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} is not JSON")
    text = value.text if isinstance(value, Number) else str(value)
    return f"\0{text}\0"


def dumps(value: Any) -> str:
    """JSON in ASCII."""
    return _WRAPPED.sub(r"\1", json.dumps(value, default=_wrapped, allow_nan=False, separators=(",", ":")))


def targets(node: Any) -> Iterator[str]:
    """What the References in a resource lead to, in the order of the text."""
    if isinstance(node, list):
        for item in node:
            yield from targets(item)
    elif isinstance(node, dict):
        for name, child in node.items():
            if name == "reference" and isinstance(child, str):
                yield child
            else:
                yield from targets(child)
