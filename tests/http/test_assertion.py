"""Assertions: signed with the right algorithm, short, never the same twice."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fhir_blina.errors import StoreRefused
from fhir_blina.http.assertion import read_signer
from tests.auth_server import ec_key, jwk, pem, rsa_key, unpacked, verify

URL = "https://auth.example/token"
RSA, EC = rsa_key(), ec_key()


def parts(assertion: str) -> tuple[dict, dict]:
    header, claims, _ = assertion.split(".")
    return json.loads(unpacked(header)), json.loads(unpacked(claims))


@pytest.mark.parametrize(
    ("key", "text", "algorithm"),
    [
        (RSA, pem(RSA), "RS384"),
        (RSA, pem(RSA, traditional=True), "RS384"),
        (RSA, json.dumps(jwk(RSA)), "RS384"),
        (RSA, json.dumps({"keys": [jwk(EC, use="enc"), jwk(RSA, use="sig", alg="RS384")]}), "RS384"),
        (EC, pem(EC), "ES384"),
        (EC, pem(EC, traditional=True), "ES384"),
        (EC, json.dumps(jwk(EC)), "ES384"),
    ],
)
def test_the_key_decides_the_algorithm(key, text, algorithm):
    assertion = read_signer(text, "me", key_id="k1").assertion(URL)
    header, _ = parts(assertion)
    assert header == {"alg": algorithm, "kid": "k1", "typ": "JWT"}
    signed, _, signature = assertion.rpartition(".")
    verify(key, algorithm, signed.encode(), unpacked(signature))


def test_what_it_claims():
    signer = read_signer(pem(EC), "me", clock=lambda: 1_000_000.9)
    _, claims = parts(signer.assertion(URL))
    jti = claims.pop("jti")
    assert claims == {"iss": "me", "sub": "me", "aud": URL, "iat": 1_000_000, "exp": 1_000_240}
    others = {parts(signer.assertion(URL))[1]["jti"] for _ in range(50)}
    assert len(others) == 50
    assert jti not in others


def test_the_key_id_is_given_or_of_the_key_or_its_thumbprint():
    assert read_signer(json.dumps(jwk(EC, kid="of-key")), "me").key_id == "of-key"
    thumbprint = read_signer(pem(EC), "me").key_id
    assert len(unpacked(thumbprint)) == 32
    both = json.dumps({"keys": [jwk(RSA, kid="a"), jwk(EC, kid="b")]})
    assert read_signer(both, "me", key_id="b").algorithm == "ES384"


def public_pem() -> str:
    return (
        EC.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (pem(rsa_key(1024)), "fewer than 2048 bits"),
        (pem(ec_key(ec.SECP256R1())), "P-384"),
        (json.dumps(jwk(ec_key(ec.SECP256R1()))), "P-384"),
        (public_pem(), "public one"),
        (json.dumps({name: value for name, value in jwk(EC).items() if name != "d"}), "no key of the set"),
        (json.dumps({"keys": []}), "no key of the set"),
        (json.dumps({"kty": "oct", "k": "AAAA", "d": "x"}), "not readable"),
        ("{", "not readable"),
        ('{"keys": 3}', "not readable"),
        ("hello", "not readable"),
    ],
)
def test_other_keys_are_refused_without_showing_them(text, reason):
    with pytest.raises(StoreRefused, match=reason) as refused:
        read_signer(text, "me")
    assert text not in str(refused.value)


def test_a_signer_does_not_show_its_key():
    secret = str(jwk(EC)["d"])
    assert secret not in repr(read_signer(json.dumps(jwk(EC)), "me"))
