"""Inputs made worse by chance: JSON, text and bytes, each change by a generator with a seed."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

STRANGE: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**39, 10**60, -(10**12), "", "x", "0", "\x00", "\ud800", "\u202e", "\x1b[2J",
    "A" * 70, "é" * 5000, "../../x", "Patient/../x", "http://127.0.0.2/x", "//x", "2020-13-40", "=1+1", "{{x}}", "1e9",
    [], {}, [[]], [None], [{}], {"": 0}, {"a": {"b": [{}]}}, [1] * 200, ["x", 5, None],
]  # fmt: skip
TOKENS = [
    ".", "(", ")", "[", "]", "'", "`", "%", "$this", "$index", " and ", " or ", " | ", "=", "~", "!=", "where(", "select(",
    "repeat(", "first()", "exists()", "ofType(", "iif(", "matches('", "replaceMatches(", "1", "-", "'a'", "{}", "@2020-13",
    "@T25", "\\", "\u0000", "💩", "&", "*", "/", " div ", " mod ", "as ", "is ", "12345678901234567890", "1.0e5", "//", "/*",
]  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a value with each of its keys."""
    found, stack = [], [value]
    while stack:
        node = stack.pop()
        inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, child in list(inside):
            found.append((node, key))
            stack.append(child)
    return found


def worse(value: Any, chance: random.Random) -> Any:
    """A JSON value with one to four changes."""
    value = copy.deepcopy(value)
    for _ in range(chance.randint(1, 4)):
        known = places(value)
        if not known or chance.random() < 0.02:
            value = copy.deepcopy(chance.choice(STRANGE))
            continue
        node, key = chance.choice(known)
        _change(node, key, known, chance)
    return value


def _change(node: Any, key: Any, known: list[tuple[Any, Any]], chance: random.Random) -> None:
    how = chance.randrange(7)
    if how == 0:
        del node[key]
    elif how == 1 and isinstance(node[key], str):
        node[key] = worse_text(node[key], chance)
    elif how == 2:
        other, place = chance.choice(known)
        node[key] = copy.deepcopy(other[place]) if _small(other[place]) else None
    elif how == 3:
        node[key] = [copy.deepcopy(node[key])] * chance.randint(1, 3) if _small(node[key]) else []
    elif how == 4 and isinstance(node, dict):
        node[chance.choice(["x", "", "_" + str(key), str(key).upper(), "resourceType", "url"])] = node.pop(
            key
        )
    elif how == 5 and isinstance(node, list):
        node.insert(key, copy.deepcopy(node[key]) if _small(node[key]) else None)
    else:
        node[key] = copy.deepcopy(chance.choice(STRANGE))


def _small(value: Any) -> bool:
    return len(json.dumps(value)) < 20_000


def worse_text(text: str, chance: random.Random) -> str:
    """A text with one to four changes."""
    for _ in range(chance.randint(1, 4)):
        begin = chance.randint(0, len(text))
        end = min(len(text), begin + chance.choice([0, 0, 1, 2, 8]))
        put = chance.choice([*TOKENS, "", text[begin : begin + 30], text[:end]])
        text = (text[:begin] + put + text[end:])[:20_000]
    return text


def worse_bytes(data: bytes, chance: random.Random) -> bytes:
    """Bytes with one to four changes: flipped, cut, doubled, put in."""
    for _ in range(chance.randint(1, 4)):
        begin = chance.randint(0, len(data))
        end = min(len(data), begin + chance.choice([0, 1, 2, 40]))
        parts = [
            b"",
            b"\x00",
            b"\xff",
            b"\n",
            b"\r",
            b"{",
            b"]",
            b'"',
            b"\xed\xa0\x80",
            b"\xef\xbb\xbf",
            b"1e999999999",
        ]
        put = chance.choice([*parts, data[begin : begin + 200], bytes([chance.randrange(256)])])
        data = data[:begin] + put + data[end:]
        if chance.random() < 0.1:
            data = data[:begin]
    return data
