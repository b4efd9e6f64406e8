"""The invariants of FHIR R4, as functions that are fast enough for every resource.

An invariant such as obs-6 is a FHIRPath expression of the R4 definitions. Those of the types
that cohorts use are written here as Python functions; :mod:`fhir_blina.validation.constraints` runs all
others as FHIRPath. The tests compare both on the official examples.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Node = dict[str, Any]

UCUM = "http://unitsofmeasure.org"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
LOINC = "http://loinc.org"
VITAL_SIGNS = frozenset(
    """85353-1 9279-1 8867-4 2708-6 59408-5 8310-5 8302-2 9843-4 29463-7 39156-5 85354-9 8480-6
    8462-4""".split()  # noqa: SIM905
)

NATIVE: dict[str, Callable[[Any], bool]] = {}


def _named(key: str) -> Callable[[Callable[[Any], bool]], Callable[[Any], bool]]:
    def register(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
        NATIVE[key] = holds
        return holds

    return register


def _has(node: Node, *names: str) -> bool:
    return any(name in node or f"_{name}" in node for name in names)


def _choice(node: Node, name: str) -> bool:
    return any(key.startswith((name, f"_{name}")) for key in node)


def _nodes(value: Any) -> Iterator[Node]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _items(node: Any, name: str) -> list[Any]:
    value = node.get(name) if isinstance(node, dict) else None
    return value if isinstance(value, list) else []


def _coded(concept: Any, system: str, *codes: str) -> bool:
    return any(
        isinstance(coding, dict) and coding.get("system") == system and coding.get("code") in codes
        for coding in _items(concept, "coding")
    )


def _moment(text: str) -> dt.datetime | None:
    if "T" not in text:
        return None
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def in_order(earlier: Any, later: Any) -> bool:
    """Whether a date or dateTime is at or before another, as far as both are precise."""
    if not isinstance(earlier, str) or not isinstance(later, str):
        return True
    first, second = _moment(earlier), _moment(later)
    if first is not None and second is not None:
        return (first.tzinfo is None) != (second.tzinfo is None) or first <= second
    shared = min(len(earlier), len(later), 10)
    return earlier[:shared] <= later[:shared]


def _ordered(node: Node, low: str, high: str) -> bool:
    try:
        return not node[low]["value"] > node[high]["value"]
    except (KeyError, TypeError):
        return True


@_named("ext-1")
def _ext_1(node: Node) -> bool:
    return ("extension" in node) != _choice(node, "value")


@_named("per-1")
def _per_1(node: Node) -> bool:
    return in_order(node.get("start"), node.get("end"))


@_named("qty-3")
def _qty_3(node: Node) -> bool:
    return not _has(node, "code") or _has(node, "system")


@_named("sqty-1")
def _sqty_1(node: Node) -> bool:
    return not _has(node, "comparator")


@_named("rng-2")
def _rng_2(node: Node) -> bool:
    return _ordered(node, "low", "high")


@_named("rat-1")
def _rat_1(node: Node) -> bool:
    top = "numerator" in node
    return top == ("denominator" in node) and (top or "extension" in node)


@_named("att-1")
def _att_1(node: Node) -> bool:
    return not _has(node, "data") or _has(node, "contentType")


@_named("cpt-2")
def _cpt_2(node: Node) -> bool:
    return not _has(node, "value") or _has(node, "system")


@_named("drt-1")
def _drt_1(node: Node) -> bool:
    return not _has(node, "code") or (node.get("system") == UCUM and _has(node, "value"))


@_named("dom-2")
def _dom_2(node: Node) -> bool:
    return not any("contained" in inner for inner in _items(node, "contained") if isinstance(inner, dict))


@_named("dom-3")
def _dom_3(node: Node) -> bool:
    if not _items(node, "contained"):
        return True
    words = {value for inner in _nodes(node) for value in inner.values() if isinstance(value, str)}
    words |= {
        word
        for inner in _nodes(node)
        for value in inner.values()
        if isinstance(value, list)
        for word in value
        if isinstance(word, str)
    }
    return all(
        f"#{inner.get('id')}" in words or any("#" in part.values() for part in _nodes(inner) if _plain(part))
        for inner in node["contained"]
        if isinstance(inner, dict)
    )


def _plain(node: Node) -> bool:
    return any(value == "#" for value in node.values() if isinstance(value, str))


def _contained_meta(node: Node, *names: str) -> bool:
    return not any(
        _has(inner["meta"], *names)
        for inner in _items(node, "contained")
        if isinstance(inner, dict) and isinstance(inner.get("meta"), dict)
    )


@_named("dom-4")
def _dom_4(node: Node) -> bool:
    return _contained_meta(node, "versionId", "lastUpdated")


@_named("dom-5")
def _dom_5(node: Node) -> bool:
    return _contained_meta(node, "security")


@_named("pat-1")
def _pat_1(node: Node) -> bool:
    return _has(node, "name", "telecom", "address", "organization")


@_named("con-3")
def _con_3(node: Node) -> bool:
    if "clinicalStatus" in node:
        return True
    if _coded(node.get("verificationStatus"), f"{TERMINOLOGY}condition-ver-status", "entered-in-error"):
        return True
    category = f"{TERMINOLOGY}condition-category"
    return not any(_coded(item, category, "problem-list-item") for item in _items(node, "category"))


@_named("con-4")
def _con_4(node: Node) -> bool:
    ended = ("resolved", "remission", "inactive")
    status = f"{TERMINOLOGY}condition-clinical"
    return not _choice(node, "abatement") or _coded(node.get("clinicalStatus"), status, *ended)


@_named("con-5")
def _con_5(node: Node) -> bool:
    status = f"{TERMINOLOGY}condition-ver-status"
    return "clinicalStatus" not in node or not _coded(
        node.get("verificationStatus"), status, "entered-in-error"
    )


@_named("mad-1")
def _mad_1(node: Node) -> bool:
    return "dose" in node or _choice(node, "rate")


@_named("obs-3")
def _obs_3(node: Node) -> bool:
    return _has(node, "low", "high", "text")


@_named("obs-6")
def _obs_6(node: Node) -> bool:
    return "dataAbsentReason" not in node or not _choice(node, "value")


@_named("obs-7")
def _obs_7(node: Node) -> bool:
    parts = _items(node, "component")
    if not parts or not _choice(node, "value"):
        return True
    own = _items(node.get("code"), "coding")
    return not any(
        coding in own
        for part in parts
        if isinstance(part, dict)
        for coding in _items(part.get("code"), "coding")
    )


@_named("grp-1")
def _grp_1(node: Node) -> bool:
    return not _items(node, "member") or node.get("actual") is True


@_named("csd-1")
def _csd_1(node: Node) -> bool:
    concepts = [
        inner for part in _nodes(node) for inner in _items(part, "concept") if isinstance(inner, dict)
    ]
    codes = [concept["code"] for concept in concepts if isinstance(concept.get("code"), str)]
    return len(codes) == len(set(codes))


def is_vital_sign(node: Node) -> bool:
    """Whether an Observation has a LOINC code to which R4's vital signs profile applies."""
    return any(
        isinstance(coding, dict) and coding.get("code") in VITAL_SIGNS and coding.get("system") == LOINC
        for coding in _items(node.get("code"), "coding")
    )


