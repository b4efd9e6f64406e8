"""The code systems, extensions and search parameters, shared and a cohort's own."""

from __future__ import annotations

import pytest

from fhir_blina.cohorts.conformance import conformance_resources
from fhir_blina.cohorts.folder import read_cohort
from fhir_blina.errors import CohortError
from fhir_blina.files.shipped import mappings_folder


def test_every_shared_file_is_one_resource():
    files = sorted((mappings_folder() / "profiles").glob("*.json"))
    resources = conformance_resources()
    assert [f"{one['resourceType']}-{one['id']}.json" for one in resources] == [path.name for path in files]


def test_canonicals_are_ids_under_one_base_and_stand_once():
    urls = [resource["url"] for resource in conformance_resources()]
    assert len(set(urls)) == len(urls)
    for resource in conformance_resources():
        assert resource["url"] == f"https://fhir-blina.example/{resource['resourceType']}/{resource['id']}"


def test_a_cohorts_own_files_come_after_the_shared_ones_with_constants_filled(tiny):
    (tiny / "profiles").mkdir()
    (tiny / "profiles" / "own.json").write_text(
        '{"resourceType": "CodeSystem", "id": "{{ %cohort }}-own", "url": "{{%base}}/own", "count": 1.50}'
    )
    cohort = read_cohort(tiny)
    *shared, own = conformance_resources(cohort)
    assert shared == conformance_resources()
    assert own["id"] == "tiny-own"
    assert own["url"] == "https://example.org/own"
    assert str(own["count"]) == "1.50"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "own.json: error: not readable as JSON"),
        ('{"a": 1, "a": 2}', "own.json: error: not readable as JSON"),
        ("[]", "own.json: error: not a FHIR resource"),
        (
            '{"resourceType": "CodeSystem"}',
            "own.json: error: not a FHIR resource: resourceType or id is missing",
        ),
        (b"\xff", "own.json:1: error: not UTF-8"),
        ("", "own.json:1: error: the file is empty"),
    ],
)
def test_a_file_that_is_no_resource_is_named(text, message, tiny):
    (tiny / "profiles").mkdir()
    path = tiny / "profiles" / "own.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(CohortError) as error:
        conformance_resources(read_cohort(tiny))
    assert message in str(error.value)
