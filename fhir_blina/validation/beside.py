"""Rules beside the invariants of the specification: identifiers that are URIs, vital signs."""

from __future__ import annotations

from collections.abc import Mapping

from fhir_blina.validation.invariants import TERMINOLOGY, Judge
from fhir_blina.validation.parts import Node, coded, has, has_choice, items_of

LOINC = "http://loinc.org"
VITAL_SIGNS = frozenset(
    """85353-1 9279-1 8867-4 2708-6 59408-5 8310-5 8302-2 9843-4 29463-7 39156-5 85354-9 8480-6
    8462-4""".split()  # noqa: SIM905
)


def is_vital_sign(node: Node) -> bool:
    """Whether an Observation has a LOINC code that the vital signs profile of the specification names."""
    return any(
        isinstance(coding, dict) and coding.get("code") in VITAL_SIGNS and coding.get("system") == LOINC
        for coding in items_of(node.get("code"), "coding")
    )


def _vs_1(node: Node) -> bool:
    day = node.get("effectiveDateTime")
    return not is_vital_sign(node) or (has_choice(node, "effective") and (day is None or len(day) >= 10))


def _vs_2(node: Node) -> bool:
    return (
        not is_vital_sign(node)
        or has(node, "component", "hasMember", "dataAbsentReason")
        or has_choice(node, "value")
    )


def _vs_category(node: Node) -> bool:
    category = f"{TERMINOLOGY}observation-category"
    return not is_vital_sign(node) or any(
        coded(item, category, "vital-signs") for item in items_of(node, "category")
    )


def _rfc_3986(node: Node) -> bool:
    value = node.get("value")
    return node.get("system") != "urn:ietf:rfc:3986" or not isinstance(value, str) or ":" in value


ADDED: Mapping[str, tuple[tuple[str, str, str, Judge], ...]] = {
    "Identifier": (
        ("error", "rfc-3986", "with system urn:ietf:rfc:3986 the value is a full URI", _rfc_3986),
    ),
    "Observation": (
        ("warning", "vs-1", "a vital sign has an effective time, to the day at least", _vs_1),
        ("warning", "vs-2", "a vital sign has a value, component, member or dataAbsentReason", _vs_2),
        ("warning", "vitalsigns", "a vital sign has the category vital-signs", _vs_category),
    ),
}
"""Rules beside the invariants, by type: severity, key, what holds, judge."""
