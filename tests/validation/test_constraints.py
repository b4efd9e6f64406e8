"""Invariants that run as FHIRPath."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_blina.r4 import R4
from fhir_blina.validation.constraints import NOT_HERE, from_fhirpath, invariant
from fhir_blina.validation.invariants import NATIVE, native


def stated() -> dict[str, str]:
    """Every invariant of R4: key -> FHIRPath."""
    found: dict[str, str] = {}
    for definition in R4.types.values():
        for holder in (definition, *definition["elements"].values()):
            found |= {key: rule["expression"] for key, rule in holder.get("invariants", {}).items()}
    return found


def test_all_invariants_are_judged_but_for_those_named() -> None:
    skipped = {key for key, text in stated().items() if invariant(key, text, R4) is None}
    assert skipped - set(NOT_HERE) == {"ctm-1"}  # asks a server to resolve a reference


def test_named_exceptions_exist() -> None:
    assert set(NOT_HERE) <= set(stated())
    assert set(NATIVE) <= set(stated())


def test_a_function_stands_for_the_text_that_it_was_written_for_and_no_other() -> None:
    assert all(native(key, stated()[key]) is holds for key, holds in NATIVE.items())
    assert native("obs-6", stated()["obs-6"] + " or true") is None
    assert native("tim-1", stated()["tim-1"]) is None


@pytest.mark.parametrize(
    ("key", "node", "holds"),
    [
        ("tim-1", {"duration": 1}, False),
        ("tim-1", {"duration": 1, "durationUnit": "d"}, True),
        ("tim-4", {"duration": -1}, False),
        ("tim-9", {"offset": 1, "when": ["C"]}, False),
        ("age-1", {"value": 3, "system": "http://unitsofmeasure.org", "code": "a"}, True),
        ("age-1", {"value": 3}, False),
        ("cnt-3", {"value": 3, "code": "1", "system": "http://unitsofmeasure.org"}, True),
        ("que-2", {"item": [{"linkId": "1"}, {"linkId": "1"}]}, False),
        ("que-2", {"item": [{"linkId": "1", "item": [{"linkId": "2"}]}]}, True),
        ("bdl-1", {"type": "collection", "total": 3}, False),
        ("bdl-1", {"type": "searchset", "total": 3}, True),
        ("spd-2", {"type": "token", "chain": ["a"]}, False),
        ("sdf-6", {"snapshot": {"element": [{"id": "a", "path": "a"}]}}, True),
        ("sdf-6", {}, False),
        ("sdf-9", {"differential": {"element": [{"path": "a", "label": "b"}]}}, False),
    ],
)
def test_rules_of_the_specification(key: str, node: Any, holds: bool) -> None:
    judge = from_fhirpath(stated()[key], R4)
    assert judge is not None
    assert judge(node, node) is holds


def test_what_needs_a_server_has_no_judge() -> None:
    assert from_fhirpath("member.resolve().exists()", R4) is None
