"""What is known of kinds of servers: data that is read strictly, found again, told and obeyed."""

from __future__ import annotations

import re

import pytest

from fhir_blina.errors import StoreRefused
from fhir_blina.files import mappings_folder
from fhir_blina.store.rest.doctor import examine
from fhir_blina.store.rest.profiles import UNKNOWN, known_profiles, read_profile, recognised
from fhir_blina.store.rest.rest import RestStore
from tests.exact_json import loads
from tests.fake_fhir import BASE, FakeFhir, resource, ward

FILES = sorted((mappings_folder() / "servers").glob("*.yaml"))


def patients(count):
    return [resource("Patient", f"tiny-p{number}", gender="female") for number in range(count)]


def store_of(fake, **options):
    return RestStore(BASE, client=fake.client(), sleep=lambda _: None, **options)


def written(fake):
    return [one for one in fake.requests if one.method == "PUT" or b'"PUT"' in one.content]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_fact_has_a_source_and_a_date(path):
    profile = read_profile(path)
    assert profile.facts
    for fact in profile.facts.values():
        assert fact.source
        assert re.fullmatch(r"20\d\d-\d\d", fact.date)
        assert fact.word in {"tried", "maker", "third party"}


def test_the_servers_of_which_sandboxes_are_made_are_known():
    names = " ".join(one.name for one in known_profiles())
    for name in ("HAPI", "Medplum", "Google", "Azure", "HealthLake", "Aidbox", "Blaze", "Spark", "Helios"):
        assert name in names
    for name in ("SMART sandbox", "Epic", "Oracle"):
        assert name in names


@pytest.mark.parametrize(
    ("base", "software", "name"),
    [
        ("http://x.test/fhir", "HAPI FHIR Server 8.8.0", "HAPI FHIR"),
        ("https://api.medplum.com/fhir/R4", "medplum 5.0.1", "Medplum"),
        ("https://healthcare.googleapis.com/v1/projects/p/fhir", "unnamed", "Google Cloud Healthcare"),
        ("https://w-f.fhir.azurehealthcareapis.com", "unnamed", "Azure Health Data Services"),
        ("http://x.test", "Microsoft FHIR Server 4.0", "Azure Health Data Services"),
        ("http://127.0.0.1:8080", "Helios FHIR Server 0.2.7", "Helios FHIR Server"),
        ("https://r4.smarthealthit.org", "HAPI FHIR Server 7", "SMART sandbox (r4.smarthealthit.org)"),
        ("https://notfhir.epic.com.evil.test", "x", ""),
        ("https://x.test", "Sparkling Epicentre 1", ""),
    ],
)
def test_a_server_is_recognised_by_its_host_or_its_software(base, software, name):
    assert recognised(base, software).name == name


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ("entires: {value: 1}", r':4: error: unknown key "entires".*Did you mean "entries"'),
        ("entries: {value: 5, date: '2026-11', word: tried}", "missing source"),
        ("entries: {value: many, source: y, date: '2026-11', word: tried}", "must be of type integer"),
        ("entries: {value: 5, source: y, date: yesterday, word: tried}", "does not match"),
        ("entries: {value: 5, source: y, date: '2026-11', word: rumour}", "must be one of tried"),
    ],
)
def test_a_file_is_read_strictly(tmp_path, fact, said):
    path = tmp_path / "x.yaml"
    path.write_text(f"name: X\nsoftware: [x]\nfacts:\n  {fact}\n")
    with pytest.raises(StoreRefused, match=said):
        read_profile(path)


def test_no_bundle_is_larger_than_such_a_server_takes():
    fake = FakeFhir(client_ids=False, most_entries=50, software="medplum")
    store_of(fake, workers=1).push(patients(120), cohort="tiny")
    sizes = [
        len(loads(one.content.decode())["entry"])
        for one in fake.sent("POST", "/fhir")
        if b'"POST"' in one.content
    ]
    assert max(sizes) == 50


def test_transactions_that_are_done_as_batches_are_not_relied_on():
    fake = FakeFhir(client_ids=False, transactions_are_batches=True, software="medplum")
    store = store_of(fake)
    store.push(ward(), cohort="tiny")
    assert not [one for one in fake.sent("POST", "/fhir") if b'"transaction"' in one.content]
    assert sum(store.unload("tiny").values()) == len(ward())
    assert fake.held == {}


def test_a_plan_says_how_long_it_takes_at_the_rate_limit():
    fake = FakeFhir(client_ids=False, software="medplum")
    plan = store_of(fake).plan(patients(1750), cohort="tiny")
    # 1,750 writes at 50,000 points a minute, 100 points each: 210 s
    assert plan.writes == 1750
    assert "1,750 writes take 4 min or more at 500 a minute" in plan.notes[0]
    assert not written(fake)
    assert "none of those known" in store_of(FakeFhir()).plan(patients(1), cohort="tiny").notes[0]


@pytest.mark.parametrize("software", ["Epic 2026", "Cerner 1"])
def test_a_server_that_is_only_read_gets_no_write(software):
    fake = FakeFhir(software=software)
    for attempt in (store_of(fake).push, store_of(fake).plan):
        with pytest.raises(StoreRefused, match=r"can be read only.*pull from this one"):
            attempt(patients(3), cohort="tiny")
    assert not written(fake)
    assert {one.method for one in fake.requests} == {"GET"}


def test_the_doctor_tells_what_is_believed_and_from_where():
    found = examine(BASE, client=FakeFhir(software="medplum").client())
    lines = {line.topic: line for line in found.lines}
    assert lines["profile"].found == "Medplum"
    assert lines["believed: entries"].found.startswith("50")
    assert "maker" in lines["believed: entries"].consequence
    assert "2026-11" in lines["believed: entries"].consequence
    unknown = {line.topic: line for line in examine(BASE, client=FakeFhir().client()).lines}
    assert unknown["profile"].found == "none of those known"


def test_nothing_is_believed_of_an_unknown_server():
    assert UNKNOWN.takes_ids is None
    assert UNKNOWN.value("entries") is None
    assert (UNKNOWN.pace(200, 2).size, UNKNOWN.pace(200, 2).workers) == (200, 2)
