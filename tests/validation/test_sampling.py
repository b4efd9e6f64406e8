"""Which resources fhir.resources judges in a large set, and that the summary says how many."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fhir_blina.cli import pipeline
from fhir_blina.cli.terminal import Terminal
from fhir_blina.r4 import R4
from fhir_blina.validation import sampling, validation

PATIENTS = [{"resourceType": "Patient", "id": f"p{number}"} for number in range(10)]
COHORT = SimpleNamespace(release=R4)
OTHERS = [
    {"resourceType": "Organization", "id": "o", "name": "x"},
    {"resourceType": "Patient", "id": "last", "gender": "man"},
]


@pytest.fixture
def judged(monkeypatch):
    """What fhir.resources was asked about."""
    asked = []

    def second_opinion(node, ours):
        asked.append(node["id"])
        return []

    monkeypatch.setattr(validation, "_second_opinion", second_opinion)
    return asked


@pytest.mark.parametrize("sample", [None, 12, 10_000])
def test_all_are_judged_where_there_are_not_more(judged, sample):
    validation.validate([*PATIENTS, *OTHERS], sample=sample)
    assert judged == [one["id"] for one in [*PATIENTS, *OTHERS]]


def test_of_more_the_same_share_of_each_type_is_judged_and_of_each_the_first(judged):
    findings = validation.validate([*PATIENTS, *OTHERS], sample=4)
    assert judged == ["p0", "p3", "p6", "p9", "o"]
    assert [one.location for one in findings] == ["Patient/last"]  # R4's definitions judge every one


def test_by_default_ten_thousand_are_judged(judged):
    many = [{"resourceType": "Patient", "id": f"p{number}"} for number in range(10_001)]
    validation.validate(many[:-1])
    assert len(judged) == 10_000
    judged.clear()
    validation.validate(many)
    assert len(judged) == 10_000


def test_whatever_is_no_resource_counts_as_a_type_of_its_own():
    assert sampling.sampled([None, 3, {"resourceType": ["x"]}, {}], sample=1) == {0, 2, 3}


def test_the_summary_says_how_many_of_how_many(monkeypatch, capsys):
    mapped = SimpleNamespace(resources=[*PATIENTS, OTHERS[0]], origins={})
    monkeypatch.setattr("fhir_blina.cohorts.conformance_resources", lambda _: [])
    pipeline.validated(COHORT, mapped, terminal=Terminal())
    assert "fhir.resources" not in capsys.readouterr().err
    monkeypatch.setattr(sampling.sampled, "__defaults__", (4,))
    pipeline.validated(COHORT, mapped, terminal=Terminal())
    assert "0 errors, 0 warnings; fhir.resources judged 5 of 11" in capsys.readouterr().err
