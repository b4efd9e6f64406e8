"""What a server does, tried with one resource: found out before the rest is stored, and nothing left where refused."""

from __future__ import annotations

import copy

import httpx
import pytest

from fhir_blina.errors import StoreRefused
from fhir_blina.store.rest.rest import RestStore
from tests.exact_json import loads
from tests.fake_fhir import BASE, FakeFhir, Refused, resource, ward


def store_of(fake, **options):
    return RestStore(BASE, client=fake.client(), sleep=lambda _: None, **options)


def patients(count):
    return [resource("Patient", f"tiny-p{number}", gender="female") for number in range(count)]


def transactions(fake):
    found = (loads(one.content.decode()) for one in fake.sent("POST", "/fhir"))
    return [bundle for bundle in found if bundle["type"] == "transaction"]


def whole(fake, sent, **options):
    """Push, and see that all is there, whole, and that a second push changes nothing."""
    done = store_of(fake, **options).push(sent, cohort="tiny", verify="full")
    assert sum(done.created.values()) == len(sent) == len(fake.held)
    again = store_of(fake, **options).push(sent, cohort="tiny", verify="full")
    assert (again.created, again.updated) == ({}, {})
    return done


def circle():
    """A Group of patients who refer to it, and one who refers to himself."""
    sent = ward(3)
    group = next(one for one in sent if one["resourceType"] == "Group")
    first, second, _ = (one for one in sent if one["resourceType"] == "Patient")
    first["extension"] = [
        {"url": "https://x.test/w", "valueReference": {"reference": f"Group/{group['id']}"}}
    ]
    second["link"] = [{"other": {"reference": f"Patient/{second['id']}"}, "type": "seealso"}]
    return sent


def test_what_is_tried_is_a_resource_of_the_cohort_and_is_stored_once():
    fake = FakeFhir()
    whole(fake, ward())
    assert len(transactions(fake)[0]["entry"]) == 1
    assert fake.versions() == {"1"}


@pytest.mark.parametrize("status", [400, 403, 404, 405, 422, 501])
def test_transactions_that_are_announced_and_refused_are_done_without(status):
    fake = FakeFhir()

    def refuse(_, request):
        found = b'"type":"transaction"' in request.content.replace(b" ", b"")
        return httpx.Response(status if status != 403 else 400) if found else None

    fake.faults.append(refuse)
    done = whole(fake, circle())
    assert "the server announces otherwise, but takes batches only" in done.notes


@pytest.mark.parametrize("status", [400, 404, 405, 422])
def test_ids_that_are_announced_and_refused_are_the_servers(status):
    fake = FakeFhir(client_ids=False, announces_ids=True)
    plain = fake.one

    def one(method, path, *rest):
        if method == "PUT" and path not in fake.held:
            raise Refused(status, "no ids of the client's")
        return plain(method, path, *rest)

    fake.one = one
    done = whole(fake, circle())
    assert any("so the server assigns the ids" in note for note in done.notes)


def test_one_bad_resource_does_not_change_the_way(tmp_path):
    fake = FakeFhir()
    sent = [*patients(3), resource("Patient", "12")]
    done = store_of(fake).push(sent, cohort="tiny", rejects=tmp_path / "r.ndjson", verify="full")
    assert [one.location for one in done.rejected] == ["Patient/12"]
    assert fake.held.keys() == {f"Patient/tiny-p{number}" for number in range(3)}


def test_ids_that_are_taken_and_replaced_are_the_servers():
    fake = FakeFhir(bundle="")
    plain = fake.put

    def put(key, body, held):
        if key not in held and not key.split("/")[1].isdecimal():
            fake._next_id += 1
            key = f"{key.split('/')[0]}/{fake._next_id}"
        return plain(key, body, held)

    fake.put = put
    done = store_of(fake).push(patients(30), cohort="tiny", verify="full")
    assert done.created == {"Patient": 30}
    assert len(fake.held) == 30
    assert any("the server assigns ids" in note for note in done.notes)


def test_a_transaction_of_new_resources_refers_by_urn_and_is_whole():
    fake = FakeFhir(client_ids=False)
    whole(fake, circle())
    assert fake.versions() == {"1"}  # no second pass
    entries = [entry for bundle in transactions(fake) for entry in bundle["entry"]]
    assert all(entry["fullUrl"].startswith("urn:uuid:") for entry in entries)
    assert {"ifNoneExist" in entry["request"] for entry in entries if "AdverseEvent" not in str(entry)} == {
        True
    }


def test_urns_that_are_kept_as_they_are_are_not_relied_on():
    fake = FakeFhir(client_ids=False, keeps_urns=True)
    whole(fake, ward())
    assert "urn:uuid" not in str(fake.held)


def test_urns_that_are_stored_as_text_are_found_and_not_relied_on():
    fake = FakeFhir(client_ids=False, keeps_urns=True)
    fake.refuse_strange = lambda *_: None
    done = whole(fake, ward())
    assert "urn:uuid" not in str(fake.held)
    assert any("does not replace references" in note for note in done.notes)


