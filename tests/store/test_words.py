"""What a server may write otherwise, and what it may not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_blina.store.rest import RestStore
from fhir_blina.store.words import digest_of, meaning_of, value_of
from tests.fake_fhir import BASE, COHORT, FakeFhir


def observation(value=None, **more):
    made = {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"}} | more
    return made | ({"valueQuantity": {"value": value}} if value is not None else {})


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (observation(Decimal("1.0E+2")), observation(100)),
        (
            observation(subject={"reference": "Patient/x/_history/1"}),
            observation(subject={"reference": "Patient/x"}),
        ),
        (
            observation(text={"status": "generated", "div": '<div b="1" a="2"><p>A  b</p>\n <br/></div>'}),
            observation(text={"status": "generated", "div": '<div a="2" b="1"><p>A b</p><br></br></div>'}),
        ),
    ],
)
def test_other_words_mean_the_same(sent, stored):
    assert digest_of(sent) != digest_of(stored)
    assert meaning_of(sent) == meaning_of(stored)
    assert value_of(sent) == value_of(stored)


def test_precision_is_part_of_what_a_decimal_means_but_not_of_its_value():
    sent, stored = observation(Decimal("14.00")), observation(Decimal("14.0"))
    assert meaning_of(sent) != meaning_of(stored)
    assert value_of(sent) == value_of(stored)
    assert value_of(sent) == value_of(observation(14))


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (observation(Decimal("1.0E+2")), observation(101)),
        (observation(Decimal("0.1")), observation(Decimal("0.10000000000000001"))),
        (observation(0), observation(-1)),
        (
            observation(subject={"reference": "Patient/x/_history/1"}),
            observation(subject={"reference": "Patient/y"}),
        ),
        (
            observation(text={"status": "generated", "div": "<div>no</div>"}),
            observation(text={"status": "generated", "div": "<div>not</div>"}),
        ),
        (
            observation(text={"status": "generated", "div": "<div><b>a</b></div>"}),
            observation(text={"status": "generated", "div": "<div><i>a</i></div>"}),
        ),
        (observation(note=[{"text": "1.0"}]), observation(note=[{"text": "1.00"}])),
    ],
)
def test_other_content_is_seen(sent, stored):
    assert meaning_of(sent) != meaning_of(stored)
    assert value_of(sent) != value_of(stored)


def test_a_document_type_in_narrative_is_not_opened():
    bomb = '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><div>&b;</div>'
    assert meaning_of(observation(text={"div": bomb})) != meaning_of(observation(text={"div": "<div/>"}))


def test_a_push_to_a_server_with_words_of_its_own_ends_well_with_a_note():
    """A server in JavaScript: 14.00 becomes 14, which is no other value; the note says so."""
    fake = FakeFhir()
    put = fake.put

    def worded(key, body, held):
        if "valueQuantity" in body:
            body = body | {"valueQuantity": {"value": int(body["valueQuantity"]["value"])}}
        return put(key, body, held)

    fake.put = worded
    store = RestStore(BASE, client=fake.client(), sleep=lambda _: None)
    sent = [observation(Decimal("14.00"), meta={"tag": [{"system": COHORT, "code": "tiny"}]})]
    pushed = store.push(sent, cohort="tiny", verify="full")
    assert pushed.created == {"Observation": 1}
    assert any("holds 1 of 1 resources" in note for note in pushed.notes)
    again = store.push(sent, cohort="tiny", verify="full")
    assert (again.created, again.updated) == ({}, {})
