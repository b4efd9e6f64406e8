"""The signed statement by which a client of SMART Backend Services says who it is.

Source: HL7 SMART App Launch, "Client Authentication: Asymmetric (public key)".
"""

from __future__ import annotations

import secrets
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fhir_blina.errors import StoreRefused

LIFE_SECONDS = 240  # SMART allows 300; the rest is for clocks that differ
LEAST_RSA_BITS = 2048
ALGORITHMS = ("RS384", "ES384")


@dataclass(frozen=True)
class Signer:
    """Signs assertions with one key; made by :func:`read_signer`.

    Attributes:
        client_id: Whom the assertion speaks for.
        algorithm: ``RS384`` or ``ES384``, as the key allows.
        key_id: ``kid`` under which the server knows the public key.
    """

    client_id: str
    algorithm: str
    key_id: str
    _key: Any = field(repr=False)
    _clock: Callable[[], float] = field(default=time.time, repr=False)

    def assertion(self, token_url: str) -> str:
        """A fresh assertion for one request to ``token_url``: 240 s long, with a ``jti`` of its own."""
        from joserfc import jwt

        now = int(self._clock())
        header = {"alg": self.algorithm, "kid": self.key_id, "typ": "JWT"}
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": token_url,
            "iat": now,
            "exp": now + LIFE_SECONDS,
            "jti": secrets.token_urlsafe(32),
        }
        return jwt.encode(header, claims, self._key, algorithms=list(ALGORITHMS))


def read_signer(
    text: str, client_id: str, *, key_id: str = "", clock: Callable[[], float] = time.time
) -> Signer:
    """A signer from a private key: a JWK, a JWK set or PEM.

    Args:
        text: The key.
        client_id: As registered with the server.
        key_id: Which key of a set, or the ``kid`` of a PEM key; the key's thumbprint where neither says.
        clock: Seconds since 1970.

    Raises:
        StoreRefused: not a private RSA key of 2048 bits or more, nor one on the curve P-384.
    """
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, RSAKey

    from fhir_blina.files import loads

    try:
        chosen = _pick(loads(text), key_id) if text.lstrip().startswith("{") else None
        with warnings.catch_warnings(action="ignore"):  # of short keys, which are refused below
            if chosen is not None:
                key: Any = ECKey.import_key(chosen) if chosen["kty"] == "EC" else RSAKey.import_key(chosen)
            else:
                key = _pem(text)
    except (JoseError, ValueError, KeyError, TypeError, AttributeError):
        raise StoreRefused("the private key is not readable: a JWK, a JWK set or PEM, RSA or EC") from None
    if not key.is_private:
        raise StoreRefused("the key is a public one; the private key signs")
    private = key.private_key
    if isinstance(key, RSAKey):
        if private.key_size < LEAST_RSA_BITS:
            raise StoreRefused(f"the RSA key has fewer than {LEAST_RSA_BITS} bits")
        algorithm = "RS384"
    elif private.curve.name == "secp384r1":
        algorithm = "ES384"
    else:
        raise StoreRefused("the EC key is not on the curve P-384, which ES384 needs")
    kid = key_id or (chosen or {}).get("kid") or key.thumbprint()
    return Signer(client_id, algorithm, str(kid), key, clock)


def _pem(text: str) -> Any:
    """A PKCS #8 key of either kind."""
    from joserfc.jwk import ECKey, RSAKey

    try:
        return RSAKey.import_key(text)
    except Exception:  # noqa: BLE001 - whatever it says of another kind of key
        return ECKey.import_key(text)


def _pick(said: Any, key_id: str) -> dict[str, Any]:
    """The private key of a JWK or JWK set that can sign."""
    for key in said.get("keys", [said]):
        usable = "d" in key and key.get("use", "sig") == "sig" and key.get("alg", ALGORITHMS[0]) in ALGORITHMS
        if usable and (not key_id or key.get("kid", key_id) == key_id):
            return dict(key)
    raise StoreRefused(
        "no key of the set is private, for signing" + (" and of that key_id" if key_id else "")
    )
