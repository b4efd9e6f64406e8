"""Tokens: got from a server that checks what Inferno's client suite checks, kept, renewed."""

from __future__ import annotations

import email.utils
import threading
import time

import httpx
import pytest

from fhir_blina.errors import StoreRefused, StoreUnavailable
from fhir_blina.http.assertion import read_signer
from fhir_blina.http.tokens import TokenSource, proof_by_secret, proof_by_signature
from tests.auth_server import AuthServer, ec_key, pem, rsa_key

BASE = "https://fhir.example/r4"
URL = "https://fhir.example/token"
KEYS = {"RS384": rsa_key(), "ES384": ec_key()}


class Network:
    """A FHIR server with discovery, its authorisation server, and a clock that moves when told to."""

    def __init__(self, auth: AuthServer, **configuration) -> None:
        self.auth = auth
        self.configuration = {"token_endpoint": auth.url} | configuration
        self.now = 0.0
        self.slept: list[float] = []
        self.asked: list[str] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        if request.url.path.endswith("/.well-known/smart-configuration"):
            assert "authorization" not in request.headers
            return httpx.Response(200, json=self.configuration)
        return self.auth.handle(request)

    def source(self, prove, **more) -> TokenSource:
        client = httpx.Client(transport=httpx.MockTransport(self.handle))
        return TokenSource(
            BASE, "system/*.rs", prove, client, clock=lambda: self.now, sleep=self.slept.append, **more
        )


def signed(algorithm: str = "ES384", **configuration) -> tuple[Network, TokenSource]:
    key = KEYS[algorithm]
    signer = read_signer(pem(key), "our-client", key_id="k1")
    network = Network(AuthServer(URL, keys={"k1": key}), **configuration)
    return network, network.source(proof_by_signature(signer), signer=signer)


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_smart_backend_services(algorithm):
    network, source = signed(algorithm, token_endpoint_auth_signing_alg_values_supported=["RS384", "ES384"])
    assert source.token() == "token-1"
    assert source.token() == "token-1"
    assert network.auth.complaints == []
    assert network.asked == [f"{BASE}/.well-known/smart-configuration", URL]


def test_a_token_is_renewed_before_it_ends_with_a_fresh_assertion():
    network, source = signed()
    source.token()
    network.now = 269
    assert source.token() == "token-1"
    network.now = 270
    assert source.token() == "token-2"
    assert len({one["jti"] for one in network.auth.assertions}) == 2
    assert network.auth.complaints == []


def test_a_refused_token_is_replaced_and_one_already_replaced_is_not():
    network, source = signed()
    first = source.token()
    assert source.token(instead_of=first) == "token-2"
    assert source.token(instead_of=first) == "token-2"
    assert len(network.auth.issued) == 2


def test_threads_share_one_token():
    network, source = signed()
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(source.token())) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["token-1"] * 16
    assert len(network.auth.requests) == 1


def test_a_busy_server_is_asked_again_with_another_assertion():
    network, source = signed()
    network.auth.faults = [httpx.Response(503, headers={"retry-after": "7"}), httpx.Response(500)]
    assert source.token() == "token-1"
    assert network.slept[0] == 7
    sent = {network.auth.form(request)["client_assertion"] for request in network.auth.requests}
    assert len(sent) == 3


def test_a_server_that_stays_busy_is_given_up():
    network, source = signed()
    network.auth.faults = [httpx.Response(429, headers={"retry-after": "1000000"}) for _ in range(9)]
    with pytest.raises(StoreUnavailable, match="8 tries"):
        source.token()
    assert len(network.auth.requests) == 8
    assert max(network.slept) == 120


def test_a_busy_server_may_give_a_date():
    network, source = signed()
    until = email.utils.formatdate(time.time() + 60, usegmt=True)
    network.auth.faults = [httpx.Response(503, headers={"retry-after": until})]
    assert source.token() == "token-1"
    assert 57 <= network.slept[0] <= 60


@pytest.mark.parametrize("in_form", [False, True])
def test_client_credentials_with_a_secret(in_form):
    network = Network(AuthServer(URL, secret="hunter2+/"))
    source = network.source(proof_by_secret("our-client", lambda: "hunter2+/", in_form=in_form))
    if not in_form:  # RFC 6749 2.3.1 has both parts form-encoded in the header
        network.auth.secret = "hunter2%2B%2F"
    assert source.token() == "token-1"
    assert "hunter2" not in repr(source)


def test_a_refusal_says_the_code_and_nothing_else():
    network = Network(AuthServer(URL, secret="right"))
    source = network.source(proof_by_secret("our-client", lambda: "hunter2", in_form=True))
    with pytest.raises(StoreRefused) as refused:
        source.token()
    assert str(refused.value) == "the authorisation server gives no token (HTTP 400, invalid_client)"
    assert len(network.auth.requests) == 1


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://evil.test/token",
        "https://fhir.example:444/token",
        "http://fhir.example/token",
        "https://fhir.example.evil.test/token",
        "https://fhir.example@evil.test/token",
        "//evil.test/token",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1/token",
        "file:///etc/passwd",
        7,
        None,
    ],
)
def test_a_token_endpoint_elsewhere_is_not_asked_unless_it_is_configured(endpoint):
    network, source = signed(token_endpoint=endpoint)
    with pytest.raises(StoreRefused):
        source.token()
    assert network.asked == [f"{BASE}/.well-known/smart-configuration"]


def test_a_configured_token_endpoint_may_be_elsewhere_but_not_over_plain_http():
    url = "https://login.example/token"
    key = KEYS["ES384"]
    network = Network(AuthServer(url, keys={"k1": key}))
    prove = proof_by_signature(read_signer(pem(key), "our-client", key_id="k1"))
    assert network.source(prove, token_url=url).token() == "token-1"
    assert network.asked == [url]
    with pytest.raises(StoreRefused, match="https is needed"):
        network.source(prove, token_url="http://login.example/token").token()
    assert network.asked == [url]


def test_what_the_server_does_not_take_is_not_sent():
    for name, listed in (
        ("token_endpoint_auth_signing_alg_values_supported", ["RS384"]),
        ("token_endpoint_auth_methods_supported", ["client_secret_basic"]),
    ):
        network, source = signed("ES384", **{name: listed})
        with pytest.raises(StoreRefused, match=name):
            source.token()
        assert network.auth.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"token_type": "bearer"}),
        httpx.Response(200, json={"access_token": "a\r\nX-Evil: 1", "token_type": "bearer"}),
        httpx.Response(200, json={"access_token": "a", "token_type": "mac"}),
        httpx.Response(200, json={"access_token": ["a"], "token_type": "bearer"}),
        httpx.Response(200, json=[1]),
        httpx.Response(302, headers={"location": "https://evil.test/"}),
        httpx.Response(200, content=b" " * (2**20 + 1)),
    ],
)
def test_what_is_no_token_is_refused(answer):
    network, source = signed()
    network.auth.faults = [answer]
    with pytest.raises(StoreRefused):
        source.token()
    assert len(network.asked) == 2


@pytest.mark.parametrize("life", [None, "300", -1, True, 10**12])
def test_a_life_that_makes_no_sense_is_taken_as_five_minutes(life):
    network, source = signed()
    network.auth.life = life
    source.token()
    network.now = 269
    assert source.token() == "token-1"
    network.now = 271
    assert source.token() == "token-2"
