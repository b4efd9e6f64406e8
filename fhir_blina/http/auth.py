"""Who we are to a FHIR server: nobody, a name and password, a bearer token, a client of OAuth 2.0 or SMART.

Settings stand in a file of YAML or JSON that refers to secrets and holds none, see ``docs/security.md``::

    type: smart
    client_id: our-client
    private_key_file: key.pem
    scope: system/*.cruds
"""

from __future__ import annotations

import os
import ssl
from base64 import b64encode
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import httpx

from fhir_blina.errors import Finding, StoreRefused, did_you_mean, problem
from fhir_blina.http.assertion import read_signer
from fhir_blina.http.origin import OVER_HTTPS_ONLY, Origin, origin_of
from fhir_blina.http.secret_sources import WAYS, secret_of
from fhir_blina.http.tokens import TokenSource, proof_by_secret, proof_by_signature

TIMEOUT_SECONDS = 120.0
AUTH_FILE_VARIABLE = "FHIR_BLINA_AUTH_FILE"

_TLS = ("ca_file", "client_certificate_file", "client_key_file")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "basic": ("user",),
    "bearer": (),
    "client-credentials": ("client_id", "token_url", "scope", "client_authentication"),
    "smart": ("client_id", "token_url", "scope", "key_id"),
}
_SECRETS = {
    "basic": "password",
    "bearer": "token",
    "client-credentials": "client_secret",
    "smart": "private_key",
}


