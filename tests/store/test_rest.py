"""Answers that a real server does not give on demand."""

from __future__ import annotations

import copy
import json
import random

import httpx
import pytest

from fhir_blina.errors import StoreIncomplete, StoreRefused, StoreUnavailable
from fhir_blina.files.json import loads
from fhir_blina.store import open_store
from fhir_blina.store.rest.doctor import examine
from fhir_blina.store.rest.rest import RestStore
from tests.fake_fhir import BASE, FakeFhir, kinds_in, outcome, resource, ward


def store_of(fake, **options):
    return RestStore(BASE, client=fake.client(), sleep=lambda _: None, **options)


@pytest.fixture
def fake():
    return FakeFhir()


def patients(count):
    return [resource("Patient", f"tiny-p{number}", gender="female") for number in range(count)]


def bundles(fake):
    return [
        loads(one.content.decode()) for one in fake.sent("POST", "/fhir") if b'"transaction"' in one.content
    ]


# -- sending


def test_a_push_is_transactions_of_puts_in_order_of_references(fake):
    store_of(fake).push(ward(), cohort="tiny")
    urls = [entry["request"]["url"] for bundle in bundles(fake) for entry in bundle["entry"]]
    methods = {entry["request"]["method"] for bundle in bundles(fake) for entry in bundle["entry"]}
    assert methods == {"PUT"}
    assert len(urls) == len(set(urls)) == 15
    assert urls[:2] == ["Patient/tiny-P1", "ResearchStudy/tiny-study"]  # the first is the one to try
    assert urls[-2:] == ["Group/tiny-all", "Observation/tiny-all-rate"]
    assert {
        one.headers["prefer"] for one in fake.sent("POST", "/fhir") if b'"transaction"' in one.content
    } == {"return=minimal"}
    assert fake.versions() == {"1"}


def test_bundles_hold_two_hundred(fake):
    store_of(fake, workers=1).push(patients(450), cohort="tiny")
    assert [len(bundle["entry"]) for bundle in bundles(fake)] == [1, 200, 200, 49]


def test_no_patient_is_in_two_bundles_at_once(fake):
    store_of(fake, size=6).push(ward(5), cohort="tiny")
    for name in (f"tiny-P{number}" for number in range(1, 6)):
        holding = [b for b in bundles(fake) if any(name in entry["request"]["url"] for entry in b["entry"])]
        assert len(holding) == 1 + (name == "tiny-P1")  # the one to try goes before


def test_what_is_stored_already_is_not_sent(fake):
    store_of(fake).push(ward(), cohort="tiny")
    sent = len(bundles(fake))
    store_of(fake).push(ward(), cohort="tiny", verify="full")
    assert len(bundles(fake)) == sent


@pytest.mark.parametrize("status", [413, 408, 504])
def test_a_bundle_that_is_too_large_is_halved(fake, status):
    def limit(_, request):
        if b'"transaction"' in request.content and request.content.count(b'"PUT"') > 30:
            return httpx.Response(status)
        return None

    fake.faults.append(limit)
    result = store_of(fake, workers=1).push(patients(450), cohort="tiny")
    assert result.created == {"Patient": 450}
    assert "bundles made smaller, 25 at the end" in result.notes
    assert fake.versions() == {"1"}


@pytest.mark.parametrize("status", [400, 422, 412, 500, 409])
def test_one_bad_record_is_found_and_the_rest_is_stored(fake, tmp_path, status):
    """log2(200) halvings; at most 20 requests more than without it."""

    def poison(_, request):
        if b"tiny-p234" in request.content and b"PUT" in request.content:
            return httpx.Response(status, json=outcome("HAPI-1821: bad 'Zhang'"))
        return None

    fake.faults.append(poison)
    rejects = tmp_path / "rejects.ndjson"
    result = store_of(fake, workers=1).push(patients(600), cohort="tiny", rejects=rejects)
    assert result.created == {"Patient": 599}
    assert len(fake.held) == 599
    (finding,) = result.rejected
    assert finding.location == "Patient/tiny-p234"
    assert "Zhang" not in str(finding)
    assert [json.loads(line)["resource"]["id"] for line in rejects.read_text().splitlines()] == ["tiny-p234"]
    posts = [one for one in fake.sent("POST", "/fhir") if b'"transaction"' in one.content]
    assert len(posts) <= 3 + 20


