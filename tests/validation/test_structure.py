"""Walkers: one for every type of R4, paths, and nothing but problems as their answer."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_blina.r4 import R4
from fhir_blina.validation.judges import Walk
from fhir_blina.validation.references import Known
from fhir_blina.validation.structure import resource, walker


@pytest.fixture
def walk() -> Walk:
    return Walk(Known([]), R4.code_systems, None, R4)


@pytest.mark.parametrize("name", sorted(R4.resource_types))
def test_every_type_asks_for_what_its_definition_needs(name: str, walk: Walk) -> None:
    needed, kind = set(), name
    while kind:
        definition = R4.types[kind]
        needed |= {key.removesuffix("[x]") for key, rule in definition["elements"].items() if rule.get("min")}
        kind = definition["base"]
    found = resource({"resourceType": name, "id": "a"}, walk)
    assert {path for path, _, code, *_ in found if code == "required"} == needed


def test_walkers_are_made_once() -> None:
    assert walker("Quantity", R4) is walker("Quantity", R4)


@pytest.mark.parametrize(
    ("node", "paths"),
    [
        ({"valueQuantity": {"value": "1"}}, {"valueQuantity.value"}),
        (
            {"component": [{"code": {}}, {"code": {"text": 1}}]},
            {"component[0].code", "component[1].code.text"},
        ),
        ({"_status": {"extension": [{"url": "a"}]}}, {"status.extension[0]"}),
        ({"_status": {}}, {"status"}),
        ({"_status": []}, {"status"}),
        ({"_colour": {}}, {""}),
        (
            {"extension": [{"url": "a", "extension": [{"url": 1, "valueInteger": 1}]}]},
            {"extension[0].extension[0].url"},
        ),
        ({"category": [None]}, {"category[0]"}),
        ({"code": []}, {"code"}),
        ({"id": ["a"]}, {"id"}),
    ],
)
def test_paths_lead_to_the_problem(node: dict[str, Any], paths: set[str], walk: Walk) -> None:
    whole = {"resourceType": "Observation", "id": "a", "status": "final", "code": {"text": "a"}} | node
    assert {path for path, *_ in resource(whole, walk)} == paths


def test_the_same_choice_type_with_its_extensions_is_one(walk: Walk) -> None:
    both = {"valueInteger": 1, "_valueInteger": {"extension": [{"url": "a", "valueInteger": 1}]}}
    whole = {"resourceType": "Observation", "id": "a", "status": "final", "code": {"text": "a"}}
    assert resource(whole | both, walk) == []
    two = {"valueInteger": 1, "_valueString": {"extension": [{"url": "a", "valueInteger": 1}]}}
    assert [found[2] for found in resource(whole | two, walk)] == ["structure"]
