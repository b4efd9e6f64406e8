"""One contract, every store: a folder, servers of several kinds in memory, a real HAPI."""

from __future__ import annotations

import copy
import json
import re
import threading
import uuid
from decimal import Decimal

import pytest

from fhir_blina.errors import StoreRefused
from fhir_blina.files.json import loads, write_ndjson
from fhir_blina.r4 import R4
from fhir_blina.store import Audited, NdjsonFolder, Place, Source, open_store
from fhir_blina.store.rest.rest import RestStore
from tests.fake_fhir import COHORT, SANDBOXES, FakeFhir, resource, ward

KINDS = {
    "folder": None,
    "transactions": {"types": R4.resource_types},
    "small pages": {"page": 2},
    "batches": {"bundle": "batch"},
    "single requests": {"bundle": ""},
    "server's ids": {"client_ids": False},
    "server's ids, single": {"client_ids": False, "bundle": ""},
    "server's ids, announced otherwise": {"client_ids": False, "announces_ids": True},
    "server's ids, no conditions": {"client_ids": False, "bundle": "batch", "conditional": False},
    **SANDBOXES,
    "no totals": {"counts": False, "page": 4},
    "no totals, server's ids": {"counts": False, "client_ids": False, "bundle": ""},
}


@pytest.fixture(
    params=[
        *KINDS,
        pytest.param("hapi", marks=pytest.mark.hapi),
        pytest.param("hapi with its ids", marks=pytest.mark.hapi),
        "helios",
        pytest.param("postgres", marks=[pytest.mark.hapi, pytest.mark.postgres]),
    ]
)
def store(request, tmp_path):
    if request.param == "folder":
        return open_store(tmp_path / "store")
    if request.param == "hapi":
        return open_store(request.getfixturevalue("hapi_server"))
    if request.param == "hapi with its ids":
        return open_store(request.getfixturevalue("hapi_with_its_ids"))
    if request.param == "helios":
        return open_store(request.getfixturevalue("helios"))
    if request.param == "postgres":
        return open_store(request.getfixturevalue("hapi_on_postgres"))
    return RestStore("http://fake.test/fhir", client=FakeFhir(**KINDS[request.param]).client())


@pytest.fixture
def cohort():
    """A name of its own for each test: the real server is shared."""
    return f"c{uuid.uuid4().hex[:8]}"


@pytest.fixture
def other(cohort):
    return f"{cohort}-b"


SIZE = {"AdverseEvent": 3, "Group": 1, "Observation": 4, "Patient": 3, "ResearchStudy": 1, "Specimen": 3}


def lines_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.ndjson"))}


def test_what_is_pushed_is_pulled(store, cohort, tmp_path):
    sent = ward(cohort=cohort)
    result = store.push(sent, cohort=cohort)
    assert dict(result.created) == SIZE
    assert not result.updated
    assert not result.unchanged
    assert not result.rejected
    pulled = store.pull(tmp_path / "out", cohort=cohort)
    assert dict(pulled.counts) == SIZE
    back = [
        loads(line)
        for path in sorted(pulled.folder.glob("*.ndjson"))
        for line in path.read_text().splitlines()
    ]
    assert sorted(back, key=lambda one: one["resourceType"] + one["id"]) == sorted(
        sent, key=lambda one: one["resourceType"] + one["id"]
    )


class Table:
    """A source of a caller's own: resources made one by one of what the caller has."""

    def __init__(self, resources):
        self._rows = [json.dumps(one, default=str) for one in resources]

    def __iter__(self):
        return map(loads, self._rows)

    def scan(self):
        for number, row in enumerate(self._rows, start=1):
            yield Place("", number), row.encode()

    def read(self, place):
        return self._rows[place.number - 1].encode()

    def key(self, place):
        return ""

    def content(self, place):
        yield f'"text":{json.dumps(self._rows[place.number - 1])}'


def as_folder(resources, place):
    place.mkdir()
    write_ndjson(place / "all.ndjson", resources)
    return NdjsonFolder(place)


GIVEN = {
    "a generator": lambda resources, _: (one for one in resources),
    "an iterator": lambda resources, _: iter(resources),
    "a tuple": lambda resources, _: tuple(resources),
    "a folder": as_folder,
    "a source of one's own": lambda resources, _: Table(resources),
}