def test_what_refers_to_a_refused_resource_goes_with_it(fake, tmp_path):
    def poison(_, request):
        if b'"PUT","url":"Specimen/tiny-P2-marrow"' in request.content.replace(b" ", b""):
            return httpx.Response(422, json=outcome("no"))
        return None

    fake.faults.append(poison)
    result = store_of(fake).push(ward(), cohort="tiny", rejects=tmp_path / "r.ndjson")
    assert sorted(finding.location for finding in result.rejected) == [
        "Observation/tiny-P2-blasts",
        "Specimen/tiny-P2-marrow",
    ]
    assert len(fake.held) == 13


def test_a_refusal_is_an_error_after_the_rest_is_stored(fake):
    fake.faults.append(lambda _, r: httpx.Response(422) if b'"url":"Patient/tiny-p7"' in r.content else None)
    with pytest.raises(StoreRefused, match=r"Patient/tiny-p7: .*refused by the server \(HTTP 422\)"):
        store_of(fake).push(patients(20), cohort="tiny")
    assert len(fake.held) == 19


def test_a_server_that_refuses_everything_is_not_asked_for_ever(fake):
    fake.faults.append(
        lambda _, r: httpx.Response(422) if b'"PUT"' in r.content or r.method in {"PUT", "POST"} else None
    )
    with pytest.raises(StoreRefused):
        store_of(fake, workers=1).push(patients(400), cohort="tiny")
    assert len(bundles(fake)) < 60
    assert not fake.held


def test_a_server_whose_database_is_away_rejects_nothing(fake, tmp_path):
    """Else every resource would look like a bad one when its turn comes."""

    def away(_, request):
        if fake.held and b'"transaction"' in request.content:
            return httpx.Response(500, json=outcome("Could not open JPA EntityManager for transaction"))
        return None

    fake.faults.append(away)
    rejects = tmp_path / "rejects.ndjson"
    with pytest.raises(StoreUnavailable, match="JPA EntityManager for transaction, 8 tries"):
        store_of(fake, size=50, workers=1).push(patients(200), cohort="tiny", rejects=rejects)
    assert not rejects.exists()
    assert len(bundles(fake)) == 1 + 8
    fake.faults.clear()
    result = store_of(fake).push(patients(200), cohort="tiny", rejects=rejects)
    assert result.created == {"Patient": 199}
    assert fake.versions() == {"1"}


def test_a_read_that_fails_inside_a_batch_is_asked_again(fake):
    """HAPI answers 200 to a batch whose entries say 500 while its database is away."""

    def away(_, request):
        if b'"Patient/tiny-p1"' not in request.content or b'"GET"' not in request.content:
            return None
        _, bundle, _ = fake.answer(request)
        for entry in bundle["entry"][3:]:
            entry["response"]["status"] = "500 Internal Server Error"
            entry.pop("resource", None)
        return httpx.Response(200, json=bundle)

    fake.faults.append(away)
    result = store_of(fake).push(patients(15), cohort="tiny")
    assert result.verified == "counts of 1 types, content of 15 of 15 resources"


def test_a_bundle_answered_in_part_is_an_error(fake):
    def short(_, request):
        if b'"transaction"' in request.content:
            return httpx.Response(200, json={"resourceType": "Bundle", "entry": []})
        return None

    fake.faults.append(short)
    with pytest.raises(StoreIncomplete, match="0 of 1 entries"):
        store_of(fake, workers=1).push(patients(2), cohort="tiny")


@pytest.mark.parametrize(
    "odd",
    [
        lambda: httpx.Response(204),
        lambda: httpx.Response(200, text="<html>Sign in</html>", headers={"content-type": "text/html"}),
        lambda: httpx.Response(200, json={"resourceType": "Bundle", "type": "transaction-response"}),
    ],
    ids=["204", "a page of html", "no entries"],
)
def test_a_single_odd_answer_to_a_push_is_sent_again(fake, odd):
    left = [1]

    def once(_, request):
        return odd() if b'"transaction"' in request.content and left and left.pop() else None

    fake.faults.append(once)
    store_of(fake).push(patients(30), cohort="tiny", verify="full")
    assert not left
    assert len(fake.held) == 30
    assert fake.versions() == {"1"}


