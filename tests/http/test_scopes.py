"""SMART scopes: what both versions call the same, and what a token lacks."""

from __future__ import annotations

import json

import httpx
import pytest

from fhir_blina.errors import StoreRefused
from fhir_blina.http.scopes import not_granted, respelled
from fhir_blina.http.tokens import TokenSource


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # SMART App Launch 2.2, "Scopes for requesting FHIR Resources": .read is .rs, .write is .cud, .* is .cruds
        ("system/*.read", "system/*.rs"),
        ("system/Patient.write", "system/Patient.cud"),
        ("user/Observation.*", "user/Observation.cruds"),
        ("system/Patient.read openid", "system/Patient.rs openid"),
    ],
)
def test_each_version_has_words_for_the_same(one, other):
    assert respelled(one) == other
    assert respelled(other) == one
    assert not_granted(one, other) == []
    assert not_granted(other, one) == []


@pytest.mark.parametrize(
    ("asked", "granted", "lacking"),
    [
        ("system/*.rs", "system/Patient.rs system/Observation.rs", []),
        ("system/*.rs", "system/Patient.r", ["system/*.rs"]),
        ("system/Patient.read system/Group.rs", "system/Patient.rs", ["system/Group.rs"]),
        ("system/Patient.rs", "system/*.cruds", []),
        ("system/Patient.rs", "user/Patient.rs", ["system/Patient.rs"]),
        ("system/Patient.read", "", ["system/Patient.read"]),
        ("openid fhirUser", "openid", []),
    ],
)
def test_what_a_token_lacks_is_known(asked, granted, lacking):
    assert not_granted(asked, granted) == lacking


def source(scope, answer):
    client = httpx.Client(transport=httpx.MockTransport(answer))
    return TokenSource(
        base="https://fhir.example",
        scope=scope,
        prove=lambda _: ({}, {}),
        client=client,
        token_url="https://fhir.example/token",
        sleep=lambda _: None,
    )


@pytest.mark.parametrize(("known", "asked"), [("rs", "read"), ("read", "rs")])
def test_the_other_spelling_is_asked_where_one_is_refused(known, asked):
    seen = []

    def answer(request):
        scope = dict(httpx.QueryParams(request.content.decode()))["scope"]
        seen.append(scope)
        if not scope.endswith(f".{known}"):
            return httpx.Response(400, json={"error": "invalid_scope"})
        return httpx.Response(200, json={"access_token": "t", "token_type": "bearer", "scope": scope})

    assert source(f"system/*.{asked}", answer).token() == "t"
    assert seen == [f"system/*.{asked}", f"system/*.{known}"]


def test_a_scope_that_is_dropped_silently_is_an_error():
    def answer(_):
        said = {"access_token": "t", "token_type": "bearer", "scope": "openid"}
        return httpx.Response(200, content=json.dumps(said), headers={"content-type": "application/json"})

    with pytest.raises(StoreRefused, match=r"grants no system/Patient\.read.*perhaps system/Patient\.rs"):
        source("system/Patient.read", answer).token()
