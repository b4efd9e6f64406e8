"""An authorisation server that checks a client as Inferno's client suite does, and keeps what it was sent.

Signatures are checked by ``cryptography`` alone, not by the library that made them.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def packed(number: int, size: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).rstrip(b"=").decode()


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def ec_key(curve: Any = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP384R1())


def pem(key: Any, *, traditional: bool = False) -> str:
    form = serialization.PrivateFormat
    return key.private_bytes(
        serialization.Encoding.PEM,
        form.TraditionalOpenSSL if traditional else form.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def jwk(key: Any, **more: Any) -> dict[str, Any]:
    """A private key as a JWK, written out by hand."""
    if isinstance(key, rsa.RSAPrivateKey):
        private, public = key.private_numbers(), key.public_key().public_numbers()
        numbers = {"n": public.n, "e": public.e, "d": private.d, "p": private.p, "q": private.q}
        numbers |= {"dp": private.dmp1, "dq": private.dmq1, "qi": private.iqmp}
        return {
            "kty": "RSA",
            **{name: packed(value, (value.bit_length() + 7) // 8) for name, value in numbers.items()},
            **more,
        }
    point = key.public_key().public_numbers()
    size = (key.curve.key_size + 7) // 8
    secret = packed(key.private_numbers().private_value, size)
    curve = {256: "P-256", 384: "P-384"}[key.curve.key_size]
    return {
        "kty": "EC",
        "crv": curve,
        "x": packed(point.x, size),
        "y": packed(point.y, size),
        "d": secret,
        **more,
    }


@dataclass
class AuthServer:
    """Answers token requests at ``url``; ``faults`` are statuses to give first."""

    url: str
    client_id: str = "our-client"
    secret: str = ""
    keys: dict[str, Any] = field(default_factory=dict)
    life: Any = 300
    faults: list[httpx.Response] = field(default_factory=list)
    issued: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    assertions: list[dict[str, Any]] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.faults:
            return self.faults.pop(0)
        said = (self.secret and self.by_secret(request)) or (not self.secret and self.by_signature(request))
        if said is not True:
            self.complaints.append(str(said))
            return httpx.Response(400, json={"error": "invalid_client", "error_description": str(said)})
        self.issued.append(f"token-{len(self.issued) + 1}")
        return httpx.Response(
            200, json={"access_token": self.issued[-1], "token_type": "bearer", "expires_in": self.life}
        )

    def form(self, request: httpx.Request) -> dict[str, str]:
        return dict(parse_qsl(request.content.decode(), strict_parsing=True))

    def by_secret(self, request: httpx.Request) -> Any:
        form = self.form(request)
        if form["grant_type"] != "client_credentials":
            return "grant_type"
        if "client_secret" in form:
            ok = (form["client_id"], form["client_secret"]) == (self.client_id, self.secret)
            return ok or "client_secret_post"
        name, _, secret = (
            base64.b64decode(request.headers["authorization"].split(" ")[1]).decode().partition(":")
        )
        return (name, secret) == (self.client_id, self.secret) or "client_secret_basic"

    def by_signature(self, request: httpx.Request) -> Any:
        form = self.form(request)
        if request.method != "POST" or str(request.url) != self.url:
            return "POST to the token URL"
        if request.headers["content-type"] != "application/x-www-form-urlencoded":
            return "content type"
        if "authorization" in request.headers or {"client_secret", "client_id"} & form.keys():
            return "more than one way of authentication"
        if form.get("grant_type") != "client_credentials" or form.get("client_assertion_type") != ASSERTION:
            return "grant_type or client_assertion_type"
        if not form.get("scope", "").startswith("system/"):
            return "scope"
        parts = form["client_assertion"].split(".")
        header, claims = json.loads(unpacked(parts[0])), json.loads(unpacked(parts[1]))
        if header.get("typ") != "JWT" or header.get("alg") not in {"RS384", "ES384"}:
            return "typ or alg"
        key = self.keys.get(header.get("kid"))
        if key is None:
            return "kid"
        try:
            verify(key, header["alg"], ".".join(parts[:2]).encode(), unpacked(parts[2]))
        except InvalidSignature:
            return "signature"
        now = time.time()
        if claims.get("iss") != self.client_id or claims.get("sub") != self.client_id:
            return "iss or sub"
        if claims.get("aud") != self.url:
            return "aud"
        if not isinstance(claims.get("exp"), int) or not now < claims["exp"] <= now + 300:
            return "exp"
        if not claims.get("jti") or claims["jti"] in {one["jti"] for one in self.assertions}:
            return "jti"
        self.assertions.append(claims)
        return True


def verify(key: Any, algorithm: str, signed: bytes, signature: bytes) -> None:
    """Check RS384 or ES384 of RFC 7518, 3.3 and 3.4."""
    public = key.public_key()
    if algorithm == "RS384":
        public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA384())
        return
    assert len(signature) == 96
    pair = (int.from_bytes(signature[:48], "big"), int.from_bytes(signature[48:], "big"))
    public.verify(encode_dss_signature(*pair), signed, ec.ECDSA(hashes.SHA384()))