ODD = {
    "204": lambda: httpx.Response(204),
    "200 and nothing": lambda: httpx.Response(200),
    "a page of html": lambda: httpx.Response(
        200, text="<html>Sign in</html>", headers={"content-type": "text/html"}
    ),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "GET", "_search"])
def test_a_single_odd_answer_to_any_request_is_asked_for_again(fake, odd, method):
    fake.bundle = ""
    store = store_of(fake, workers=1)
    store.push(patients(6), cohort="tiny")
    answered = []

    def once(_, request):
        wanted = request.url.path.endswith("_search") if method == "_search" else request.method == method
        if wanted and not answered and (method != "DELETE" or odd().content):
            answered.append(request)
            return odd()
        return None

    fake.faults.append(once)
    changed = [one | {"active": True} for one in patients(6)[:4]]
    result = store_of(fake, workers=1).push(changed, cohort="tiny", verify="full", remove_orphans=True)
    assert answered or method in {"_search", "DELETE"}
    assert len(fake.held) == 4
    assert result.verified


def test_a_server_that_never_says_what_became_of_a_write_is_believed_and_then_compared(fake):
    fake.bundle = ""
    quiet = []

    def silent(server, request):
        if request.method != "PUT":
            return None
        server.answer(request)
        quiet.append(request.url.path)
        return httpx.Response(200)

    fake.faults.append(silent)
    store_of(fake, workers=1).push(patients(5), cohort="tiny", verify="full")
    assert len(fake.held) == 5
    assert len(quiet) == 5 + 2  # the first one three times


def test_a_single_write_that_a_page_of_html_answers_is_no_success(fake):
    fake.bundle = ""
    fake.faults.append(lambda _, r: ODD["a page of html"]() if r.method == "PUT" else None)
    with pytest.raises(StoreIncomplete, match="did not say what became of Patient/"):
        store_of(fake, workers=1).push(patients(2), cohort="tiny")


def test_a_page_of_html_is_not_taken_for_success(fake):
    fake.faults.append(
        lambda _, r: httpx.Response(200, html="<h1>Sign in</h1>") if b'"transaction"' in r.content else None
    )
    with pytest.raises(StoreIncomplete, match="no of 1 entries"):
        store_of(fake, workers=1).push(patients(2), cohort="tiny")


def test_what_was_stored_otherwise_is_found(fake):
    def lossy(server, request):
        answer = server.answer(request)
        for held in server.held.values():
            held.pop("gender", None)
        status, body, headers = answer
        return httpx.Response(status, json=json.loads(json.dumps(body)), headers=headers) if body else None

    store_of(fake).push(patients(1), cohort="tiny")
    fake.faults.append(lossy)
    with pytest.raises(StoreIncomplete, match="not stored as it was sent"):
        store_of(fake).push(patients(3), cohort="tiny")


def test_what_was_not_stored_is_found(fake):
    def forgetful(server, request):
        if b'"transaction"' in request.content and server.held:
            server.faults.clear()
            answer = server.handle(request)
            del server.held["Patient/tiny-p1"]
            return answer
        return None

    fake.faults.append(forgetful)
    with pytest.raises(StoreIncomplete, match=r"holds \{'Patient': 2\}, not \{'Patient': 3\}"):
        store_of(fake).push(patients(3), cohort="tiny")


@pytest.mark.long
def test_ten_thousand_go_through_a_bad_line(fake):
    """8 % lost before, 6 % lost after, 4 % cut off: nothing lost, nothing twice, every version 1."""
    luck = random.Random(7)

    def line(server, request):
        if b'"transaction"' not in request.content:
            return None
        draw = luck.random()
        if draw < 0.06:
            raise httpx.ReadError("reset in the middle of the request")
        if draw < 0.14:
            server.faults.clear()
            server.handle(request)
            server.faults.append(line)
            raise httpx.ReadError("reset before the answer")
        if draw < 0.18:
            server.faults.clear()
            server.handle(request)
            server.faults.append(line)
            return httpx.Response(200, content=b'{"resou', headers={"content-type": "application/fhir+json"})
        return None

    fake.faults.append(line)
    result = store_of(fake).push(patients(10_000), cohort="tiny")
    assert sum(result.created.values()) + sum(result.unchanged.values()) == 10_000
    assert len(fake.held) == 10_000
    assert fake.versions() == {"1"}


