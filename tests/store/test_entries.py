"""Entries that a server could not take for the moment, inside an answer of success."""

from __future__ import annotations

import json

import httpx
import pytest

from fhir_blina.errors import StoreRefused, StoreUnavailable
from fhir_blina.store.rest.rest import RestStore
from tests.exact_json import loads
from tests.fake_fhir import BASE, FakeFhir, resource, ward


def patients(count):
    return [resource("Patient", f"tiny-p{number}", gender="female") for number in range(count)]


def store_of(fake, slept=None, **options):
    def sleep(seconds):
        if slept is not None:
            slept.append(seconds)
        fake.passes(seconds)

    return RestStore(BASE, client=fake.client(), sleep=sleep, **options)


def fails_at_first(fake, status, text="", every=2):
    """Each second entry of a bundle is refused the first time that it comes, as if the server were busy."""
    seen = set()

    def answer(server, request):
        if request.method != "POST" or request.url.path != "/fhir":
            return None
        bundle = loads(request.content.decode())
        if any(entry["request"]["method"] == "GET" for entry in bundle["entry"]):
            return None
        kept, refused = [], set()
        for position, entry in enumerate(bundle["entry"]):
            name = entry["request"]["url"] + entry["request"].get("ifNoneExist", "")
            if position % every == 0 and name not in seen:
                seen.add(name)
                refused.add(position)
            else:
                kept.append(entry)
        answers = iter(server.take_bundle(bundle | {"entry": kept})["entry"] if kept else [])
        outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": text}]}
        entries = [
            {"response": {"status": str(status), "outcome": outcome}}
            if position in refused
            else next(answers)
            for position in range(len(bundle["entry"]))
        ]
        return httpx.Response(
            200,
            content=json.dumps({"resourceType": "Bundle", "type": "batch-response", "entry": entries}),
            headers={"content-type": "application/fhir+json"},
        )

    fake.faults.append(answer)


@pytest.mark.parametrize("bundle", ["transaction", "batch"])
@pytest.mark.parametrize("client_ids", [True, False], ids=["our ids", "its ids"])
@pytest.mark.parametrize(
    ("status", "text"),
    [(408, ""), (429, ""), (500, ""), (502, ""), (503, ""), (504, ""), (400, "ThrottlingException")],
)
def test_what_the_server_could_not_take_is_sent_again(bundle, client_ids, status, text):
    fake = FakeFhir(bundle=bundle, client_ids=client_ids)
    fails_at_first(fake, status, text)
    done = store_of(fake, workers=1).push(patients(30), cohort="tiny", verify="full")
    assert (done.created, done.rejected) == ({"Patient": 30}, ())
    assert fake.versions() == {"1"}


def test_what_refers_to_what_was_not_taken_goes_with_it():
    fake = FakeFhir(transactions_are_batches=True)
    fails_at_first(fake, 429, every=3)
    done = store_of(fake, workers=1).push(ward(), cohort="tiny", verify="full")
    assert (sum(done.created.values()), done.rejected) == (15, ())


def test_a_rate_limit_inside_a_bundle_is_waited_for():
    # as Medplum has it: a transaction is done as a batch, and a minute's points end in the middle of it
    fake, slept = FakeFhir(transactions_are_batches=True, writes_a_minute=100), []
    done = store_of(fake, slept, workers=1).push(patients(298), cohort="tiny", verify="counts")
    assert (done.created, done.rejected) == ({"Patient": 298}, ())
    assert fake.versions() == {"1"}
    assert 110 <= sum(slept) <= 130  # 298 writes at 100 a minute: two pauses of a minute


def test_a_server_that_takes_nothing_more_is_an_error_and_no_reject():
    fake = FakeFhir(transactions_are_batches=True)
    fake.faults.append(
        lambda server, request: (
            httpx.Response(
                200,
                json={"resourceType": "Bundle", "entry": [{"response": {"status": "429"}}] * 2},
            )
            if b'"transaction"' in request.content and server.held
            else None
        )
    )
    with pytest.raises(StoreUnavailable, match=r"takes no more for now.*tiny-p1.*Push again later"):
        store_of(fake, workers=1).push(patients(3), cohort="tiny")


def test_an_entry_at_fault_is_still_a_reject_beside_those_sent_again():
    fake = FakeFhir(bundle="batch")
    fails_at_first(fake, 429)
    wrong = resource("Observation", "tiny-o", subject={"reference": "Patient/nobody"})
    with pytest.raises(StoreRefused, match="nobody"):
        store_of(fake, workers=1).push([*patients(5), wrong], cohort="tiny")
    assert len(fake.held) == 5


def test_a_size_that_is_refused_is_not_tried_a_second_time():
    fake = FakeFhir(most_entries=50)
    store = store_of(fake, workers=1)
    store.push(patients(2000), cohort="tiny", verify="counts")
    sizes = [
        len(loads(one.content.decode())["entry"])
        for one in fake.sent("POST", "/fhir")
        if b'"transaction"' in one.content
    ]
    assert sizes[:3] == [1, 200, 100]
    assert set(sizes[3:-1]) <= {50, 100}
    assert sizes[6:].count(100) == 0
    before = len(fake.requests)
    store.push(patients(2100), cohort="tiny", verify="counts")
    later = [
        len(loads(one.content.decode())["entry"])
        for one in fake.requests[before:]
        if b'"transaction"' in one.content
    ]
    assert later == [50, 50]
