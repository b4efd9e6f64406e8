"""HTTP to one FHIR server: one place that asks again, bounds, and keeps credentials at home.

What is sent again is the rule of :mod:`fhir_blina.http.retry`; a 401 once, with a renewed token, a 403 never.
"""

from __future__ import annotations

import logging
import re
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import httpx

from fhir_blina.errors import StoreRefused, StoreUnavailable, conceal
from fhir_blina.files import loads
from fhir_blina.http.answer import Answer, holds_anything, holds_json
from fhir_blina.http.exchange import exchange, keep_deadlines
from fhir_blina.http.limits import pause_of_limit
from fhir_blina.http.messages import sent_secrets, unreadable, untrusted_certificate
from fhir_blina.http.origin import LOOPBACK, OVER_HTTPS_ONLY, origin_of, warn_of_plain
from fhir_blina.http.pace import Pace
from fhir_blina.http.retry import DOUBT_TRIES, Retry, Verdict, retry_after, throttled

_FHIR_PATH = re.compile(r"(?:^|/)([A-Z][A-Za-z]+(?:/[A-Za-z0-9.\-]{1,64}|/_search)?|\$[a-z\-]+)?$")


Client = httpx.Client
"""What may be given as a connection of one's own."""


class Transport:
    """Requests to one FHIR server.

    Args:
        base: Base URL, for example ``https://example.org/fhir``.
        token: Bearer token, or a function that gets one; it is asked again after a 401.
        user: Name and password for HTTP Basic.
        headers: Sent with every request.
        timeout: Seconds for connecting, reading and writing.
        client: An ``httpx.Client`` of one's own, for tests.
        sleep: Waits that many seconds, for tests.

    Plain http to another machine is logged as a warning.

    Attributes:
        base: The base URL, without a slash at its end.
        requests: How many were sent.
        heard: ``Date`` of the last answer that had one, else "".

    Raises:
        StoreRefused: the address is not http(s), holds a user name or password, or is plain http to
            another machine and there are credentials.
    """

    def __init__(
        self,
        base: str,
        *,
        token: str | Callable[[], str] | None = None,
        user: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 120.0,
        client: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        origin, parts = origin_of(base), urlsplit(base)
        if (token or user) and not origin.private:
            raise StoreRefused(OVER_HTTPS_ONLY)
        if parts.query or parts.fragment:
            raise StoreRefused("the base URL of a server has no ? and no #")
        warn_of_plain(origin)
        self.base = base.rstrip("/")
        self._origin = origin
        self.pace = Pace()
        self.requests = 0
        self.heard = ""
        self._token = token
        self._held_token = token if isinstance(token, str) else None
        self.sleep = sleep
        self._reached = False
        self._lock = threading.Lock()
        for name in ("httpx", "httpcore"):  # they log whole addresses, and those can hold identifiers
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client = client or httpx.Client(
            timeout=timeout,
            follow_redirects=False,
            trust_env=origin.host not in LOOPBACK,  # what is for this machine passes no proxy
            limits=httpx.Limits(max_connections=16),
            auth=httpx.BasicAuth(*user) if user else None,
        )
        keep_deadlines(self._client)
        weakref.finalize(self, self._client.close)  # a store is used and dropped, not closed
        self._headers = {"Accept": "application/fhir+json", "Cache-Control": "no-cache"} | dict(headers or {})

    def anchored(self, url: str) -> str:
        """An address that the server gave, made one of the configured server.

        Servers behind a proxy name themselves wrongly, and a hostile one names somebody else: only what
        follows the base is taken from the address.

        Raises:
            StoreRefused: what follows is not a path of FHIR.
        """
        try:
            parts = urlsplit(url)
        except ValueError:
            raise StoreRefused("the server names an address that is none; it is not followed") from None
        query = f"?{parts.query}" if parts.query else ""
        path = parts.path.rstrip("/")
        own = urlsplit(self.base).path
        if path == own or (not parts.netloc and not path):
            return self.base + query
        if own and path.startswith(f"{own}/") and ".." not in path:
            return self.base + path[len(own) :] + query
        found = _FHIR_PATH.search(path)
        if ".." in path or found is None:
            raise StoreRefused("the server names an address that is none of its own; it is not followed")
        return self.base + (f"/{found[1]}" if found[1] else "") + query

    def request(
        self,
        method: str,
        path: str = "",
        *,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
        divisible: bool = False,
        doubt_tries: int = DOUBT_TRIES,
        credentials: bool = True,
        into: BinaryIO | None = None,
        expects: Callable[[Answer], bool] | None = None,
    ) -> Answer:
        """Send a request until there is an answer that another try would not change.

        Args:
            method: HTTP method.
            path: What follows the base, or an address of the same origin.
            params: Query of the address.
            form: Sent as a form, for ``_search``.
            body: FHIR JSON.
            headers: On top of the usual.
            repeatable: Whether sending it twice does the same as once.
            divisible: Whether the caller can send it in halves: 408, 413 and 504 are then returned.
            doubt_tries: How often a 500 or an unknown 409 is tried again.
            credentials: False for a request without ``Authorization``.
            into: A file that takes the content of a success, in place of what it holds.
            expects: Whether a success is an answer; None for JSON where something is read. One that is none
                is asked for again, twice at most, and then returned.

        Raises:
            StoreUnavailable: no answer within the tries and the time.
            StoreRefused: 401, 403 or a redirect.
            StoreIncomplete: an answer larger than 512 MiB, or packed more than a hundred times.
        """
        whole = path.startswith(("http://", "https://")) and origin_of(path) == self._origin
        url = path if whole else f"{self.base}/{path}" if path else self.base
        retry = Retry(self.sleep, divisible, doubt_tries)
        renewed = False
        reads = (method == "GET" or form is not None) and into is None
        expects = expects or (holds_json if reads else holds_anything)
        while True:
            try:
                answer = self._once(method, url, params, form, body, headers, credentials, into)
            except httpx.TransportError as error:
                never = isinstance(error, httpx.ConnectError) and not self._reached and retry.failures >= 2
                lost = not repeatable and not isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
                if (untrusted := untrusted_certificate(error)) is not None:
                    raise StoreRefused(f"{self.base}: {untrusted}") from None
                if never or lost or retry.unanswered() is Verdict.GIVE_UP:
                    tries = max(retry.failures, 1) + never
                    raise StoreUnavailable(
                        f"{self.base} does not answer ({type(error).__name__}, {tries} tries). "
                        "Is it running, and is the address right?"
                    ) from None
                continue
            self._reached = True
            if answer.status == 401 and callable(self._token) and not renewed:
                renewed = True
                self._held_token = None
                continue
            if answer.status in {401, 403}:
                raise StoreRefused(f"{self.base} does not let us in ({answer.why()}). Check the credentials")
            if 300 <= answer.status < 400 and answer.status != 304:
                raise StoreRefused(
                    f"{self.base} sends us elsewhere ({answer.status}). Give the final address"
                )
            if throttled(answer.status, answer.content):
                self.pace.too_fast()
            verdict = retry.answered(answer.status, answer.headers, answer.content)
            if verdict is Verdict.GIVE_UP:
                raise StoreUnavailable(f"{self.base} is busy: {answer.why()}, {retry.failures} tries")
            if verdict is Verdict.TAKE:
                if answer.ok and repeatable and not expects(answer) and retry.odd() is Verdict.AGAIN:
                    continue
                if answer.ok and (pause := pause_of_limit(answer.headers)):
                    self.sleep(pause)  # the next request would be refused
                return answer

    def get(self, path: str = "", **more: Any) -> Answer:
        """``request("GET", …)``."""
        return self.request("GET", path, **more)

    @staticmethod
    def pause_of(answer: Answer, *, otherwise: float, most: float) -> float:
        """Seconds that an answer asks to wait, between 1 and ``most``."""
        return min(max(retry_after(answer.headers) or otherwise, 1.0), most)

    def _authorization(self) -> dict[str, str]:
        if self._token is None:
            return {}
        with self._lock:
            if self._held_token is None and callable(self._token):
                self._held_token = self._token()
        return {"Authorization": f"Bearer {self._held_token}"}

    def _once(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        form: Mapping[str, str] | None,
        body: str | None,
        headers: Mapping[str, str] | None,
        credentials: bool,
        into: BinaryIO | None,
    ) -> Answer:
        own = {"Content-Type": "application/fhir+json; charset=utf-8"} if body is not None else {}
        own |= self._authorization() if credentials else {}
        request = self._client.build_request(
            method,
            url,
            params=dict(params) if params else None,
            data=dict(form) if form else None,
            content=body.encode() if body is not None else None,
            headers=self._headers | own | dict(headers or {}),
        )
        self.requests += 1
        conceal(*sent_secrets(request.headers))
        options: dict[str, Any] = {}
        if not credentials:
            request.headers.pop("Authorization", None)
            options["auth"] = None
        found = exchange(self._client, request, self.base, into=into, **options)
        conceal(*sent_secrets(found.response.request.headers))
        self.heard = found.response.headers.get("date", self.heard)
        return Answer(
            found.response.status_code,
            found.response.headers,
            found.content,
            self._json(found.response, found.content),
        )

    def _json(self, response: httpx.Response, content: bytes) -> Any:
        kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
        if not kind.endswith("json") or kind.endswith("ndjson") or not content:
            return None
        try:
            return loads(content.decode("utf-8"))
        except ValueError as error:
            if response.is_success:
                raise unreadable(self.base, content, error) from None
            return None