def test_a_push_cut_short_is_completed_by_the_next(fake):
    sent = 0

    def stop(_, request):
        nonlocal sent
        sent += b'"transaction"' in request.content
        if sent > 2:
            raise KeyboardInterrupt
        return

    fake.faults.append(stop)
    with pytest.raises(KeyboardInterrupt):
        store_of(fake, workers=1, size=50).push(patients(500), cohort="tiny")
    assert len(fake.held) == 51
    fake.faults.clear()
    result = store_of(fake).push(patients(500), cohort="tiny", verify="full")
    assert result.created == {"Patient": 449}
    assert result.unchanged == {"Patient": 51}


def test_a_type_that_the_server_lacks_is_said(fake):
    capability = fake.metadata()
    capability["rest"][0]["resource"] = [
        one for one in capability["rest"][0]["resource"] if one["type"] != "Specimen"
    ]
    fake.faults.append(
        lambda _, r: httpx.Response(200, json=capability) if r.url.path.endswith("metadata") else None
    )
    with pytest.raises(StoreRefused, match="does not store Specimen"):
        store_of(fake).push(ward(), cohort="tiny")


# -- servers that assign ids


def test_ids_of_the_server_are_ours_again_on_pull(tmp_path):
    fake = FakeFhir(client_ids=False)
    result = store_of(fake).push(ward(), cohort="tiny", verify="full")
    assert result.created["Patient"] == 3
    assert "the server assigns ids; resources are found by their identifier" in result.notes
    assert all(key.split("/")[1].isdigit() for key in fake.held)
    targets = {one["subject"]["reference"] for key, one in fake.held.items() if key.startswith("Specimen/")}
    assert targets <= fake.held.keys()
    store_of(fake).pull(tmp_path / "out", cohort="tiny")
    lines = kinds_in(tmp_path / "out")
    assert [one["id"] for one in lines["Patient"]] == ["tiny-P1", "tiny-P2", "tiny-P3"]
    assert lines["Specimen"][0]["subject"] == {"reference": "Patient/tiny-P1"}


def test_new_resources_are_written_by_identifier():
    fake = FakeFhir(client_ids=False)
    store_of(fake).push(ward(1), cohort="tiny")
    entries = {
        entry["request"]["url"].split("?")[0]: entry["request"] for b in bundles(fake) for entry in b["entry"]
    }
    assert (entries["Patient"]["method"], entries["Patient"]["url"]) == ("POST", "Patient")
    assert "resource-key%7Ctiny-P1" in entries["Patient"]["ifNoneExist"]
    assert "ifNoneExist" not in entries["AdverseEvent"]  # R4 has no search of AdverseEvent by identifier


def test_an_identifier_held_twice_is_said(tmp_path):
    fake = FakeFhir(client_ids=False)
    store_of(fake).push(ward(1), cohort="tiny")
    twin = next(key for key in fake.held if key.startswith("Specimen/"))
    fake.held["Specimen/77"] = copy.deepcopy(fake.held[twin]) | {"id": "77"}
    with pytest.raises(StoreRefused, match=r"Specimen/tiny-P1-marrow: .*holds it twice"):
        store_of(fake).pull(tmp_path / "out", cohort="tiny")
    assert not (tmp_path / "out").exists()


def test_a_resource_without_identifier_is_refused_there():
    plain = [{key: value for key, value in one.items() if key != "identifier"} for one in patients(1)]
    with pytest.raises(StoreRefused, match="has no identifier; the server assigns ids"):
        store_of(FakeFhir(client_ids=False)).push(plain, cohort="tiny")


# -- fetching


@pytest.mark.parametrize("pages", [2000, pytest.param(5000, marks=pytest.mark.soak)])
def test_many_pages_are_walked(tmp_path, monkeypatch, pages):
    monkeypatch.setattr("os.fsync", lambda _: None)
    fake = FakeFhir(page=1)
    for one in patients(pages):
        fake.put(f"Patient/{one['id']}", one, fake.held)
    assert store_of(fake).pull(tmp_path / "out", types=["Patient"]).counts == {"Patient": pages}


@pytest.fixture
def paged():
    fake = FakeFhir(page=2)
    store_of(fake).push(patients(7), cohort="tiny")
    return fake


def on_page(number, answer):
    """A fault on the n-th page that follows the first."""
    seen = []

    def fault(server, request):
        if "_getpages" in str(request.url.query):
            seen.append(request)
            if len(seen) == number:
                return answer(server, request)
        return None

    return fault


