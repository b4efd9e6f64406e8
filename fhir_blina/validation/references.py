"""References between resources: what a set of resources holds, and whether a reference leads there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fhir_blina.r4 import Fault

_RELATIVE = re.compile(r"([A-Z][A-Za-z]{1,40})/[A-Za-z0-9\-.]{1,64}(/_history/[A-Za-z0-9\-.]{1,64})?")


class Known:
    """Where references may lead.

    Attributes:
        types: ``Type/id`` (or a Bundle's fullUrl) -> type, of every resource in the set.
        contained: ``#id`` -> type, of the resource being judged.
        twice: Each ``Type/id`` that occurs more than once, in order.
    """

    def __init__(self, resources: Iterable[Any]) -> None:
        self.types: dict[str, str] = {}
        self.contained: dict[str, str] = {}
        self.twice: list[str] = []
        for resource in resources:
            if isinstance(resource, dict):
                self._add(resource)

    def _add(self, resource: dict[str, Any]) -> None:
        kind, name = resource.get("resourceType"), resource.get("id")
        if not isinstance(kind, str) or not isinstance(name, str):
            return
        key = f"{kind}/{name}"
        if key in self.types:
            self.twice.append(key)
        self.types[key] = kind
        if kind == "Bundle":
            self._add_entries(resource.get("entry"))

    def _add_entries(self, entries: Any) -> None:
        for entry in entries if isinstance(entries, list) else ():
            inner = entry.get("resource") if isinstance(entry, dict) else None
            if not isinstance(inner, dict) or not isinstance(inner.get("resourceType"), str):
                continue
            kind = inner["resourceType"]
            self.types.setdefault(f"{kind}/{inner.get('id')}", kind)
            if isinstance(entry.get("fullUrl"), str):
                self.types.setdefault(entry["fullUrl"], kind)

    def enter(self, resource: Any) -> None:
        """Take up a resource: ``#`` references now lead into it."""
        inner = resource.get("contained") if isinstance(resource, dict) else None
        if not isinstance(inner, list):
            self.contained = {}
            return
        self.contained = {
            f"#{part.get('id')}": str(part.get("resourceType")) for part in inner if isinstance(part, dict)
        }
        self.contained["#"] = str(resource.get("resourceType"))


def reference_fault(reference: dict[str, Any], targets: frozenset[str] | None, known: Known) -> Fault | None:
    """What is wrong with a Reference that has a ``reference`` string.

    Args:
        reference: The element.
        targets: The resource types that the place allows; ``None`` for any.
        known: The set.
    """
    text = reference["reference"]
    kind = known.types.get(text)
    if kind is None:
        if text.startswith("#"):
            kind = known.contained.get(text)
            if kind is None and text != "#":
                return Fault(
                    "ref-1: no contained resource has this id", "Add it or correct the id", code="not-found"
                )
        elif ":" in text:
            return Fault(
                "an absolute reference to something outside the set",
                "Write Type/id",
                code="not-supported",
            )
        else:
            match = _RELATIVE.fullmatch(text)
            if match is None:
                return Fault("not a reference", "Write Type/id")
            kind = match[1]
            if match[2] is None or text.split("/_history/")[0] not in known.types:
                wrong = _wrong_type(reference, kind, targets)
                return wrong or Fault(
                    f"leads to no {kind} in the set", "Add the resource or correct the id", code="not-found"
                )
    return _wrong_type(reference, kind, targets)


def _wrong_type(reference: dict[str, Any], kind: str | None, targets: frozenset[str] | None) -> Fault | None:
    if kind is None:
        return None
    if targets is not None and kind not in targets:
        allowed = ", ".join(sorted(targets))
        return Fault(f"leads to a {kind}, which may not stand here", f"Allowed: {allowed}")
    stated = reference.get("type")
    if isinstance(stated, str) and stated.rsplit("/", 1)[-1] != kind:
        return Fault(f"states a type other than the {kind} that it leads to", "Correct or leave out its type")
    return None
