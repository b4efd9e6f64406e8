"""Resources with every element that R4 defines for a type, each choice in turn, lists of two."""

from __future__ import annotations

from itertools import count
from typing import Any

from fhir_blina.r4 import R4

_LEFT = {"extension", "modifierExtension", "contained", "id", "implicitRules", "meta", "text"}
_PLAIN = {"SimpleQuantity": "Quantity", "MoneyQuantity": "Quantity"}
_WORDS = {
    "date": "2024-01-{:02}",
    "dateTime": "2024-02-{:02}T10:00:00+01:00",
    "instant": "2024-03-{:02}T10:00:00Z",
    "time": "10:{:02}:00",
}


class Every:
    """Makes resources; the values of each leaf differ."""

    def __init__(self) -> None:
        self.number = count(1)

    def resource(self, kind: str, variant: int) -> dict[str, Any]:
        """A resource of a type; ``variant`` chooses the type of each choice and the target of each reference."""
        return {"resourceType": kind, "id": f"{kind.lower()}-{variant}", **self._elements(kind, variant, 0)}

    def variants(self, kind: str) -> int:
        """How many it takes until each choice was made."""
        stated = [
            R4.elements(one) for one in (kind, *(name for name in R4.types if name.startswith(f"{kind}.")))
        ]
        kinds = [one["type"] for elements in stated for one in elements.values()]
        return max(len(one) if isinstance(one, list) else 2 for one in kinds)

    def _elements(self, kind: str, variant: int, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, element in R4.elements(kind).items():
            if name in _LEFT and not (name == "text" and depth):
                continue
            types = element["type"] if isinstance(element["type"], list) else [element["type"]]
            chosen = _PLAIN.get(types[variant % len(types)], types[variant % len(types)])
            key = f"{name[:-3]}{chosen[0].upper()}{chosen[1:]}" if name.endswith("[x]") else name
            one = lambda: self._value(chosen, element, variant, depth + 1)  # noqa: E731, B023
            value = [one(), one()] if element.get("max") == "*" else one()
            if value not in (None, [None, None]):
                made[key] = value
        return made

    def _value(self, kind: str, element: dict[str, Any], variant: int, depth: int) -> Any:
        number = next(self.number)
        if kind == "Reference":
            targets = element.get("targets") or ["Patient"]
            return {"reference": f"{targets[variant % len(targets)]}/r{number}", "display": f"d{number}"}
        if kind in ("boolean", "decimal", "integer", "positiveInt", "unsignedInt"):
            return True if kind == "boolean" else number
        if kind in R4.primitives or kind in ("xhtml", "string"):
            return _WORDS.get(kind, "w{}").format(number % 27 + 1 if kind in _WORDS else number)
        if kind in ("Extension", "Meta", "Narrative", "Resource") or depth > 8:
            return None
        return self._elements(kind, variant, depth)