def test_pages_in_a_circle_stop(paged, tmp_path):
    def circle(server, request):
        name = dict(request.url.params)["_getpages"]
        return httpx.Response(
            200,
            json={
                "resourceType": "Bundle",
                "entry": [],
                "link": [{"relation": "next", "url": f"{BASE}?_getpages={name}"}],
            },
        )

    paged.faults.append(on_page(1, circle))
    with pytest.raises(StoreIncomplete, match="in a circle"):
        store_of(paged).pull(tmp_path / "out", cohort="tiny")
    assert not (tmp_path / "out").exists()


def test_an_id_on_two_pages_stops(paged, tmp_path):
    def again(server, request):
        token = dict(request.url.params)["_getpages"].split("-")[0]
        return httpx.Response(
            200,
            content=json.dumps(server.page_of(token, 0)),
            headers={"content-type": "application/fhir+json"},
        )

    paged.faults.append(on_page(2, again))
    with pytest.raises(StoreIncomplete, match="on two pages"):
        store_of(paged).pull(tmp_path / "out", cohort="tiny")


def test_an_expired_page_restarts_the_search_once(paged, tmp_path):
    paged.faults.append(on_page(2, lambda *_: httpx.Response(410)))
    result = store_of(paged).pull(tmp_path / "out", cohort="tiny")
    assert result.counts == {"Patient": 7}
    assert any("expired" in note for note in result.notes)
    paged.faults[:] = [lambda _, r: httpx.Response(410) if "_getpages" in str(r.url.query) else None]
    with pytest.raises(StoreIncomplete, match="is missing: HTTP 410"):
        store_of(paged).pull(tmp_path / "again", cohort="tiny")


def test_a_page_that_stays_html_stops(paged, tmp_path):
    def page(*_):
        return httpx.Response(200, html="<h1>proxy</h1>")

    paged.faults.append(on_page(1, page))
    store_of(paged).pull(tmp_path / "once", cohort="tiny")
    paged.faults[:] = [lambda _, r: page() if "_getpages" in str(r.url.query) else None]
    with pytest.raises(StoreIncomplete, match="page of the search for Patient is missing"):
        store_of(paged).pull(tmp_path / "out", cohort="tiny")


def test_links_that_name_another_host_are_asked_of_this_one(tmp_path):
    fake = FakeFhir(page=2, host="http://internal:9999/fhir")
    store_of(fake).push(patients(7), cohort="tiny")
    assert store_of(fake).pull(tmp_path / "out", cohort="tiny").counts == {"Patient": 7}
    assert {one.url.host for one in fake.requests} == {"fake.test"}


def test_fewer_than_counted_is_an_error(paged, tmp_path):
    def lose(server, request):
        answer = server.answer(request)[1]
        return httpx.Response(200, json=json.loads(json.dumps(answer | {"entry": answer["entry"][:1]})))

    paged.faults.append(on_page(1, lose))
    with pytest.raises(StoreIncomplete, match="counts 7 Patient and sent 6"):
        store_of(paged).pull(tmp_path / "out", cohort="tiny")
    assert not (tmp_path / "out").exists()


def test_a_server_that_does_not_count_is_followed_to_the_last_page_twice(tmp_path):
    fake = FakeFhir(counts=False, page=7)
    store_of(fake).push(patients(30), cohort="tiny")
    fake.requests.clear()
    done = store_of(fake).pull(tmp_path / "out", cohort="tiny", types=["Patient"])
    assert done.counts == {"Patient": 30}
    assert "followed twice: the server gives no totals" in done.certificate["compared_with"]
    assert len([one for one in fake.requests if "_getpages" in str(one.url)]) == 2 * 4


def test_two_walks_of_a_server_that_does_not_count_must_agree(tmp_path):
    fake = FakeFhir(counts=False)
    store_of(fake).push(patients(30), cohort="tiny")
    walks = []

    def short(server, request):
        if request.url.path.endswith("/Patient") and "_count=1000" in str(request.url):
            walks.append(1)
            if len(walks) == 2:
                answer = server.answer(request)[1]
                answer["entry"].pop()
                return httpx.Response(200, json=json.loads(json.dumps(answer)))
        return None

    fake.faults.append(short)
    with pytest.raises(StoreIncomplete, match="Pull again"):
        store_of(fake).pull(tmp_path / "out", cohort="tiny", types=["Patient"])
    assert not (tmp_path / "out").exists()


