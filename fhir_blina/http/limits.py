"""Rate limits in headers: what is left, and when more is taken.

``RateLimit: "name";r=0;t=12`` and ``RateLimit-Policy: "name";q=100;w=60`` are those of
draft-ietf-httpapi-ratelimit-headers: lists of items with parameters (RFC 8941). Its earlier words are known:
``limit=100, remaining=0, reset=12``, ``100;w=60``, ``RateLimit-Remaining`` and ``RateLimit-Reset``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LONGEST_PAUSE_OF_LIMIT = 120.0
_ITEM = re.compile(r'(?:"((?:[^"\\]|\\.)*)"|([A-Za-z0-9*:_./%-]+))((?:\s*;[^,"]*(?:"(?:[^"\\]|\\.)*")?)*)')
_PARAMETER = re.compile(r";\s*([a-z*][a-z0-9_.*-]*)=(\d{1,9})(?:\.\d{1,3})?(?![\w.])")
_PAIR = re.compile(r"\b(limit|remaining|reset)\s*=\s*(\d{1,9})\b")


@dataclass(frozen=True, slots=True)
class Limit:
    """One rate limit.

    Attributes:
        left: What may still be asked for.
        until: Seconds until it starts anew; None where that is not said.
    """

    left: int
    until: float | None


def _items(header: str) -> Iterator[tuple[str, dict[str, int]]]:
    """The name and the whole numbers of each item of a list."""
    for name, token, parameters in _ITEM.findall(header):
        yield name or token, {key: int(value) for key, value in _PARAMETER.findall(parameters)}


def _windows(headers: Mapping[str, str]) -> dict[str, float]:
    """Seconds of each policy's window, by its name."""
    return {
        name: float(values["w"])
        for name, values in _items(headers.get("ratelimit-policy", ""))
        if "w" in values
    }


def limits_of(headers: Mapping[str, str]) -> list[Limit]:
    """Every rate limit that an answer tells of what is left; a limit without its end ends with its window."""
    windows, said = _windows(headers), headers.get("ratelimit", "")
    found = []
    for name, values in _items(said):
        if "r" in values:
            window = windows.get(name)
            found.append(Limit(values["r"], float(values["t"]) if "t" in values else window))
    pairs = {name: int(value) for name, value in _PAIR.findall(said)}
    for name in ("remaining", "reset"):
        alone = headers.get(f"ratelimit-{name}", "").strip()
        if alone.isascii() and alone.isdecimal():
            pairs.setdefault(name, int(alone[:9]))
    if "remaining" in pairs:
        until = float(pairs["reset"]) if "reset" in pairs else next(iter(windows.values()), None)
        found.append(Limit(pairs["remaining"], until))
    return found


def pause_of_limit(headers: Mapping[str, str], *, refused: bool = False) -> float:
    """Seconds until the server takes more, by its rate limits; 0 where something is left, or nothing is said.

    At most two minutes.

    Args:
        headers: Of the answer.
        refused: Something was refused, so what is left was too little: until the first limit starts anew, or
            where only policies are told the shortest window ends.
    """
    limits = [limit for limit in limits_of(headers) if limit.until is not None]
    spent = [limit.until or 0.0 for limit in limits if not limit.left]
    pause = max(spent, default=0.0)
    if refused and not spent:
        told = [limit.until or 0.0 for limit in limits] or list(_windows(headers).values())
        pause = min(told, default=0.0)
    return min(pause, LONGEST_PAUSE_OF_LIMIT)