@pytest.mark.parametrize("audited", [False, True], ids=["", "audited"])
@pytest.mark.parametrize("given", GIVEN)
def test_whatever_gives_the_resources_all_of_them_are_pushed(store, cohort, tmp_path, given, audited):
    """Every store goes through them more than once; a generator has nothing left the second time."""
    resources = [one for one in ward(cohort=cohort) if one["resourceType"] != "Observation"]
    source = GIVEN[given](resources, tmp_path / "in")
    assert isinstance(source, Source) == (given in {"a folder", "a source of one's own"})
    target = Audited(store, tmp_path / "trail", b"k" * 32) if audited else store
    pushed = target.push(source, cohort=cohort, remove_orphans=True)
    assert sum(pushed.created.values()) == len(resources)
    assert store.counts(cohort) == {kind: number for kind, number in SIZE.items() if kind != "Observation"}
    if audited:
        last = json.loads((tmp_path / "trail").read_text().splitlines()[-1])
        assert len(last["ids"]) == len(resources)


def test_every_store_gives_the_same_bytes(store, cohort, tmp_path):
    sent = ward(cohort=cohort)
    store.push(sent, cohort=cohort)
    store.pull(tmp_path / "out", cohort=cohort)
    folder = open_store(tmp_path / "reference")
    folder.push(sent, cohort=cohort)
    assert lines_of(tmp_path / "out") == lines_of(folder.folder)
    assert b'"value":14.00}' in lines_of(tmp_path / "out")["Observation.ndjson"]


def test_the_pull_has_a_certificate(store, cohort, tmp_path):
    store.push(ward(cohort=cohort), cohort=cohort)
    pulled = store.pull(tmp_path / "out", cohort=cohort)
    certificate = json.loads((tmp_path / "out" / "certificate.json").read_text())
    assert certificate == pulled.certificate
    assert certificate["counts"] == SIZE
    assert certificate["total"] == 15
    assert certificate["server"] == store.location
    assert cohort in certificate["query"]


@pytest.mark.parametrize("verify", ["counts", "sample", "full"])
def test_a_second_push_changes_nothing(store, cohort, verify):
    sent = ward(cohort=cohort)
    store.push(sent, cohort=cohort, verify=verify)
    again = store.push(copy.deepcopy(sent)[::-1], cohort=cohort, verify=verify)
    assert not again.created
    assert not again.updated
    assert dict(again.unchanged) == SIZE


def test_the_plan_says_what_a_push_does(store, cohort):
    sent = ward(cohort=cohort)
    empty = store.plan(sent, cohort=cohort)
    assert sum(map(len, empty.create.values())) == 15
    assert store.counts(cohort) == {}
    store.push(sent, cohort=cohort)
    changed = copy.deepcopy(sent)
    gone = changed.pop(0)  # the Group's Observation
    changed[1]["actuality"] = "potential"
    changed.append(resource("Patient", f"{cohort}-P9", cohort))
    plan = store.plan(changed, cohort=cohort)
    assert plan.create == {"Patient": (f"{cohort}-P9",)}
    assert plan.update == {"AdverseEvent": (f"{cohort}-P1-crs",)}
    assert plan.orphaned == {"Observation": (gone["id"],)}
    assert sum(map(len, plan.unchanged.values())) == 13
    result = store.push(changed, cohort=cohort, remove_orphans=True, verify="full")
    assert result.created == {"Patient": 1}
    assert result.updated == {"AdverseEvent": 1}
    assert result.removed == {"Observation": 1}
    assert store.counts(cohort)["Observation"] == 3


def test_orphans_can_stay(store, cohort):
    sent = ward(cohort=cohort)
    store.push(sent, cohort=cohort)
    result = store.push(sent[1:], cohort=cohort, remove_orphans=False, verify="full")
    assert result.orphaned == {"Observation": 1}
    assert not result.removed
    assert store.counts(cohort) == SIZE


def test_labels_leave_in_one_order_and_their_order_is_no_change(store, cohort, tmp_path):
    act, confidential = (
        "http://terminology.hl7.org/CodeSystem/v3-ActReason",
        "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
    )
    # none that a cohort has: HAPI keeps one display of a label for all that carry it
    labels = [(act, "ETREAT"), (act, "TREAT"), (confidential, "N"), (confidential, "V")]
    codings = [{"system": system, "code": code} for system, code in labels]

    def labelled(some):
        one = resource("Patient", f"{cohort}-P1", cohort)
        return one | {"meta": one["meta"] | {"security": some}}

    store.push([labelled([codings[3], codings[1], codings[2], codings[0]])], cohort=cohort)
    pulled = store.pull(tmp_path / "out", cohort=cohort)
    (line,) = (pulled.folder / "Patient.ndjson").read_text().splitlines()
    found = json.loads(line)["meta"]["security"]
    assert [(one["system"], one["code"]) for one in found] == labels
    again = store.push([labelled(codings)], cohort=cohort)
    assert (dict(again.updated), dict(again.unchanged)) == ({}, {"Patient": 1})