def test_an_ignored_summary_is_no_count(tmp_path):
    """A server that ignores ``_summary`` answers with a page, and its total can be that page's."""
    fake = FakeFhir(page=7)
    store_of(fake).push(patients(30), cohort="tiny")
    plain = fake.search

    def search(kind, params, there=None):
        params = [pair for pair in params if pair[0] != "_summary"]
        found = plain(kind, params, there)
        return found | {"total": len(found["entry"])}

    fake.search = search
    done = store_of(fake).pull(tmp_path / "out", cohort="tiny", types=["Patient"])
    assert done.counts == {"Patient": 30}


def test_a_server_that_ignores_the_tag_is_left_alone(tmp_path):
    fake = FakeFhir(ignores_tag=True)
    fake.put("Patient/someone", resource("Patient", "someone", "other"), fake.held)
    store = store_of(fake)
    for attempt in (
        lambda: store.unload("tiny"),
        lambda: store.pull(tmp_path / "out", cohort="tiny"),
        lambda: store.push(patients(1), cohort="tiny"),
    ):
        with pytest.raises(StoreRefused, match="ignores _tag"):
            attempt()
    assert list(fake.held) == ["Patient/someone"]


def test_an_entry_of_another_kind_is_an_error(fake, tmp_path):
    store_of(fake).push(patients(1), cohort="tiny")
    wrong = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Person", "id": "x"}}]}
    fake.faults.append(lambda _, r: httpx.Response(200, json=wrong) if "_count" in str(r.url.query) else None)
    with pytest.raises(StoreIncomplete, match="found another type"):
        store_of(fake).pull(tmp_path / "out", cohort="tiny")


def test_since_and_parameters_select(fake, tmp_path):
    store_of(fake).push(ward(), cohort="tiny")
    store = store_of(fake)
    assert store.pull(tmp_path / "a", cohort="tiny", since="2027-01-01T00:00:00Z").counts == {}
    chosen = store.pull(tmp_path / "b", cohort="tiny", params={"Patient": {"gender": "male"}})
    assert chosen.counts == {"Patient": 2}
    assert "gender=male" in chosen.certificate["query"]


def test_long_searches_are_posted_so_that_no_log_holds_them(fake, tmp_path):
    store_of(fake).push(patients(1), cohort="tiny")
    store_of(fake).pull(tmp_path / "out", params={"Patient": {"_id": ",".join(f"x{n}" for n in range(600))}})
    assert fake.sent("POST", "Patient/_search")


# -- $export


def test_export_and_search_give_the_same_bytes(fake, tmp_path):
    store_of(fake).push(ward(), cohort="tiny")
    store_of(fake).push(ward(2, "other"), cohort="other")
    by_export = store_of(fake, via="export").pull(tmp_path / "export", cohort="tiny")
    by_search = store_of(fake, via="search").pull(tmp_path / "search", cohort="tiny")
    assert by_export.certificate["way"] == "export"
    assert by_search.certificate["way"] == "search"
    for path in (tmp_path / "search").glob("*.ndjson"):
        assert path.read_bytes() == (tmp_path / "export" / path.name).read_bytes()


def test_large_pulls_are_exported_and_it_is_said(fake, tmp_path, monkeypatch):
    monkeypatch.setattr("fhir_blina.store.rest.pulling.EXPORT_ABOVE", 10)
    store_of(fake).push(ward(), cohort="tiny")
    result = store_of(fake).pull(tmp_path / "out", cohort="tiny")
    assert result.notes == ("by $export: 15 resources, more than 10",)


