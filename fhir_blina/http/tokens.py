"""Access tokens of OAuth 2.0: asked for, kept until shortly before they end, renewed once when refused."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from fhir_blina.errors import StoreIncomplete, StoreRefused, StoreUnavailable, conceal
from fhir_blina.files import loads
from fhir_blina.http.assertion import Signer
from fhir_blina.http.exchange import exchange, keep_deadlines
from fhir_blina.http.messages import untrusted_certificate
from fhir_blina.http.origin import origin_of
from fhir_blina.http.retry import Retry, Verdict
from fhir_blina.http.scopes import not_granted, respelled

MOST_BYTES = 2**20
USUAL_SECONDS = 300.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_REASONS = {
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
}
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

Proof = Callable[[str], tuple[dict[str, str], dict[str, str]]]
"""From a token URL to what proves who asks: fields of the form, and headers."""


@dataclass
class TokenSource:
    """Gets access tokens by the client credentials grant.

    Args:
        base: Base URL of the FHIR server; where discovery starts.
        scope: What is asked for.
        prove: Who asks.
        client: Sends the requests; follows no redirect.
        token_url: Where to ask; empty for discovery.
        signer: Its algorithm is compared with what the server says it takes.
        sleep: Waits, for tests.
        clock: Seconds that only grow, for tests.
    """

    base: str
    scope: str
    prove: Proof = field(repr=False)
    client: httpx.Client = field(repr=False)
    token_url: str = ""
    signer: Signer | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _token: str = field(default="", repr=False)
    _ends: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        """Bound its connections."""
        keep_deadlines(self.client)

    def token(self, *, instead_of: str = "") -> str:
        """A token that is good now.

        Args:
            instead_of: One that the server has just refused; it is not handed out again.

        Raises:
            StoreRefused: the authorisation server says no, or says nothing that makes sense.
            StoreUnavailable: it does not answer.
        """
        with self._lock:
            if not self._token or self.clock() >= self._ends or (instead_of and self._token == instead_of):
                self._token = ""
                self._token, seconds = self._ask()
                self._ends = self.clock() + seconds - min(30.0, seconds / 10)
            return self._token

    def _ask(self) -> tuple[str, float]:
        if not self.token_url:
            self.token_url = self._discovered()
        url = self.token_url
        if not origin_of(url).private:
            raise StoreRefused("the token endpoint is plain http on another machine; https is needed")

        def request() -> httpx.Request:
            fields, headers = self.prove(url)
            conceal(*(fields[name] for name in ("client_secret", "client_assertion") if name in fields))
            form = {"grant_type": "client_credentials"} | ({"scope": self.scope} if self.scope else {})
            return self.client.build_request(
                "POST", url, data=form | fields, headers={"Accept": "application/json"} | headers
            )

        status, said = self._answer(request, "the authorisation server")
        if status == 400 and isinstance(said, dict) and said.get("error") == "invalid_scope":
            first, self.scope = self.scope, respelled(self.scope)
            if self.scope != first:  # the words of the other version of SMART
                status, said = self._answer(request, "the authorisation server")
        if status not in {200, 201} or not isinstance(said, dict):
            reason = said.get("error") if isinstance(said, dict) else None
            known = f", {reason}" if isinstance(reason, str) and reason in _REASONS else ""
            raise StoreRefused(f"the authorisation server gives no token (HTTP {status}{known})")
        token, kind = said.get("access_token"), said.get("token_type")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token) or str(kind).lower() != "bearer":
            raise StoreRefused("the authorisation server sent no bearer token")
        granted = said.get("scope")
        if isinstance(granted, str) and granted.strip() and (lacking := not_granted(self.scope, granted)):
            raise StoreRefused(
                f"the authorisation server grants no {', '.join(lacking)}; a search would find too little. "
                f"Ask for what the client is registered for, perhaps {respelled(lacking[0])}"
            )
        seconds = said.get("expires_in")
        good = isinstance(seconds, int) and not isinstance(seconds, bool) and 0 < seconds < 10**6
        return token, float(seconds) if good and seconds is not None else USUAL_SECONDS

    def _discovered(self) -> str:
        """The token endpoint that the FHIR server names, if it is one of its own origin."""
        where = f"{self.base}/.well-known/smart-configuration"
        status, said = self._answer(
            lambda: self.client.build_request("GET", where, headers={"Accept": "application/json"}),
            "the FHIR server",
        )
        url = said.get("token_endpoint") if status == 200 and isinstance(said, dict) else None
        if not isinstance(url, str):
            raise StoreRefused(f"{where} names no token endpoint (HTTP {status}). Give token_url")
        if origin_of(url) != origin_of(self.base):
            raise StoreRefused(
                f"{where} names a token endpoint of another origin, {origin_of(url)}. "
                "If that is right, give it as token_url"
            )
        if self.signer:
            _compare(said, "token_endpoint_auth_methods_supported", "private_key_jwt")
            _compare(said, "token_endpoint_auth_signing_alg_values_supported", self.signer.algorithm)
        return url

    def _answer(self, request: Callable[[], httpx.Request], whose: str) -> tuple[int, Any]:
        """Status and JSON; each try is a new request, so that no assertion is sent twice."""
        retry = Retry(self.sleep)
        while True:
            try:
                found = exchange(self.client, request(), whose, most=MOST_BYTES)
            except StoreIncomplete:
                raise StoreRefused(f"{whose} sent more than a mebibyte") from None
            except httpx.TransportError as error:
                if (untrusted := untrusted_certificate(error)) is not None:
                    raise StoreRefused(f"{whose}: {untrusted}") from None
                reason, verdict = type(error).__name__, retry.unanswered()
            else:
                status = found.response.status_code
                reason = f"HTTP {status}"
                verdict = retry.answered(status, found.response.headers, found.content)
                if verdict is Verdict.TAKE:
                    return status, _json(found.content)
            if verdict is Verdict.GIVE_UP:
                raise StoreUnavailable(f"{whose} does not answer ({reason}, {retry.failures} tries)")


def _json(content: bytes) -> Any:
    try:
        return loads(content.decode("utf-8"))
    except (ValueError, UnicodeDecodeError):
        return None


def _compare(said: Mapping[str, Any], name: str, ours: str) -> None:
    listed = said.get(name)
    if isinstance(listed, list) and ours not in listed:
        raise StoreRefused(f"the FHIR server does not take {ours} ({name})")


def proof_by_signature(signer: Signer) -> Proof:
    """``private_key_jwt``: a new assertion for every request."""

    def prove(token_url: str) -> tuple[dict[str, str], dict[str, str]]:
        return {
            "client_assertion_type": _ASSERTION,
            "client_assertion": signer.assertion(token_url),
        }, {}

    return prove


def proof_by_secret(client_id: str, secret: Callable[[], str], *, in_form: bool) -> Proof:
    """``client_secret_post`` or ``client_secret_basic``; the secret is read anew each time."""

    def prove(_: str) -> tuple[dict[str, str], dict[str, str]]:
        from base64 import b64encode
        from urllib.parse import quote_plus

        if in_form:
            return {"client_id": client_id, "client_secret": secret()}, {}
        pair = f"{quote_plus(client_id)}:{quote_plus(secret())}"  # RFC 6749, 2.3.1
        return {}, {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    return prove