def test_a_digit_more_is_stored(store, cohort, tmp_path):
    sent = ward(cohort=cohort)
    store.push(sent, cohort=cohort)
    blasts = next(one for one in sent if one["id"] == f"{cohort}-P1-blasts")
    blasts["valueQuantity"]["value"] = Decimal("14.000")
    assert store.push(sent, cohort=cohort).updated == {"Observation": 1}
    store.pull(tmp_path / "out", cohort=cohort)
    assert b'"value":14.000}' in lines_of(tmp_path / "out")["Observation.ndjson"]


def test_a_tag_that_went_is_gone(store, cohort, tmp_path):
    derived = {"system": "http://example.org/tags", "code": "derived"}
    sent = ward(cohort=cohort)
    sent[-1]["meta"]["tag"].append(derived)
    store.push(sent, cohort=cohort)
    sent[-1]["meta"]["tag"].remove(derived)
    store.push(sent, cohort=cohort, verify="full")
    store.pull(tmp_path / "out", cohort=cohort)
    assert b"derived" not in lines_of(tmp_path / "out")["ResearchStudy.ndjson"]


def test_the_display_of_a_tag_is_no_content(store, cohort, other):
    """HAPI shows the display that a tag had when it was first stored, whoever stored it."""
    for name, display in ((cohort, "one"), (other, "two")):
        sent = [resource("Patient", f"{name}-P1", name)]
        tag = {"system": "http://example.org/tags", "code": cohort, "display": display}
        sent[0]["meta"]["tag"].append(tag)
        store.push(sent, cohort=name, verify="full")
        assert not store.push(sent, cohort=name, verify="full").updated


def test_cohorts_live_side_by_side(store, cohort, other, tmp_path):
    store.push(ward(cohort=cohort), cohort=cohort)
    store.push(ward(2, cohort=other), cohort=other)
    store.push(ward(cohort=cohort), cohort=cohort, remove_orphans=True)
    assert store.counts(cohort) == SIZE
    assert store.pull(tmp_path / "out", cohort=other).counts["Patient"] == 2
    assert store.unload(cohort) == SIZE
    assert store.counts(cohort) == {}
    assert store.counts(other)["Patient"] == 2
    assert store.unload(cohort) == {}


def test_an_unloaded_cohort_can_be_pushed_again(store, cohort):
    store.push(ward(cohort=cohort), cohort=cohort)
    store.unload(cohort)
    assert dict(store.push(ward(cohort=cohort), cohort=cohort, verify="full").created) == SIZE


def test_an_id_of_another_cohort_is_not_taken(store, cohort, other, request):
    if isinstance(store, RestStore) and ("ids" in request.node.name or not store._own_ids(["Patient"])):
        pytest.skip("where the server assigns ids, none can be taken")
    store.push([resource("Patient", f"{cohort}-P1", other, gender="male")], cohort=other)
    with pytest.raises(StoreRefused, match=rf"Patient/{cohort}-P1: .*not of this cohort"):
        store.push([resource("Patient", f"{cohort}-P1", cohort, gender="female")], cohort=cohort)
    assert store.counts(other) == {"Patient": 1}
    assert store.counts(cohort) == {}


def test_types_can_be_selected(store, cohort, tmp_path):
    store.push(ward(cohort=cohort), cohort=cohort)
    pulled = store.pull(tmp_path / "out", cohort=cohort, types=["Patient", "Group"])
    assert dict(pulled.counts) == {"Group": 1, "Patient": 3}
    with pytest.raises(StoreRefused, match="not a resource type"):
        store.pull(tmp_path / "out", types=["../Patient"])


def test_write_then_read_is_never_stale(store, cohort, tmp_path):
    sent = ward(cohort=cohort)
    for title in ("一", "二", "三"):
        sent[-1]["title"] = title
        store.push(sent, cohort=cohort, verify="counts")
        store.pull(tmp_path / "out", cohort=cohort, types=["ResearchStudy"])
        assert title.encode() in lines_of(tmp_path / "out")["ResearchStudy.ndjson"]


