"""The invariants of FHIR R4, as functions that are fast enough for every resource.

An invariant such as obs-6 is a FHIRPath expression of the R4 definitions. Those of the types
that cohorts use are written here as Python functions; :mod:`fhir_blina.validation.constraints` runs all
others as FHIRPath. The tests compare both on the official examples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from fhir_blina.validation.parts import Node, coded, has, has_choice, in_order, items_of, nodes_in

Judge = Callable[[Any], bool]

UCUM = "http://unitsofmeasure.org"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"

NATIVE: dict[str, Judge] = {}
_WRITTEN_FOR: dict[str, str] = {}


def _named(key: str, digest: str) -> Callable[[Judge], Judge]:
    """Register the function of an invariant, with the digest of the FHIRPath that it was written for."""

    def register(holds: Judge) -> Judge:
        NATIVE[key], _WRITTEN_FOR[key] = holds, digest
        return holds

    return register


def native(key: str, expression: str) -> Judge | None:
    """The function of an invariant; ``None`` where there is none, or a release states another FHIRPath."""
    digest = hashlib.sha256(expression.encode()).hexdigest()
    return NATIVE[key] if digest.startswith(_WRITTEN_FOR.get(key, "none")) else None


def _ordered(node: Node, low: str, high: str) -> bool:
    try:
        return not node[low]["value"] > node[high]["value"]
    except (KeyError, TypeError):
        return True


@_named("ext-1", "32e4a881")
def _ext_1(node: Node) -> bool:
    return ("extension" in node) != has_choice(node, "value")


@_named("per-1", "1e893b25")
def _per_1(node: Node) -> bool:
    return in_order(node.get("start"), node.get("end"))


@_named("qty-3", "b6cd76fc")
def _qty_3(node: Node) -> bool:
    return not has(node, "code") or has(node, "system")


@_named("sqty-1", "c463ccd7")
def _sqty_1(node: Node) -> bool:
    return not has(node, "comparator")


@_named("rng-2", "cb366a56")
def _rng_2(node: Node) -> bool:
    return _ordered(node, "low", "high")


@_named("rat-1", "d5b628bb")
def _rat_1(node: Node) -> bool:
    top = "numerator" in node
    return top == ("denominator" in node) and (top or "extension" in node)


@_named("att-1", "da2ed0c9")
def _att_1(node: Node) -> bool:
    return not has(node, "data") or has(node, "contentType")


@_named("cpt-2", "9fbfbd7b")
def _cpt_2(node: Node) -> bool:
    return not has(node, "value") or has(node, "system")


@_named("drt-1", "060cae22")
def _drt_1(node: Node) -> bool:
    return not has(node, "code") or (node.get("system") == UCUM and has(node, "value"))


@_named("dom-2", "f0704c44")
def _dom_2(node: Node) -> bool:
    return not any("contained" in inner for inner in items_of(node, "contained") if isinstance(inner, dict))


@_named("dom-3", "835750ce")
def _dom_3(node: Node) -> bool:
    if not items_of(node, "contained"):
        return True
    words = {value for inner in nodes_in(node) for value in inner.values() if isinstance(value, str)}
    words |= {
        word
        for inner in nodes_in(node)
        for value in inner.values()
        if isinstance(value, list)
        for word in value
        if isinstance(word, str)
    }
    return all(
        f"#{inner.get('id')}" in words
        or any("#" in part.values() for part in nodes_in(inner) if _plain(part))
        for inner in node["contained"]
        if isinstance(inner, dict)
    )


def _plain(node: Node) -> bool:
    return any(value == "#" for value in node.values() if isinstance(value, str))


def _contained_meta(node: Node, *names: str) -> bool:
    return not any(
        has(inner["meta"], *names)
        for inner in items_of(node, "contained")
        if isinstance(inner, dict) and isinstance(inner.get("meta"), dict)
    )


@_named("dom-4", "ae24fe11")
def _dom_4(node: Node) -> bool:
    return _contained_meta(node, "versionId", "lastUpdated")


@_named("dom-5", "00f10df0")
def _dom_5(node: Node) -> bool:
    return _contained_meta(node, "security")


@_named("pat-1", "acd3431b")
def _pat_1(node: Node) -> bool:
    return has(node, "name", "telecom", "address", "organization")


@_named("con-3", "a8ec6d1b")
def _con_3(node: Node) -> bool:
    if "clinicalStatus" in node:
        return True
    if coded(node.get("verificationStatus"), f"{TERMINOLOGY}condition-ver-status", "entered-in-error"):
        return True
    category = f"{TERMINOLOGY}condition-category"
    return not any(coded(item, category, "problem-list-item") for item in items_of(node, "category"))


@_named("con-4", "d934d06f")
def _con_4(node: Node) -> bool:
    ended = ("resolved", "remission", "inactive")
    status = f"{TERMINOLOGY}condition-clinical"
    return not has_choice(node, "abatement") or coded(node.get("clinicalStatus"), status, *ended)


@_named("con-5", "37550224")
def _con_5(node: Node) -> bool:
    status = f"{TERMINOLOGY}condition-ver-status"
    return "clinicalStatus" not in node or not coded(
        node.get("verificationStatus"), status, "entered-in-error"
    )


@_named("mad-1", "b59c9e21")
def _mad_1(node: Node) -> bool:
    return "dose" in node or has_choice(node, "rate")


@_named("obs-3", "2fd64b9a")
def _obs_3(node: Node) -> bool:
    return has(node, "low", "high", "text")


@_named("obs-6", "52accf65")
def _obs_6(node: Node) -> bool:
    return "dataAbsentReason" not in node or not has_choice(node, "value")


@_named("obs-7", "f3b32017")
def _obs_7(node: Node) -> bool:
    parts = items_of(node, "component")
    if not parts or not has_choice(node, "value"):
        return True
    own = items_of(node.get("code"), "coding")
    return not any(
        coding in own
        for part in parts
        if isinstance(part, dict)
        for coding in items_of(part.get("code"), "coding")
    )


@_named("grp-1", "fd1d71f7")
def _grp_1(node: Node) -> bool:
    return not items_of(node, "member") or node.get("actual") is True


@_named("csd-1", "6495bf67")
def _csd_1(node: Node) -> bool:
    concepts = [
        inner for part in nodes_in(node) for inner in items_of(part, "concept") if isinstance(inner, dict)
    ]
    codes = [concept["code"] for concept in concepts if isinstance(concept.get("code"), str)]
    return len(codes) == len(set(codes))