def _vs_1(node: Node) -> bool:
    day = node.get("effectiveDateTime")
    return not is_vital_sign(node) or (_choice(node, "effective") and (day is None or len(day) >= 10))


def _vs_2(node: Node) -> bool:
    return (
        not is_vital_sign(node)
        or _has(node, "component", "hasMember", "dataAbsentReason")
        or _choice(node, "value")
    )


def _vs_category(node: Node) -> bool:
    category = f"{TERMINOLOGY}observation-category"
    return not is_vital_sign(node) or any(
        _coded(item, category, "vital-signs") for item in _items(node, "category")
    )


def _rfc_3986(node: Node) -> bool:
    value = node.get("value")
    return node.get("system") != "urn:ietf:rfc:3986" or not isinstance(value, str) or ":" in value


ADDED: Mapping[str, tuple[tuple[str, str, str, Callable[[Any], bool]], ...]] = {
    "Identifier": (
        ("error", "rfc-3986", "with system urn:ietf:rfc:3986 the value is a full URI", _rfc_3986),
    ),
    "Observation": (
        ("warning", "vs-1", "a vital sign has an effective time, to the day at least", _vs_1),
        ("warning", "vs-2", "a vital sign has a value, component, member or dataAbsentReason", _vs_2),
        ("warning", "vitalsigns", "a vital sign has the category vital-signs", _vs_category),
    ),
}
"""Rules beside R4's invariants, by type: severity, key, what holds, judge."""