def test_two_at_once_make_no_duplicates(store, cohort, request):
    if "no conditions" in request.node.name:
        pytest.skip("a server without conditional writes cannot tell two creates from one")
    sent = ward(cohort=cohort)
    if (
        "ids" in request.node.name or "medplum" in request.node.name
    ):  # R4 has no search of AdverseEvent by identifier
        sent = [one for one in sent if one["resourceType"] != "AdverseEvent"]
    results, errors = [], []

    def push():
        try:
            results.append(store.push(sent, cohort=cohort, verify="counts"))
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=push) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sum(store.counts(cohort).values()) == len(sent)
    again = store.push(sent, cohort=cohort, verify="full")
    assert sum(again.unchanged.values()) == len(sent)
    assert sum(sum(result.created.values()) for result in results) == len(sent)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "a_b"}, "no legal id"),
        ({"id": "x" * 65}, "no legal id"),
        ({"id": "../x"}, "no legal id"),
        ({"id": None}, "no legal id"),
        ({"resourceType": "../Patient"}, "not a resource type"),
        ({"resourceType": "Medicine"}, "not a resource type"),
        ({"meta": {"tag": []}}, "lacks the tag of cohort"),
        ({"meta": {"tag": [{"system": COHORT, "code": "else"}]}}, "lacks the tag of cohort"),
        ({"language": "a\x00b"}, "NUL"),
        ({"language": "\ud800"}, "lone surrogate"),
    ],
)
def test_what_no_store_takes_is_refused_and_the_rest_is_stored(store, cohort, tmp_path, change, message):
    sent = [
        resource("Patient", f"{cohort}-p1", cohort),
        resource("Patient", f"{cohort}-p2", cohort) | change,
        resource("Patient", f"{cohort}-p3", cohort),
    ]
    with pytest.raises(StoreRefused, match=message):
        store.push(sent, cohort=cohort)
    assert store.counts(cohort) == {"Patient": 2}
    result = store.push(sent, cohort=cohort, rejects=tmp_path / "rejects.ndjson", verify="full")
    assert result.unchanged == {"Patient": 2}
    assert len(result.rejected) == 1
    (line,) = map(json.loads, (tmp_path / "rejects.ndjson").read_text().splitlines())
    assert line["resource"] == sent[1]
    assert line["source"] == "resource 2"
    assert re.search(message, line["reason"])


def test_an_id_twice_is_refused(store, cohort):
    sent = [resource("Patient", f"{cohort}-p{number}", cohort) for number in (1, 2, 1)]
    with pytest.raises(StoreRefused, match="two resources have this id") as refused:
        store.push(sent, cohort=cohort)
    assert len(refused.value.findings) == 2
    assert store.counts(cohort) == {"Patient": 1}


def test_what_is_held_stays_when_its_successor_is_rejected(store, cohort, tmp_path):
    """Neither the old version of what is rejected, nor what seems orphaned beside it, is removed."""
    sent = ward(cohort=cohort)
    store.push(sent, cohort=cohort)
    specimen = next(one for one in sent if one["id"] == f"{cohort}-P1-marrow")
    specimen["note"] = [{"text": "a\x00b"}]
    gone = sent.pop(0)
    result = store.push(
        sent, cohort=cohort, remove_orphans=True, rejects=tmp_path / "r.ndjson", verify="full"
    )
    assert store.counts(cohort) == SIZE
    assert [finding.location for finding in result.rejected] == [
        f"Observation/{cohort}-P1-blasts",
        f"Specimen/{cohort}-P1-marrow",
    ]
    assert result.orphaned == {"Observation": 1}
    assert not result.removed
    assert any("nothing orphaned was removed" in note for note in result.notes)
    assert gone["id"] not in (tmp_path / "r.ndjson").read_text()


def test_a_pull_spares_other_peoples_files(store, cohort, tmp_path):
    store.push(ward(cohort=cohort), cohort=cohort)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(StoreRefused, match=r"notes\.txt was not written by a store"):
        store.pull(tmp_path / "out", cohort=cohort)
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_progress_reaches_its_end(store, cohort, tmp_path):
    seen = []
    store.push(ward(cohort=cohort), cohort=cohort, progress=lambda *step: seen.append(step))
    assert ("push", 15, 15) in seen
    store.pull(tmp_path / "out", cohort=cohort, progress=lambda *step: seen.append(step))
    assert ("pull", 15, 15) in seen


def circular(cohort):
    """Resources that refer to each other in a circle, and one that refers to itself."""
    sent = ward(2, cohort)
    patient, other = (one for one in sent if one["resourceType"] == "Patient")
    group = next(one for one in sent if one["resourceType"] == "Group")
    group["member"] = [{"entity": {"reference": f"Patient/{one['id']}"}} for one in (patient, other)]
    them = {"reference": f"Group/{group['id']}", "display": "them all"}
    patient["extension"] = [{"url": "https://example.org/ward", "valueReference": them}]
    other["link"] = [{"other": {"reference": f"Patient/{other['id']}"}, "type": "seealso"}]
    return sent


def test_circles_are_stored_whole_and_once_and_leave_nothing(store, cohort, tmp_path):
    sent = circular(cohort)
    first = store.push(sent, cohort=cohort, verify="full")
    assert sum(first.created.values()) == len(sent)
    again = store.push(sent, cohort=cohort, verify="full")
    assert (again.created, again.updated) == ({}, {})
    store.pull(tmp_path / "out", cohort=cohort)
    folder = open_store(tmp_path / "folder")
    folder.push(sent, cohort=cohort)
    assert lines_of(tmp_path / "out") == lines_of(tmp_path / "folder")
    assert sum(store.unload(cohort).values()) == len(sent)
    assert store.counts(cohort) == {}
