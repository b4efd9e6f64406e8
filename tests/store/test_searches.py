"""A search that was not done as asked is no result."""

from __future__ import annotations

import json
from datetime import timedelta

import httpx
import pytest

from fhir_blina.errors import StoreIncomplete, StoreRefused
from fhir_blina.store import open_store
from fhir_blina.store.rest import RestStore
from tests.fake_fhir import BASE, FakeFhir, ward


def filled(**settings):
    fake = FakeFhir(**settings)
    store = RestStore(BASE, client=fake.client(), via="search", sleep=lambda _: None)
    store.push(ward(), cohort="tiny")
    return fake, store


def test_a_parameter_that_the_server_ignores_is_no_search(tmp_path):
    """``Patient?gendr=female`` is answered with everybody, and the ``self`` link does not name it."""
    _, store = filled(lenient=True)
    with pytest.raises(StoreRefused, match="ignored gendr in the search for Patient"):
        store.pull(tmp_path / "out", params={"Patient": {"gendr": "female"}})
    assert not (tmp_path / "out").exists()


def test_a_server_is_asked_to_be_strict(tmp_path):
    fake, store = filled()
    fake.requests.clear()
    store.pull(tmp_path / "out", cohort="tiny")
    searches = [
        one for one in fake.requests if "Patient?" in str(one.url) and "_getpages" not in str(one.url)
    ]
    assert searches
    assert all(one.headers["prefer"] == "handling=strict" for one in searches)


def test_a_server_without_a_self_link_is_said_not_to_tell(tmp_path):
    fake, store = filled()
    whole = fake.searchset
    fake.searchset = lambda address: whole(address) | {"link": []}
    pulled = store.pull(tmp_path / "out", params={"Patient": {"gender": "male"}})
    assert "the server does not say by which parameters it searched for Patient" in pulled.notes


@pytest.mark.parametrize("name", ["_include", "_revinclude", "_include:iterate"])
def test_what_cannot_be_counted_is_refused_before_anything_is_asked(tmp_path, name):
    _, store = filled()
    with pytest.raises(StoreRefused, match=name):
        store.pull(tmp_path / "out", params={"Observation": {name: "Observation:subject"}})


def beside(fake, entry):
    """Let each first page bring one entry more."""
    whole = fake.page_of
    fake.page_of = lambda token, start: (page := whole(token, start)) | {"entry": [*page["entry"], entry]}


def said(severity, code):
    issue = {"severity": severity, "code": code, "diagnostics": "only the first 10 were looked at"}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    return {"resource": outcome, "search": {"mode": "outcome"}}


@pytest.mark.parametrize(
    ("severity", "code"),
    [
        ("error", "processing"),
        ("fatal", "exception"),
        ("warning", "incomplete"),
        ("warning", "not-supported"),
    ],
)
def test_a_search_that_the_server_says_it_cut_is_no_result(tmp_path, severity, code):
    fake, store = filled()
    beside(fake, said(severity, code))
    with pytest.raises(StoreIncomplete, match=r"not search for .* as asked .*only the first … were"):
        store.pull(tmp_path / "out", cohort="tiny")
    assert not (tmp_path / "out").exists()


def test_a_word_that_changes_nothing_is_kept(tmp_path):
    fake, store = filled()
    beside(fake, said("information", "informational"))
    pulled = store.pull(tmp_path / "out", cohort="tiny")
    assert any("only the first … were looked at" in note for note in pulled.notes)
    assert json.loads((tmp_path / "out" / "certificate.json").read_text())["notes"] == list(pulled.notes)


def test_resources_that_were_included_unasked_are_said_to_be_left(tmp_path):
    fake, store = filled()
    device = {"resourceType": "Device", "id": "d", "meta": {}}
    beside(fake, {"resource": device, "search": {"mode": "include"}})
    pulled = store.pull(tmp_path / "out", cohort="tiny")
    assert "Device" not in pulled.counts
    assert "resources that the server included with Patient were left" in pulled.notes


def test_a_pull_keeps_the_servers_clock_as_it_was_before_the_first_answer(tmp_path):
    """What is stored while a pull runs is in the next one: ``since`` is not later than the first request."""
    fake, _ = filled()
    fake.ahead = timedelta(hours=-5)
    store = RestStore(BASE, client=fake.client(), via="search", sleep=lambda _: None)
    before = fake.instant()
    store.pull(tmp_path / "out", cohort="tiny")
    for name in ("manifest.json", "certificate.json"):
        assert json.loads((tmp_path / "out" / name).read_text())["transactionTime"] < before


@pytest.mark.parametrize("types", [None, ["Patient"]])
def test_a_cohort_that_is_not_there_is_no_empty_pull(tmp_path, types):
    _, store = filled()
    folder = open_store(tmp_path / "folder")
    folder.push(ward(), cohort="tiny")
    for one in (store, folder):
        with pytest.raises(StoreRefused, match='holds nothing of "teeny"'):
            one.pull(tmp_path / "out", cohort="teeny", types=types)
    assert not (tmp_path / "out").exists()


def test_a_search_goes_in_the_address_where_the_server_takes_no_post_of_it(tmp_path):
    """Epic answers 404 to POST MedicationStatement/_search."""
    fake, store = filled(posts_searches=False)
    pulled = store.pull(tmp_path / "out", params={"Patient": {"gender": "female"}})
    females = sum(one.get("gender") == "female" for one in fake.held.values())
    assert dict(pulled.counts) == {"Patient": females}
    assert females > 0
    assert (
        "the server takes no POST of a search for Patient: its parameters went in the address"
        in (pulled.certificate["notes"])
    )


def test_resources_are_read_one_by_one_where_a_search_cannot_be_posted():
    fake = FakeFhir(posts_searches=False, bundle="")
    store = RestStore(BASE, client=fake.client(), sleep=lambda _: None)
    done = store.push(ward(), cohort="tiny", verify="sample")
    assert sum(done.created.values()) == len(ward())
    assert "content of 15 of 15 resources" in done.verified


@pytest.mark.parametrize("status", [400, 403, 422])
def test_another_refusal_of_a_posted_search_is_not_sent_again_in_the_address(status, tmp_path):
    fake, store = filled()
    fake.faults.append(
        lambda server, request: httpx.Response(status) if request.url.path.endswith("_search") else None
    )
    with pytest.raises(StoreRefused):
        store.pull(tmp_path / "out", params={"Patient": {"gender": "female"}})
    assert not [one for one in fake.requests if "gender" in str(one.url)]