def test_conditions_that_are_not_obeyed_are_found():
    fake = FakeFhir(client_ids=False, bundle="batch")
    plain = fake.one
    fake.one = lambda method, path, params, body, _, held: plain(method, path, params, body, "", held)
    done = store_of(fake).push(patients(3), cohort="tiny", verify="full")
    assert len(fake.held) == 3
    assert any("does not obey If-None-Exist" in note for note in done.notes)


def spoiled(change):
    """A server that changes what it stores."""
    fake = FakeFhir()
    plain = fake.put

    def put(key, body, held):
        body = copy.deepcopy(body)
        change(body)
        return plain(key, body, held)

    fake.put = put
    return fake


@pytest.mark.parametrize(
    ("fake", "said"),
    [
        (spoiled(lambda body: body.pop("gender")), "stores a Patient otherwise than it was sent: gender"),
        (spoiled(lambda body: body.pop("meta")), "otherwise than it was sent: meta"),
        (spoiled(lambda body: body.update(active=True)), "otherwise than it was sent: active"),
    ],
    ids=["an element", "the tag", "more"],
)
def test_a_server_that_stores_something_else_gets_nothing_more(fake, said):
    with pytest.raises(
        StoreRefused, match=rf"tried with one resource.*{said}.*Nothing of the cohort is stored"
    ):
        store_of(fake).push(patients(500), cohort="tiny")
    assert fake.held == {}
    assert sum(b'"PUT"' in one.content for one in fake.requests) == 1


def test_a_server_that_does_not_find_by_tag_gets_nothing_more():
    fake, slept = FakeFhir(), []
    plain = fake.matches
    fake.matches = lambda kind, params: [] if "_tag" in dict(params) else plain(kind, params)
    store = RestStore(BASE, client=fake.client(), sleep=slept.append)
    with pytest.raises(StoreRefused, match="does not find by the cohort's tag"):
        store.push(patients(500), cohort="tiny")
    assert fake.held == {}
    assert 5 < sum(slept) < 20


def test_a_circle_where_nothing_can_be_replaced_leaves_nothing():
    fake = FakeFhir(client_ids=False, bundle="batch")
    plain = fake.one

    def one(method, path, *rest):
        if method == "PUT" and "?" not in path:
            raise Refused(405, "no updates here")
        return plain(method, path, *rest)

    fake.one = one
    with pytest.raises(StoreRefused, match="lets nothing stored be replaced"):
        store_of(fake).push(circle(), cohort="tiny")
    assert fake.held == {}


@pytest.mark.parametrize("client_ids", [True, False])
@pytest.mark.parametrize("bundle", ["transaction", "batch", ""])
def test_a_circle_of_which_one_is_refused_is_refused_whole(tmp_path, client_ids, bundle):
    fake = FakeFhir(client_ids=client_ids, bundle=bundle)
    plain = fake.refuse_strange

    def strange(body, held):
        if body["resourceType"] == "Group":
            raise Refused(422, "no groups here")
        plain(body, held)

    fake.refuse_strange = strange
    done = store_of(fake).push(circle(), cohort="tiny", rejects=tmp_path / "r.ndjson", verify="full")
    lost = {one.location for one in done.rejected}
    assert {"Group/tiny-all", "Patient/tiny-P1", "Observation/tiny-P1-blasts"} <= lost
    assert len(fake.held) + len(lost) == len(circle())
    assert "tiny-P1" not in str(fake.held)


def test_what_a_push_created_goes_where_it_is_refused_in_the_middle():
    """Access to one type is missing: a 403 after others are stored."""
    fake = FakeFhir()
    fake.faults.append(
        lambda _, r: httpx.Response(403) if b'"PUT","url":"Group' in r.content.replace(b" ", b"") else None
    )
    with pytest.raises(StoreRefused, match=r"does not let us in[\s\S]*what it had created is deleted again"):
        store_of(fake).push(ward(), cohort="tiny")
    assert fake.held == {}


def test_what_was_there_before_stays_where_a_push_is_refused():
    fake = FakeFhir()
    store_of(fake).push(patients(3), cohort="tiny")
    fake.faults.append(
        lambda _, r: httpx.Response(403) if b'"PUT","url":"Group' in r.content.replace(b" ", b"") else None
    )
    with pytest.raises(StoreRefused, match="what it had created is deleted again"):
        store_of(fake).push([*patients(3), *ward()], cohort="tiny")
    assert fake.held.keys() == {f"Patient/tiny-p{number}" for number in range(3)}


def test_references_in_extensions_of_primitives_are_not_left_to_the_server():
    """HAPI 8.8 leaves a ``urn:uuid`` there as it was sent."""
    fake = FakeFhir(client_ids=False)
    sent = ward(2)
    target = {"url": "https://x.test/of", "valueReference": {"reference": "Patient/tiny-P1"}}
    sent[-2] |= {"birthDate": "2000", "_birthDate": {"extension": [target]}}
    whole(fake, sent)
    assert b"urn:uuid:" not in b"".join(
        one.content.replace(b'"fullUrl":"urn:uuid:', b"") for one in fake.requests
    )