def test_a_server_without_export_is_searched(tmp_path, monkeypatch):
    monkeypatch.setattr("fhir_blina.store.rest.pulling.EXPORT_ABOVE", 10)
    fake = FakeFhir(exports=False)
    store_of(fake).push(ward(), cohort="tiny")
    assert store_of(fake).pull(tmp_path / "out", cohort="tiny").certificate["way"] == "search"
    with pytest.raises(StoreRefused, match=r"no \$export"):
        store_of(fake, via="export").pull(tmp_path / "out", cohort="tiny")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda r: httpx.Response(400) if r.url.path.endswith("$export") else None, "refuses \\$export"),
        (lambda r: httpx.Response(500) if "export-status" in str(r.url) else None, "export failed: HTTP 500"),
        (
            lambda r: (
                httpx.Response(200, json={"output": [], "error": [{"type": "OperationOutcome"}]})
                if "export-status" in str(r.url)
                else None
            ),
            "reported errors",
        ),
        (
            lambda r: httpx.Response(200, json={"output": []}) if "export-status" in str(r.url) else None,
            "sent {}",
        ),
        (lambda r: httpx.Response(404) if "Binary" in str(r.url) else None, "file of the export is missing"),
        (
            lambda r: (
                httpx.Response(200, content=b'{"resourceType":"Pat') if "Binary" in str(r.url) else None
            ),
            "line 1 of a file of the export is not whole",
        ),
    ],
)
def test_an_export_that_fails_is_an_error(fake, tmp_path, fault, message):
    store_of(fake).push(ward(), cohort="tiny")
    fake.faults.append(lambda _, request: fault(request))
    with pytest.raises((StoreRefused, StoreIncomplete), match=message):
        store_of(fake, via="export").pull(tmp_path / "out", cohort="tiny")
    assert not (tmp_path / "out").exists()


def test_an_export_that_never_ends_is_given_up(fake, tmp_path):
    store_of(fake).push(ward(), cohort="tiny")
    fake.faults.append(lambda _, r: httpx.Response(202) if "export-status" in str(r.url) else None)
    with pytest.raises(StoreUnavailable, match="not finished after 3600 s"):
        store_of(fake, via="export").pull(tmp_path / "out", cohort="tiny")


def exports(fake):
    return [dict(one.url.params) for one in fake.sent("GET", "$export")]


def test_an_export_asks_for_the_cohort_alone(fake, tmp_path):
    """Without ``_typeFilter`` the cohort's lines would be picked from those of everybody."""
    store_of(fake).push(ward(), cohort="tiny")
    store_of(fake).push(ward(2, "other"), cohort="other")
    result = store_of(fake, via="export").pull(tmp_path / "out", cohort="tiny", types=["Group", "Patient"])
    assert result.counts == {"Group": 1, "Patient": 3}
    (asked,) = exports(fake)
    assert asked["_type"] == "Group,Patient"
    tag = "_tag=https%3A%2F%2Ffhir-blina.example%2FCodeSystem%2Fcohort%7Ctiny"
    assert asked["_typeFilter"] == f"Group?{tag},Patient?{tag}"
    assert fake.exported == ["Group/tiny-all", "Patient/tiny-P1", "Patient/tiny-P2", "Patient/tiny-P3"]


def test_an_export_of_everything_filters_nothing(fake, tmp_path):
    store_of(fake).push(ward(), cohort="tiny")
    store_of(fake, via="export").pull(tmp_path / "out")
    assert not {"_typeFilter", "_since"} & set(exports(fake)[0])


@pytest.mark.parametrize("via", ["export", "search"])
def test_what_was_stored_before_the_instant_is_left_out(fake, tmp_path, via):
    store_of(fake).push(ward(), cohort="tiny")
    fake.passes(60)
    since = fake.instant()
    fake.passes(60)
    later = [one | {"gender": "other"} if one["resourceType"] == "Patient" else one for one in ward()]
    store_of(fake).push(later, cohort="tiny")
    result = store_of(fake, via=via).pull(tmp_path / "out", cohort="tiny", since=since)
    assert result.counts == {"Patient": 3}
    assert [one.get("_since") for one in exports(fake)] == ([since] if via == "export" else [])
    assert fake.exported == ([f"Patient/tiny-P{number}" for number in (1, 2, 3)] if via == "export" else None)


def test_an_export_of_a_group_is_asked_since_when_too(fake, tmp_path):
    store_of(fake).push(ward(), cohort="tiny")
    asked = []

    def group(server, request):
        if request.url.path.endswith("Group/tiny-all/$export"):
            asked.append(dict(request.url.params))
            server.exported = [key for key in server.held if key.startswith("Patient/")]
            return httpx.Response(202, headers={"content-location": f"{BASE}/export-status?_jobId=1"})
        return None

    fake.faults.append(group)
    since = "2020-01-01T00:00:00Z"
    store_of(fake).pull(tmp_path / "out", cohort="tiny", group="tiny-all", since=since)
    assert asked == [{"_outputFormat": "application/fhir+ndjson", "_since": since}]


