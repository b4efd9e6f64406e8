"""Who we are to a server: settings, and that credentials reach the configured origin and nobody else."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import http.server
import ipaddress
import json
import ssl
import threading

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from fhir_blina.cli.parser import main
from fhir_blina.errors import FhirBlinaError, StoreRefused
from fhir_blina.http.auth import client_for
from fhir_blina.store import open_store
from fhir_blina.store.rest.rest import RestStore
from tests.auth_server import AuthServer, ec_key, pem
from tests.fake_fhir import FakeFhir, ward
from tests.fault_proxy import served

HOME = "https://fhir.example/fhir"
SECRET = "hunter2-of-the-test"
KEY = ec_key()


def settings(tmp_path, kind: str = "bearer", **more: str):
    """An authentication file whose secret is ``SECRET``, or our key."""
    names = {"bearer": "token", "basic": "password", "client-credentials": "client_secret"}
    lines = {"type": kind}
    if kind == "smart":
        lines |= {"client_id": "our-client", "scope": "system/*.cruds", "key_id": "k1"}
        lines["private_key_file"] = "secret"
    elif kind != "none":
        lines[f"{names[kind]}_file"] = "secret"
    if kind == "basic":
        lines["user"] = "me"
    if kind == "client-credentials":
        lines |= {"client_id": "our-client", "token_url": "https://fhir.example/token"}
    secret = tmp_path / "secret"
    secret.write_text(pem(KEY) if kind == "smart" else f"{SECRET}\n")
    secret.chmod(0o600)
    path = tmp_path / "auth.yaml"
    path.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in (lines | more).items()))
    return path


class Web:
    """Every host there is: ours answers as a FHIR server, and whatever is sent anywhere is kept."""

    def __init__(self) -> None:
        self.fake = FakeFhir(host=HOME)
        self.auth = AuthServer("https://fhir.example/token", secret=SECRET, keys={"k1": KEY})
        self.refuse: set[str] = set()
        self.seen: list[httpx.Request] = []
        self.redirect = ""

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        if (request.url.scheme, request.url.host) != ("https", "fhir.example") or request.url.port:
            return httpx.Response(200, json={"resourceType": "Bundle", "type": "searchset", "entry": []})
        if request.url.path.endswith("smart-configuration"):
            return httpx.Response(200, json={"token_endpoint": self.auth.url})
        if request.url.path == "/token":
            return self.auth.handle(request)
        if request.headers.get("authorization", "") in self.refuse:
            return httpx.Response(401, json={"resourceType": "OperationOutcome", "issue": []})
        if self.redirect:
            return httpx.Response(307, headers={"location": self.redirect})
        return self.fake.handle(request)

    def store(self, path) -> RestStore:
        client = client_for(HOME, path, transport=httpx.MockTransport(self.handle), sleep=lambda _: None)
        return RestStore(HOME, client=client, sleep=lambda _: None)

    def leaked(self) -> list[str]:
        """Where a secret or token went that is not ours."""
        found = []
        for request in self.seen:
            at_home = (request.url.scheme, request.url.host, request.url.port) == (
                "https",
                "fhir.example",
                None,
            )
            sent = f"{request.url} {request.headers!r} {request.headers.get('authorization')} "
            sent += request.content.decode(errors="replace")
            if not at_home and any(word in sent for word in (SECRET, "token-", "Bearer", "Basic")):
                found.append(str(request.url))
        return found


def basic() -> str:
    return "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("none", None),
        ("basic", basic()),
        ("bearer", f"Bearer {SECRET}"),
        ("client-credentials", "Bearer token-1"),
        ("smart", "Bearer token-1"),
    ],
)
def test_a_push_and_a_pull_of_each_kind(tmp_path, kind, expected):
    web = Web()
    if kind == "smart":
        web.auth.secret = ""
    store = web.store(settings(tmp_path, kind))
    store.push(ward(), cohort="tiny")
    assert sum(store.pull(tmp_path / "out", cohort="tiny").counts.values()) == 15
    sent = {request.headers.get("authorization") for request in web.fake.requests}
    assert sent == {expected}
    assert web.auth.complaints == []
    assert all(request.headers.get("cookie") is None for request in web.seen)


def test_a_401_renews_a_token_once(tmp_path):
    web = Web()
    web.auth.secret = ""
    store = web.store(settings(tmp_path, "smart"))
    web.refuse = {"Bearer token-1"}
    assert store.capability.software == "Fake 1"
    assert web.auth.issued == ["token-1", "token-2"]
    web.refuse = {f"Bearer token-{number}" for number in range(1, 99)}
    with pytest.raises(StoreRefused, match="does not let us in"):
        store.counts("tiny")
    assert web.auth.issued == ["token-1", "token-2", "token-3"]


def test_a_token_file_is_read_again_after_a_401(tmp_path):
    web = Web()
    path = settings(tmp_path, "bearer")
    store = web.store(path)
    web.refuse = {f"Bearer {SECRET}"}
    with pytest.raises(StoreRefused):
        store.counts()
    assert len(web.seen) == 1
    (tmp_path / "secret").write_text("another")
    assert store.capability


VECTORS = {
    "other host": "https://evil.test/fhir?_getpages={page}",
    "other port": "https://fhir.example:8443/fhir?_getpages={page}",
    "http downgrade": "http://fhir.example/fhir?_getpages={page}",
    "userinfo": "https://fhir.example@evil.test/fhir?_getpages={page}",
    "userinfo with a password": "https://fhir.example:443@evil.test/fhir?_getpages={page}",
    "substring": "https://evil.test/fhir.example/fhir?_getpages={page}",
    "suffix host": "https://fhir.example.evil.test/fhir?_getpages={page}",
    "prefix host": "https://evilfhir.example/fhir?_getpages={page}",
    "IDN": "https://fhir.exаmple/fhir?_getpages={page}",
    "protocol-relative": "//evil.test/fhir?_getpages={page}",
    "backslash": "https://evil.test\\@fhir.example/fhir?_getpages={page}",
    "base in the path": "https://evil.test/https://fhir.example/fhir?_getpages={page}",
    "metadata service": "http://169.254.169.254/latest/meta-data?_getpages={page}",
    "this machine": "http://127.0.0.1:9/fhir?_getpages={page}",
}


NEVER_FOLLOWED = {"metadata service", "substring", "base in the path"}  # no paths of FHIR


@pytest.mark.parametrize("kind", ["bearer", "smart"])
@pytest.mark.parametrize("vector", VECTORS)
def test_a_next_link_elsewhere_gets_no_request_and_no_credentials(tmp_path, vector, kind):
    web = Web()
    if kind == "smart":
        web.auth.secret = ""
    store = web.store(settings(tmp_path, kind))
    store.push(ward(), cohort="tiny")
    web.fake.page = 2
    plain = web.fake.page_of

    def page_of(token, start):
        bundle = plain(token, start)
        for link in bundle.get("link", []):
            link["url"] = VECTORS[vector].format(page=link["url"].split("=")[1])
        return bundle

    web.fake.page_of = page_of
    if vector in NEVER_FOLLOWED:
        with pytest.raises(StoreRefused, match="none of its own"):
            store.pull(tmp_path / "out", cohort="tiny")
    else:
        assert sum(store.pull(tmp_path / "out", cohort="tiny").counts.values()) == 15
    assert web.leaked() == []
    assert {request.url.host for request in web.seen} == {"fhir.example"}


@pytest.mark.parametrize("vector", VECTORS)
def test_content_location_and_manifest_urls_elsewhere_get_no_credentials(tmp_path, vector):
    for part in ("content-location", "output"):
        web = Web()
        store = web.store(settings(tmp_path))
        store.push(ward(), cohort="tiny")
        elsewhere = VECTORS[vector].format(page="x-0")
        plain = web.fake.export

        def export(request, path, params, plain=plain, part=part, elsewhere=elsewhere):
            status, body, headers = plain(request, path, params)
            if part == "content-location" and "content-location" in headers:
                headers = {"content-location": elsewhere.encode()}
            if part == "output" and isinstance(body, dict) and body.get("output"):
                body["output"][0]["url"] = elsewhere
            return status, body, headers

        web.fake.export = export
        store._via = "export"
        with pytest.raises(FhirBlinaError):
            store.pull(tmp_path / "out", cohort="tiny")
        assert web.leaked() == []
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("vector", VECTORS)
def test_a_redirect_is_not_followed(tmp_path, vector):
    web = Web()
    store = web.store(settings(tmp_path))
    web.redirect = VECTORS[vector].format(page="x").encode("ascii", "ignore").decode()
    with pytest.raises(StoreRefused, match="sends us elsewhere"):
        store.counts()
    assert len(web.seen) == 1


@pytest.mark.parametrize(
    "url",
    [VECTORS[name].format(page="x") for name in VECTORS if name not in {"protocol-relative", "backslash"}],
)
def test_the_client_itself_sends_no_credentials_elsewhere(tmp_path, url):
    """Even where a caller hands the client another address, or a redirect is followed."""
    web = Web()
    client = client_for(HOME, settings(tmp_path), transport=httpx.MockTransport(web.handle))
    with contextlib.suppress(StoreRefused):
        client.get(url, headers={"Authorization": f"Bearer {SECRET}"})
    web.redirect = url.encode("ascii", "ignore").decode()
    with contextlib.suppress(StoreRefused, httpx.HTTPError):
        client.get(HOME, follow_redirects=True)
    assert web.leaked() == []


@pytest.mark.parametrize("with_file", [True, False])
def test_a_proxy_of_the_environment_sees_nothing_that_is_for_this_machine(tmp_path, monkeypatch, with_file):
    proxy, fake = FakeFhir(), FakeFhir()
    with served(proxy) as elsewhere, served(fake) as url:
        monkeypatch.setenv("HTTP_PROXY", elsewhere.removesuffix("/fhir"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv("http_proxy", elsewhere.removesuffix("/fhir"))
        known = {"auth_file": settings(tmp_path)} if with_file else {"token": SECRET}
        assert open_store(url, **known).capability.software == "Fake 1"
    assert proxy.requests == []
    assert fake.requests[0].headers["authorization"] == f"Bearer {SECRET}"


def test_an_address_with_a_user_name_is_refused(tmp_path):
    with pytest.raises(StoreRefused, match="apart from it") as refused:
        client_for(f"https://me:{SECRET}@fhir.example/fhir", settings(tmp_path))
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("kind", ["basic", "bearer", "client-credentials", "smart"])
def test_credentials_need_https_except_to_this_machine(tmp_path, kind):
    path = settings(tmp_path, kind)
    with pytest.raises(StoreRefused, match="https only"):
        client_for("http://fhir.example/fhir", path)
    client_for("http://127.0.0.1:8080/fhir", path)
    path.write_text(path.read_text() + "plain_http: allow\n")
    client_for("http://fhir.example/fhir", path)


def test_a_token_of_the_environment_needs_https(monkeypatch, caplog):
    monkeypatch.setenv("FHIR_BLINA_TOKEN", SECRET)
    with pytest.raises(StoreRefused, match="https only") as refused:
        RestStore("http://fhir.example/fhir")
    assert SECRET not in str(refused.value)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("type: bearer\ntoken: abc\n", ":2: error: token holds a secret in the open. Write token_file"),
        ("type: bearer\n", "give one of token_file, token_env and token_keyring"),
        ("type: bearer\ntoken_file: absent\n", "cannot be read"),
        ("type: digest\n", ":1: type is one of none, basic, bearer, client-credentials, smart"),
        ("- type\n", "type is one of"),
        ("type: smart\nprivate_key_file: secret\n", "client_id is missing"),
        ("type: smart\nclient_id: a\nscope: b\nprivate_key_file: secret\n", "private key is not readable"),
        ("type: basic\npassword_file: secret\n", "user is missing"),
        ("type: basic\nuser: 'a:b'\npassword_file: secret\n", "no colon"),
        ("type: bearer\ntoken_fil: x\n", 'Did you mean "token_file"?'),
        ("type: none\nca_file: absent\n", "certificate or key is not readable"),
        ("type: none\nca_file: secret\n", "certificate or key is not readable"),
        ("type: bearer\ntoken_file: {a: b}\n", "not a line of text"),
        (
            "type: client-credentials\nclient_id: a\nclient_secret_file: secret\nclient_authentication: x\n",
            "is basic or post",
        ),
    ],
)
def test_wrong_settings_are_said_without_the_secret(tmp_path, text, reason):
    settings(tmp_path)
    (tmp_path / "auth.yaml").write_text(text)
    with pytest.raises(StoreRefused) as refused:
        client_for(HOME, tmp_path / "auth.yaml")
    assert reason in str(refused.value)
    assert SECRET not in str(refused.value)
    assert str(tmp_path) in str(refused.value)


def test_the_command_line_takes_the_file_or_its_variable(tmp_path, monkeypatch, capsys):
    (tmp_path / "auth.yaml").write_text("type: bearer\ntoken: hunter2\n")
    arguments = ["pull", "tiny", "--store", HOME, "--out", str(tmp_path / "out")]
    assert main([*arguments, "--auth-file", str(tmp_path / "auth.yaml")]) == 4
    assert "token holds a secret in the open" in capsys.readouterr().err
    monkeypatch.setenv("FHIR_BLINA_AUTH_FILE", str(tmp_path / "auth.yaml"))
    assert main(arguments) == 4
    assert "token holds a secret in the open" in capsys.readouterr().err
    assert main(["doctor", HOME]) == 4
    assert "token holds a secret in the open" in capsys.readouterr().err
    open_store(tmp_path / "folder")


# --- real TLS ------------------------------------------------------------------------------------------


def certificate(name: str, issuer=None, *, authority: bool = False):
    """A key and a certificate for 127.0.0.1, signed by an issuer or by itself."""
    key = ec_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
    )
    return key, builder.sign(issuer[0] if issuer else key, hashes.SHA384())


def written(folder, name: str, pair) -> None:
    (folder / f"{name}.pem").write_bytes(pair[1].public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_text(pem(pair[0]))


@pytest.fixture
def tls(tmp_path):
    """A server that speaks TLS only with clients of our authority; gives its URL and its log."""
    authority = certificate("our authority", authority=True)
    written(tmp_path, "ca", authority)
    written(tmp_path, "server", certificate("server", authority))
    written(tmp_path, "client", certificate("client", authority))
    written(tmp_path, "stranger", certificate("stranger"))
    seen: list[tuple[str, str | None]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            peer = dict(part[0] for part in self.connection.getpeercert()["subject"])["commonName"]
            seen.append((peer, self.headers.get("Authorization")))
            body = json.dumps(FakeFhir().metadata()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}/fhir", seen
    server.shutdown()
    server.server_close()
    thread.join()


def ask(url: str, path):
    with client_for(url, path) as client:
        return RestStore(url, client=client, sleep=lambda _: None).capability


def test_mutual_tls_with_an_authority_of_our_own(tmp_path, tls):
    url, seen = tls
    files = {"client_certificate_file": "client.pem", "client_key_file": "client.key", "ca_file": "ca.pem"}
    assert ask(url, settings(tmp_path, "none", **files)).software == "Fake 1"
    assert ask(url, settings(tmp_path, "bearer", **files)).software == "Fake 1"
    assert seen == [("client", None), ("client", f"Bearer {SECRET}")]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"ca_file": "ca.pem"},
        {"client_certificate_file": "client.pem", "client_key_file": "client.key"},
        {
            "client_certificate_file": "stranger.pem",
            "client_key_file": "stranger.key",
            "ca_file": "ca.pem",
        },
        {"client_certificate_file": "client.pem", "client_key_file": "client.key", "ca_file": "stranger.pem"},
    ],
)
def test_a_certificate_that_does_not_fit_stops_before_anything_is_sent(tmp_path, tls, files):
    url, seen = tls
    with pytest.raises(FhirBlinaError):
        ask(url, settings(tmp_path, "bearer", **files))
    assert seen == []
