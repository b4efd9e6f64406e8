"""The invariants written in Python say what R4's own FHIRPath says, by another engine."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import fhirpathpy
import pytest
from fhirpathpy.models import models

from fhir_blina.r4 import R4
from fhir_blina.validation.beside import is_vital_sign
from fhir_blina.validation.invariants import NATIVE, UCUM
from fhir_blina.validation.parts import in_order

TERMS = "http://terminology.hl7.org/CodeSystem"
LOINC = {"system": "http://loinc.org", "code": "1"}
OTHER = {"system": "http://loinc.org", "code": "2"}
MG = {"system": UCUM, "code": "mg"}


def status(code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{TERMS}/condition-clinical", "code": code}]}


def ver_status(code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{TERMS}/condition-ver-status", "code": code}]}


# invariant -> its type, the path to a node of the type in a resource, and for each element values to try
POOLS: dict[str, tuple[str, str, dict[str, list[Any]]]] = {
    "ext-1": ("Extension", "Patient.extension", {"valueString": ["a"], "extension": [[{"url": "a"}]]}),
    "qty-3": ("Quantity", "Observation.valueQuantity", {"code": ["a"], "system": ["a"], "value": [1]}),
    "sqty-1": ("SimpleQuantity", "Observation.valueQuantity", {"comparator": ["<"], "value": [1]}),
    "rat-1": (
        "Ratio",
        "Observation.valueRatio",
        {"numerator": [MG], "denominator": [MG], "extension": [[{"url": "a"}]]},
    ),
    "att-1": ("Attachment", "Patient.photo", {"data": ["aaaa"], "contentType": ["a/b"], "url": ["a"]}),
    "cpt-2": ("ContactPoint", "Patient.telecom", {"value": ["1"], "system": ["phone"]}),
    "pat-1": (
        "Patient.contact",
        "Patient.contact",
        {
            "name": [{"text": "a"}],
            "telecom": [[{"use": "home"}]],
            "address": [{"text": "a"}],
            "organization": [{"display": "a"}],
            "gender": ["male"],
        },
    ),
    "con-4": (
        "Condition",
        "Condition",
        {
            "abatementString": ["a"],
            "clinicalStatus": [status("resolved"), status("active"), status("remission")],
        },
    ),
    "con-5": (
        "Condition",
        "Condition",
        {
            "clinicalStatus": [status("active")],
            "verificationStatus": [ver_status("entered-in-error"), ver_status("confirmed")],
        },
    ),
    "mad-1": (
        "MedicationAdministration.dosage",
        "MedicationAdministration.dosage",
        {"dose": [MG], "rateQuantity": [MG], "rateRatio": [{"numerator": MG}], "text": ["a"]},
    ),
    "obs-3": (
        "Observation.referenceRange",
        "Observation.referenceRange",
        {"low": [MG], "high": [MG], "text": ["a"], "type": [{"text": "a"}]},
    ),
    "obs-6": (
        "Observation",
        "Observation",
        {"valueQuantity": [MG], "valueString": ["a"], "dataAbsentReason": [{"text": "a"}]},
    ),
    "obs-7": (
        "Observation",
        "Observation",
        {
            "code": [{"coding": [LOINC]}],
            "valueInteger": [1],
            "component": [[{"code": {"coding": [LOINC]}}], [{"code": {"coding": [OTHER]}}]],
        },
    ),
    "grp-1": ("Group", "Group", {"member": [[{"inactive": True}]], "actual": [True, False]}),
    "csd-1": (
        "CodeSystem",
        "CodeSystem",
        {
            "concept": [
                [{"code": "a"}, {"code": "b", "concept": [{"code": "c"}]}],
                [{"code": "a"}, {"code": "a"}],
            ]
        },
    ),
    "dom-2": (
        "DomainResource",
        "Patient",
        {
            "contained": [
                [{"resourceType": "Patient"}],
                [{"resourceType": "Patient", "contained": [{"id": "a"}]}],
            ]
        },
    ),
    "dom-4": (
        "DomainResource",
        "Patient",
        {
            "contained": [
                [{"meta": {"versionId": "1"}}],
                [{"meta": {"lastUpdated": "2021"}}],
                [{"meta": {"tag": []}}],
            ]
        },
    ),
    "dom-5": ("DomainResource", "Patient", {"contained": [[{"meta": {"security": [LOINC]}}], [{"id": "a"}]]}),
}
# con-3's official text compares a concept with a string, rng-2's whole quantities; drt-1 uses %ucum, dom-3
# and per-1 what fhirpathpy does not do.
BY_HAND = {"con-3", "drt-1", "dom-3", "per-1", "rng-2"}


def test_every_python_invariant_is_tested() -> None:
    assert set(NATIVE) == set(POOLS) | BY_HAND


@pytest.mark.parametrize("key", sorted(POOLS))
def test_python_and_fhirpath_agree(key: str) -> None:
    kind, path, pool = POOLS[key]
    expression = R4.types[kind]["invariants"][key]["expression"]
    root, _, leaf = path.partition(".")
    answers = set()
    for values in itertools.product(*([None, *choices] for choices in pool.values())):
        node = {name: value for name, value in zip(pool, values, strict=True) if value is not None}
        if leaf and not node:
            continue
        resource = {"resourceType": root, leaf: node} if leaf else {"resourceType": root, **node}
        whole = f"{path.replace('.value', '.value.ofType(') + ')' if '.value' in path else path}.all({expression})"
        (expected,) = fhirpathpy.evaluate(resource, whole, {"resource": resource}, models["r4"])
        assert NATIVE[key](node if leaf else resource) is expected, node
        answers.add(expected)
    assert answers == {True, False}


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        ("2021-01-01", "2021-01-01", True),
        ("2021-01-02", "2021-01-01", False),
        ("2021-01", "2021-01-15", True),
        ("2021-02", "2021-01-15", False),
        ("2021-01-15T23:00:00+08:00", "2021-01-15T16:00:00Z", True),
        ("2021-01-15T23:00:00Z", "2021-01-15T23:30:00+08:00", False),
        ("2021-01-15T23:00:00Z", "2021-01-15", True),
        (None, "2021", True),
        ("2021", 3, True),
    ],
)
def test_dates_in_order_as_far_as_they_are_precise(earlier: Any, later: Any, expected: bool) -> None:
    assert in_order(earlier, later) is expected
    assert NATIVE["per-1"]({"start": earlier, "end": later}) is expected


def test_con_3_asks_for_a_status_of_problems_only() -> None:
    problem = {
        "category": [{"coding": [{"system": f"{TERMS}/condition-category", "code": "problem-list-item"}]}]
    }
    assert not NATIVE["con-3"](problem)
    assert NATIVE["con-3"](problem | {"clinicalStatus": status("active")})
    assert NATIVE["con-3"](problem | {"verificationStatus": ver_status("entered-in-error")})
    assert NATIVE["con-3"]({"category": [{"text": "problem-list-item"}]})


def test_rng_2_compares_the_values() -> None:
    assert NATIVE["rng-2"]({"low": {"value": Decimal("1.5")}, "high": {"value": 2}})
    assert NATIVE["rng-2"]({"low": {"value": 2}, "high": {"value": 2}})
    assert not NATIVE["rng-2"]({"low": {"value": 3}, "high": {"value": 2}})
    assert NATIVE["rng-2"]({"low": {"value": 3}})


def test_drt_1_wants_ucum_and_a_value() -> None:
    assert NATIVE["drt-1"]({"code": "d", "system": UCUM, "value": Decimal(1)})
    assert not NATIVE["drt-1"]({"code": "d", "system": "http://other.example", "value": 1})
    assert not NATIVE["drt-1"]({"code": "d", "system": UCUM})


def test_dom_3_follows_references_both_ways() -> None:
    inner = {"resourceType": "Specimen", "id": "s"}
    assert not NATIVE["dom-3"]({"contained": [inner]})
    assert NATIVE["dom-3"]({"contained": [inner], "specimen": {"reference": "#s"}})
    assert NATIVE["dom-3"]({"contained": [inner | {"subject": {"reference": "#"}}]})
    assert NATIVE["dom-3"]({"contained": [inner], "instantiatesCanonical": ["#s"]})


def test_vital_signs_are_known_by_loinc_code() -> None:
    assert is_vital_sign({"code": {"coding": [OTHER, {"system": "http://loinc.org", "code": "29463-7"}]}})
    assert not is_vital_sign({"code": {"coding": [{"system": "http://other.example", "code": "29463-7"}]}})
    assert not is_vital_sign({"code": "29463-7"})