def test_a_group_is_exported(fake, tmp_path):
    store_of(fake).push(ward(), cohort="tiny")
    asked = []

    def group(server, request):
        if request.url.path.endswith("Group/tiny-all/$export"):
            asked.append(request)
            server.exported = [key for key in server.held if key.startswith(("Patient/", "Observation/"))]
            return httpx.Response(202, headers={"content-location": f"{BASE}/export-status?_jobId=1"})
        return None

    fake.faults.append(group)
    result = store_of(fake).pull(tmp_path / "out", cohort="tiny", group="tiny-all")
    assert result.counts == {"Observation": 4, "Patient": 3}
    assert len(asked) == 1


# -- judging and definitions


def test_validate_asks_the_server_about_each(fake):
    found = store_of(fake).validate(ward(1))
    assert [finding.location for finding in found] == [
        f"{one['resourceType']}/{one['id']}" for one in ward(1)
    ]
    assert {finding.severity for finding in found} == {"warning"}
    assert fake.held == {}


def test_definitions_are_stored_once_and_stay(fake):
    code_system = {
        "resourceType": "CodeSystem",
        "id": "observable",
        "url": "x",
        "status": "active",
        "content": "complete",
    }
    store = store_of(fake)
    assert store.load_definitions([code_system]) == {"CodeSystem": 1}
    assert store.load_definitions([code_system]) == {}
    store.push(ward(1), cohort="tiny")
    store.unload("tiny")
    assert list(fake.held) == ["CodeSystem/observable"]


# -- doctor


@pytest.mark.parametrize(
    ("traits", "said"),
    [
        ({}, ["transactions", "takes ids of the client's"]),
        ({"bundle": "batch"}, ["batches, no transactions"]),
        ({"bundle": "", "client_ids": False}, ["neither transactions nor batches", "assigns ids"]),
        ({"exports": False}, ["pull is by search, whatever the size"]),
    ],
)
def test_doctor_says_what_a_server_can_do_and_a_push_succeeds(traits, said):
    fake = FakeFhir(**traits)
    report = examine(BASE, client=fake.client())
    text = "\n".join(f"{line.topic}: {line.found}; {line.consequence}" for line in report.lines)
    assert all(words in text for words in said), text
    assert report.usable
    assert json.loads(json.dumps(report.as_json()))["usable"] is True
    assert sum(store_of(fake).push(ward(), cohort="tiny", verify="full").created.values()) == 15


def test_doctor_says_when_a_server_cannot_be_used():
    report = examine(BASE, client=FakeFhir(counts=False, types=["Patient"]).client())
    assert not report.usable
    assert [line.topic for line in report.lines if not line.usable] == ["types", "searching"]


def test_doctor_says_that_a_server_gives_no_totals():
    report = examine(BASE, client=FakeFhir(counts=False).client())
    assert report.usable
    (line,) = (line for line in report.lines if line.topic == "counting")
    assert (line.found, "twice" in line.consequence) == ("no totals", True)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (httpx.Response(404), "not the base of a FHIR server"),
        (httpx.Response(200, html="<h1>hello</h1>"), "not the base of a FHIR server"),
        (
            httpx.Response(200, json={"resourceType": "CapabilityStatement", "fhirVersion": "5.0.0"}),
            "speaks FHIR 5.0.0",
        ),
        (httpx.Response(200, json=[1]), "not the base of a FHIR server"),
    ],
)
def test_what_is_no_fhir_server_is_said(answer, message):
    client = httpx.Client(transport=httpx.MockTransport(lambda _: answer))
    with pytest.raises(StoreRefused, match=message):
        examine(BASE, client=client)


def test_open_store_tells_a_server_from_a_folder(monkeypatch):
    monkeypatch.setenv("FHIR_BLINA_TOKEN", "")
    assert isinstance(open_store("http://127.0.0.1:1/fhir"), RestStore)
    with pytest.raises(StoreRefused, match="user name or password"):
        open_store("https://anna:secret@ehr.example/fhir")


def test_the_token_of_the_environment_goes_to_the_server(fake, monkeypatch):
    monkeypatch.setenv("FHIR_BLINA_TOKEN", "t0k")
    RestStore("https://ehr.example/fhir", client=fake.client()).counts("tiny")
    assert {one.headers["authorization"] for one in fake.requests} == {"Bearer t0k"}
