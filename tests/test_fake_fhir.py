"""The server in memory answers as FHIR says, and by its own code."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests import exact_json
from tests.fake_fhir import BASE, COHORT, KEY, FakeFhir, ward


@pytest.fixture
def fake():
    server = FakeFhir(page=2)
    for one in ward():
        server.put(f"{one['resourceType']}/{one['id']}", one, server.held)
    return server


def got(fake, address):
    with fake.client() as client:
        answer = client.get(f"{BASE}/{address}")
    return answer, exact_json.loads(answer.text)


@pytest.mark.parametrize("name", ["fake_fhir.py", "exact_json.py"])
def test_it_shares_no_code_with_the_product(name):
    tree = ast.parse((Path(__file__).parent / name).read_text("utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    assert not [module for module in imported if module.split(".")[0] == "fhir_blina"]


def test_an_unknown_search_parameter_is_refused_unless_the_server_is_lenient(fake):
    answer, said = got(fake, "Patient?colour=red")
    assert (answer.status_code, said["resourceType"]) == (400, "OperationOutcome")
    fake.lenient = True
    assert got(fake, "Patient?colour=red")[1]["total"] == 3
    assert got(fake, "Spaceship")[0].status_code == 404


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("", 3),
        ("gender=male", 2),
        ("_id=tiny-P1,tiny-P3", 2),
        (f"_tag={COHORT}|tiny", 3),
        ("_tag=tiny", 3),
        (f"_tag={COHORT}|other", 0),
        (f"identifier={KEY}|tiny-P2", 1),
        ("identifier=urn:other|tiny-P2", 0),
        ("_lastUpdated=gt2020-01-01T00:00:00Z", 3),
        ("_lastUpdated=lt2020-01-01T00:00:00Z", 0),
        ("_tag=tiny&gender=female", 1),
    ],
)
def test_a_search_finds_what_its_parameters_say(fake, query, total):
    assert got(fake, f"Patient?{query}")[1]["total"] == total
    assert got(fake, f"Patient?{query}&_summary=count")[1]["total"] == total


def test_a_page_has_its_links_its_total_and_full_addresses(fake):
    answer, bundle = got(fake, "Patient?_count=2")
    assert abs(parsedate_to_datetime(answer.headers["date"]) - datetime.now(UTC)) < timedelta(minutes=1)
    links = {link["relation"]: link["url"] for link in bundle["link"]}
    assert links["self"] == f"{BASE}/Patient?_count=2"
    assert (bundle["total"], len(bundle["entry"])) == (3, 2)
    assert [one["fullUrl"] for one in bundle["entry"]] == [
        f"{BASE}/Patient/tiny-P1",
        f"{BASE}/Patient/tiny-P2",
    ]
    last = got(fake, links["next"].removeprefix(f"{BASE}/").removeprefix(BASE))[1]
    assert [one["resource"]["id"] for one in last["entry"]] == ["tiny-P3"]
    assert "next" not in {link["relation"] for link in last["link"]}


def test_a_change_has_its_time(fake):
    before = fake.held["Patient/tiny-P1"]["meta"]["lastUpdated"]
    fake.passes(3600)
    fake.put("Patient/tiny-P1", {"resourceType": "Patient", "id": "tiny-P1", "gender": "other"}, fake.held)
    after = fake.held["Patient/tiny-P1"]["meta"]["lastUpdated"]
    assert datetime.fromisoformat(after) - datetime.fromisoformat(before) >= timedelta(hours=1)


@pytest.mark.parametrize("text", ["14.00", "1E-7", "1e5", "-0.0", "0.10000000000000000000001", "7"])
def test_a_number_goes_out_as_it_came_in(text):
    assert exact_json.dumps(exact_json.loads(f'{{"value":{text}}}')) == f'{{"value":{text}}}'


def test_references_are_found_wherever_they_stand():
    group = next(one for one in ward() if one["resourceType"] == "Group")
    assert list(exact_json.targets(group)) == ["Patient/tiny-P1", "Patient/tiny-P2", "Patient/tiny-P3"]
