"""Tests of a program of yours against a real FHIR server; copy this file and begin."""

import httpx


def patients(url: str, tag: str) -> int:
    """Your program: how many patients of a cohort a server has."""
    answer = httpx.get(f"{url}/Patient", params={"_tag": f"|{tag}", "_summary": "count"})
    return answer.raise_for_status().json()["total"]


def test_a_resource_of_ones_own(fhir_server, fhir_store, fhir_tag):
    name = fhir_tag["code"]
    fhir_store.push([{"resourceType": "Patient", "id": name, "meta": {"tag": [fhir_tag]}}], cohort=name)
    assert patients(fhir_server, name) == 1


def test_a_whole_cohort(fhir_server, load_cohort):
    cohort = load_cohort("cjcp2023")
    assert patients(fhir_server, cohort.name) == 6