class PinnedAuth(httpx.Auth):
    """Sends credentials to one origin; a request to any other goes without them.

    Args:
        origin: The configured one.
        get: Gives the value of ``Authorization``; its argument is a value that was just refused, or "".
    """

    def __init__(self, origin: Origin, get: Callable[[str], str] | None) -> None:
        self._origin = origin
        self._get = get

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the credentials, and once more with renewed ones after a 401."""
        if self._get is None or origin_of(request.url) != self._origin:
            request.headers.pop("Authorization", None)
            yield request
            return
        value = self._get("")
        request.headers["Authorization"] = value
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            renewed = self._get(value)
            if renewed != value:
                request.headers["Authorization"] = renewed
                yield request


def access(url: str, auth_file: Path | str | None = None) -> dict[str, Any]:
    """Options of a server's store by which it knows us: a client, or none where nothing is configured.

    Args:
        url: Base URL of the FHIR server.
        auth_file: Settings; None for what ``FHIR_BLINA_AUTH_FILE`` names, if anything.

    Raises:
        StoreRefused: as :func:`client_for`.
    """
    chosen = auth_file or os.environ.get(AUTH_FILE_VARIABLE)
    return {"client": client_for(url, chosen)} if chosen else {}


def client_for(
    base: str,
    auth_file: Path | str,
    *,
    transport: httpx.BaseTransport | None = None,
    clock: Callable[[], float] | None = None,
    sleep: Callable[[float], None] | None = None,
) -> httpx.Client:
    """An HTTP client that is known to the server at ``base``, and to no other.

    Args:
        base: Base URL of the FHIR server.
        auth_file: Settings, YAML or JSON.
        transport: In place of the network, for tests.
        clock: Seconds that only grow, for tests.
        sleep: Waits, for tests.

    Raises:
        StoreRefused: settings that are wrong, with file and line; a secret that is missing; an address
            that is plain http on another machine, without ``plain_http: allow``.
    """
    settings, where = _read(Path(auth_file))
    folder = Path(auth_file).parent
    origin = origin_of(base)
    kind = settings["type"]
    if kind != "none" and not origin.private and "plain_http" not in settings:
        raise StoreRefused(OVER_HTTPS_ONLY)
    verify = _tls(settings, folder, where)
    over_tls = origin.scheme == "https" and origin_of(settings.get("token_url", base)).scheme == "https"

    def client(auth: httpx.Auth | None) -> httpx.Client:
        return httpx.Client(
            auth=auth,
            verify=verify,
            trust_env=over_tls,  # a proxy of the environment could read plain http to this machine
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=16),
            transport=transport,
        )

    more = {name: one for name, one in (("clock", clock), ("sleep", sleep)) if one is not None}
    return client(PinnedAuth(origin, _value(settings, folder, where, base, client, more)))


def _value(
    settings: Mapping[str, Any],
    folder: Path,
    where: str,
    base: str,
    client: Callable[[None], httpx.Client],
    more: dict[str, Any],
) -> Callable[[str], str] | None:
    """What gives the value of ``Authorization``."""
    kind = settings["type"]
    if kind == "none":
        return None
    secret = secret_of(settings, _SECRETS[kind], folder=folder, where=where)
    secret.read()  # a secret that is missing is said before anything is sent
    if kind == "bearer":
        return lambda _: f"Bearer {_visible(secret.read(), where)}"
    if kind == "basic":
        user = settings["user"]
        return lambda _: f"Basic {b64encode(f'{user}:{secret.read()}'.encode()).decode()}"
    url = settings.get("token_url", "")
    signer = None
    if kind == "smart":
        try:
            signer = read_signer(secret.read(), settings["client_id"], key_id=settings.get("key_id", ""))
        except StoreRefused as error:
            raise StoreRefused(f"{where}: {error.findings[0].diagnostics}") from None
        prove = proof_by_signature(signer)
    else:
        prove = proof_by_secret(
            settings["client_id"], secret.read, in_form=settings.get("client_authentication") == "post"
        )
    source = TokenSource(
        base.rstrip("/"),
        settings.get("scope", ""),
        prove,
        client(None),
        token_url=url,
        signer=signer,
        **more,
    )
    return lambda refused: f"Bearer {source.token(instead_of=refused.removeprefix('Bearer '))}"


def _visible(token: str, where: str) -> str:
    if not token.isascii() or not token.isprintable() or " " in token:
        raise StoreRefused(f"{where}: the token holds blanks or characters that no header takes")
    return token


def _tls(settings: Mapping[str, Any], folder: Path, where: str) -> ssl.SSLContext:
    """TLS 1.2 or later; our own certificate and authorities where they are given."""
    try:
        context = ssl.create_default_context(
            cafile=str(folder / settings["ca_file"]) if "ca_file" in settings else None
        )
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if "client_certificate_file" in settings:
            key = settings.get("client_key_file")
            context.load_cert_chain(
                str(folder / settings["client_certificate_file"]), str(folder / key) if key else None
            )
    except (OSError, ssl.SSLError) as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise StoreRefused(f"{where}: a certificate or key is not readable ({reason})") from None
    return context


def _read(path: Path) -> tuple[dict[str, Any], str]:
    """The settings of a file, each known, each text."""
    from fhir_blina.files import read_yaml

    findings: list[Finding] = []
    documents = read_yaml(path, findings)
    if findings:
        raise StoreRefused(findings)
    data = documents[0].data
    if len(documents) != 1 or not isinstance(data, dict) or data.get("type") not in _WORDS:
        raise StoreRefused(f"{path}:1: type is one of {', '.join(_WORDS)}")
    kind = data["type"]
    secret = _SECRETS.get(kind)
    known = {"type", "plain_http", *_WORDS[kind], *_TLS, *(f"{secret}_{way}" for way in WAYS if secret)}
    for name, value in data.items():
        line = documents[0].where((name,))
        if name in _SECRETS.values():
            remedy = f"Write {name}_file, {name}_env or {name}_keyring"
            findings.append(problem(line, f"{name} holds a secret in the open", remedy))
        elif name not in known:
            findings.append(problem(line, f"{kind} has no {name}", did_you_mean(name, known)))
        elif not isinstance(value, str) or not value or not value.isprintable():
            findings.append(problem(line, f"{name} is not a line of text"))
    needed = {"basic": ("user",), "client-credentials": ("client_id",), "smart": ("client_id", "scope")}
    findings += [
        problem(f"{path}:1", f"{name} is missing") for name in needed.get(kind, ()) if name not in data
    ]
    if ":" in str(data.get("user", "")):
        findings.append(problem(documents[0].where(("user",)), "a user name holds no colon"))
    if data.get("client_authentication", "basic") not in {"basic", "post"}:
        line = documents[0].where(("client_authentication",))
        findings.append(problem(line, "client_authentication is basic or post"))
    if data.get("plain_http", "allow") != "allow":
        findings.append(problem(documents[0].where(("plain_http",)), "plain_http is allow, or left out"))
    if findings:
        raise StoreRefused(findings)
    return data, str(path)
