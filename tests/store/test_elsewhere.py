"""Files of an export: from where they are fetched, and with which credentials."""

from __future__ import annotations

import base64
import ipaddress
import json
import socket
import ssl
import stat

import httpx
import pytest

from fhir_blina.cli.parser import main
from fhir_blina.errors import FhirBlinaError, StoreIncomplete, StoreRefused
from fhir_blina.files.json import dumps
from fhir_blina.http import elsewhere as pinned
from fhir_blina.store.rest import elsewhere, exporting
from fhir_blina.store.rest.leftover import journal_of
from fhir_blina.store.rest.rest import RestStore
from tests.fake_fhir import BASE, FakeFhir, ward
from tests.fault_proxy import served
from tests.http.test_auth import certificate, written

HOME = "https://fhir.example/fhir"
TOKEN = "hunter2-of-the-test"
KINDS = ["AdverseEvent", "Group", "Observation", "Patient", "ResearchStudy", "Specimen"]


def lines_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.ndjson"))}


class World:
    """A server at ``HOME`` whose exports lie where a test says, and every other host there is."""

    def __init__(self, monkeypatch, *, where: str = "{home}/Binary/out-{kind}", needs_token=False) -> None:
        self.fake = FakeFhir(host=HOME)
        self.where, self.needs_token = where, needs_token
        self.claimed = ""
        self.seen: list[httpx.Request] = []
        self.addresses = {"files.example": ["93.184.216.34"]}
        self.connected: list[str] = []
        self.redirect = ""
        RestStore(BASE, client=self.fake.client(), sleep=lambda _: None).push(ward(), cohort="tiny")
        self.plain, self.fake.export = self.fake.export, self.export
        monkeypatch.setattr(elsewhere, "bare_client", self.bare_client)
        monkeypatch.setattr(socket, "getaddrinfo", self.resolve)

    def export(self, request, path, params):
        status, body, headers = self.plain(request, path, params)
        if "content-location" in headers and self.claimed:
            headers = {"content-location": self.claimed}
        if isinstance(body, dict) and "output" in body:
            for output in body["output"]:
                output["url"] = self.where.format(home=HOME, kind=output["type"])
            if self.needs_token is not None:
                body["requiresAccessToken"] = self.needs_token
        return status, body, headers

    def resolve(self, host, port, **_):
        if host not in self.addresses:
            try:
                ipaddress.ip_address(host)
            except ValueError:
                raise socket.gaierror from None
        family = socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (one, port)) for one in self.addresses.get(host, [host])]

    def handle(self, request):
        self.seen.append(request)
        if (request.url.scheme, request.url.host, request.url.port) == ("https", "fhir.example", None):
            return self.fake.handle(request)
        if self.redirect:
            return httpx.Response(302, headers={"location": self.redirect})
        kind = request.url.path.rpartition("-")[2]
        rows = [dumps(one) for key, one in sorted(self.fake.held.items()) if key.startswith(f"{kind}/")]
        return httpx.Response(200, content="\n".join(rows).encode())

    def bare_client(self, address):
        self.connected.append(address)
        return httpx.Client(transport=httpx.MockTransport(self.handle))

    def pull(self, folder, **more):
        client = httpx.Client(transport=httpx.MockTransport(self.handle))
        store = RestStore(
            HOME, token=TOKEN, headers={"X-Key": "k3y"}, client=client, via="export", sleep=lambda _: None
        )
        return store.pull(folder, cohort="tiny", **more)

    def files(self) -> list[httpx.Request]:
        return [one for one in self.seen if "out-" in one.url.path]

    def hosts(self) -> set[str]:
        return {one.url.host for one in self.seen}


@pytest.fixture
def expected(tmp_path):
    fake = FakeFhir()
    store = RestStore(BASE, client=fake.client(), via="search", sleep=lambda _: None)
    store.push(ward(), cohort="tiny")
    store.pull(tmp_path / "expected", cohort="tiny")
    return lines_of(tmp_path / "expected")


# --- the server's own files ---------------------------------------------------------------------------


@pytest.mark.parametrize("needs_token", [True, False, None])
def test_files_of_the_server_get_a_token_unless_it_says_that_they_need_none(
    monkeypatch, tmp_path, expected, needs_token
):
    world = World(monkeypatch, needs_token=needs_token)
    world.pull(tmp_path / "out")
    assert lines_of(tmp_path / "out") == expected
    sent = {one.headers.get("authorization") for one in world.files()}
    assert sent == ({None} if needs_token is False else {f"Bearer {TOKEN}"})
    others = {one.headers.get("authorization") for one in world.seen if one not in world.files()}
    assert others == {f"Bearer {TOKEN}"}


def test_no_credentials_of_a_settings_file_go_where_none_are_needed(monkeypatch, tmp_path, expected):
    from fhir_blina.http.auth import client_for

    world = World(monkeypatch, needs_token=False)
    (tmp_path / "secret").write_text(TOKEN)
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / "auth.yaml").write_text("type: bearer\ntoken_file: secret\n")
    client = client_for(HOME, tmp_path / "auth.yaml", transport=httpx.MockTransport(world.handle))
    RestStore(HOME, client=client, via="export", sleep=lambda _: None).pull(tmp_path / "out", cohort="tiny")
    assert lines_of(tmp_path / "out") == expected
    assert {one.headers.get("authorization") for one in world.files()} == {None}


@pytest.mark.parametrize("where", ["Binary/out-{kind}", "/fhir/Binary/out-{kind}"])
def test_an_address_without_a_host_is_the_servers(monkeypatch, tmp_path, expected, where):
    world = World(monkeypatch, where=where, needs_token=True)
    world.pull(tmp_path / "out")
    assert lines_of(tmp_path / "out") == expected
    assert world.hosts() == {"fhir.example"}


def test_files_beside_the_base_are_of_the_same_origin(monkeypatch, tmp_path, expected):
    world = World(monkeypatch, where="https://fhir.example/bulk/out-{kind}?sig=1", needs_token=True)
    plain = world.fake.handle

    def handle(request):
        if request.url.path.startswith("/bulk/"):
            request.url = request.url.copy_with(path=f"/fhir/Binary/{request.url.path.split('/')[-1]}")
        return plain(request)

    world.fake.handle = handle
    world.pull(tmp_path / "out")
    assert lines_of(tmp_path / "out") == expected
    assert {one.headers["authorization"] for one in world.files()} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("needs_token", [True, False])
def test_a_server_that_a_proxy_hides_is_asked_at_the_configured_address(
    monkeypatch, tmp_path, expected, needs_token
):
    world = World(monkeypatch, where="http://hapi:8080/fhir/Binary/out-{kind}", needs_token=needs_token)
    world.claimed = "http://hapi:8080/fhir/export-status?_jobId=1"
    world.pull(tmp_path / "out")
    assert lines_of(tmp_path / "out") == expected
    assert world.hosts() == {"fhir.example"}
    assert world.connected == []


def test_what_a_hidden_server_names_must_be_a_path_of_fhir(monkeypatch, tmp_path):
    world = World(monkeypatch, where="http://hapi:8080/disk/out_{kind}", needs_token=True)
    world.claimed = "http://hapi:8080/fhir/export-status?_jobId=1"
    with pytest.raises(StoreRefused, match="none of its own"):
        world.pull(tmp_path / "out")


# --- files on another host ----------------------------------------------------------------------------


def test_files_on_a_public_host_are_fetched_without_credentials(monkeypatch, tmp_path, expected):
    world = World(monkeypatch, where="https://files.example/b/out-{kind}?X-Sig=a%2Fb&e=1")
    world.pull(tmp_path / "out")
    assert lines_of(tmp_path / "out") == expected
    there = [one for one in world.seen if one.url.host == "files.example"]
    assert len(there) == len(KINDS)
    for one in there:
        assert one.url.query == b"X-Sig=a%2Fb&e=1"
        assert one.headers["host"] == "files.example"
        assert not {"authorization", "x-key", "cookie"} & set(one.headers)
        assert TOKEN not in repr(one.headers.raw)
    assert world.connected == ["93.184.216.34"]


@pytest.mark.parametrize("needs_token", [True, None])
def test_a_token_is_not_taken_to_another_host(monkeypatch, tmp_path, needs_token):
    world = World(monkeypatch, where="https://files.example/out-{kind}", needs_token=needs_token)
    with pytest.raises(StoreRefused, match=r"lies on https://files.example:443 and needs our token"):
        world.pull(tmp_path / "out", files_from=["https://files.example"])
    assert world.hosts() == {"fhir.example"}
    assert not (tmp_path / "out").exists()


PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::"),
    *(
        "::127.0.0.1",
        "64:ff9b:1::7f00:1",
        "3fff::1",
        "192.88.99.1",
        "192.0.0.8",
        "::ffff:0:7f00:1",
        "fec0::1",
        "2001:0:7f00:1::",
        "fe80::5efe:7f00:1",
    ),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_no_request_goes_to_an_address_that_is_not_public(monkeypatch, tmp_path, address):
    """Neither written as an address nor behind a name, also where only one of two is not public."""
    written = f"[{address}]" if ":" in address else address
    named = "https://files.example/out-{kind}"
    tries = ((f"https://{written}/out-{{kind}}", []), (named, [address]), (named, ["93.184.216.34", address]))
    for number, (where, behind) in enumerate(tries):
        world = World(monkeypatch, where=where)
        world.addresses["files.example"] = behind
        with pytest.raises(StoreRefused, match="this machine or one of a network that is not public"):
            world.pull(tmp_path / f"out{number}")
        assert world.hosts() == {"fhir.example"}
        assert world.connected == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "localhost", "LOCALHOST"])
def test_other_spellings_of_this_machine_are_known(monkeypatch, tmp_path, host):
    real = socket.getaddrinfo
    world = World(monkeypatch, where=f"https://{host}/out-{{kind}}")
    monkeypatch.setattr(socket, "getaddrinfo", real)
    with pytest.raises(FhirBlinaError):
        world.pull(tmp_path / "out")
    assert world.hosts() == {"fhir.example"}


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
)
def test_public_addresses_are_public(address):
    assert pinned.is_public(ipaddress.ip_address(address))


def test_a_name_that_changes_its_meaning_is_still_connected_to_what_was_looked_at(monkeypatch, tmp_path):
    world = World(monkeypatch, where="https://files.example/out-{kind}")
    asked = []

    def resolve(host, port, **_):
        asked.append(host)
        return [
            (
                socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                ("93.184.216.34" if len(asked) == 1 else "127.0.0.1", port),
            )
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    world.pull(tmp_path / "out")
    assert world.connected == ["93.184.216.34"]
    assert asked == ["files.example"]


def test_the_connection_goes_to_the_address_and_tls_checks_the_name(monkeypatch):
    seen = []
    plain = httpx.HTTPTransport.handle_request

    def keep(self, request):
        seen.append((request.url.host, request.headers["host"], request.extensions["sni_hostname"]))
        return httpx.Response(200)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", keep)
    with pinned.bare_client("93.184.216.34") as client:
        client.get("https://files.example:8443/a")
    assert seen == [("93.184.216.34", "files.example:8443", "files.example")]
    assert plain is not keep


def test_a_certificate_must_be_of_the_name_and_not_of_the_address(monkeypatch, tmp_path):
    """The certificate is for 127.0.0.1, which is connected to both times."""
    authority = certificate("our authority", authority=True)
    written(tmp_path, "ca", authority)
    written(tmp_path, "server", certificate("server", authority))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    with served(FakeFhir(), tls=context) as url:
        port = httpx.URL(url).port
        with pinned.bare_client("127.0.0.1") as client:
            assert client.get(f"https://127.0.0.1:{port}/fhir/metadata").status_code == 200
        with (
            pinned.bare_client("127.0.0.1") as client,
            pytest.raises(httpx.ConnectError, match="Hostname mismatch"),
        ):
            client.get(f"https://files.example:{port}/fhir/metadata")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_addresses_of_both_kinds_are_connected_to(monkeypatch, address):
    seen = []
    monkeypatch.setattr(
        httpx.HTTPTransport,
        "handle_request",
        lambda _, request: seen.append(str(request.url)) or httpx.Response(200),
    )
    with pinned.bare_client(address) as client:
        client.get("https://files.example/a?b=c%2Fd")
    written_so = f"[{address}]" if ":" in address else address
    assert seen == [f"https://{written_so}/a?b=c%2Fd"]


@pytest.mark.parametrize(
    "where",
    [
        "http://files.example/out-{kind}",
        "http://fhir.example/fhir/Binary/out-{kind}",
        "https://fhir.example:8443/fhir/Binary/out-{kind}",
        "https://user@files.example/out-{kind}",
        "https://files.example:443@evil.test/out-{kind}",
        "//files.example/out-{kind}",
        "https://files.example\\@fhir.example/out-{kind}",
        "file:///etc/passwd",
        "ftp://files.example/out-{kind}",
        "https://nowhere.test/out-{kind}",
        "https://[::1/out-{kind}",
        "https:///out-{kind}",
        "",
    ],
)
def test_addresses_that_get_no_request(monkeypatch, tmp_path, where):
    """Plain http, another port that has no address here, user names, other schemes, nothing at all."""
    world = World(monkeypatch, where=where)
    with pytest.raises(FhirBlinaError):
        world.pull(tmp_path / "out")
    assert world.files() == []
    assert world.hosts() == {"fhir.example"}
    assert not (tmp_path / "out").exists()


def test_a_redirect_of_a_file_is_not_followed(monkeypatch, tmp_path):
    world = World(monkeypatch, where="https://files.example/out-{kind}?sig=S1G")
    for world.redirect in ("https://evil.test/x", "https://files.example/other", "http://127.0.0.1/x"):
        with pytest.raises(StoreRefused, match=r"files.example:443 sends us elsewhere") as refused:
            world.pull(tmp_path / "out")
        assert "S1G" not in str(refused.value)
        assert world.hosts() == {"fhir.example", "files.example"}


def test_a_file_of_another_host_is_no_larger_than_an_answer(monkeypatch, tmp_path):
    world = World(monkeypatch, where="https://files.example/out-{kind}")
    most = 200_000
    monkeypatch.setattr("fhir_blina.http.exchange.MOST_BYTES", most)  # the CapabilityStatement is smaller
    plain = world.handle

    def handle(request):
        endless = request.url.host == "files.example"
        return httpx.Response(200, stream=Endless()) if endless else plain(request)

    sent = []

    class Endless(httpx.SyncByteStream):
        def __iter__(self):
            while True:
                sent.append(10_000)
                yield b" " * 10_000

    world.handle = handle
    with pytest.raises(StoreIncomplete, match=r"files.example:443 sent more than"):
        world.pull(tmp_path / "out")
    assert sum(sent) <= most + 20_000


def test_a_file_that_comes_in_halves_is_fetched_again(monkeypatch, tmp_path, expected):
    world = World(monkeypatch, where="https://files.example/out-{kind}")
    plain, broken = world.handle, []

    class Torn(httpx.SyncByteStream):
        def __iter__(self):
            yield b'{"resourceType":"Patient","id":"half'
            raise httpx.ReadError("torn")

    def handle(request):
        answer = plain(request)
        if request.url.host == "files.example" and len(broken) < 3:
            broken.append(1)
            return httpx.Response(200, stream=Torn())
        return answer

    world.handle = handle
    world.pull(tmp_path / "out")
    assert len(broken) == 3
    assert lines_of(tmp_path / "out") == expected


# --- hosts that the user names ------------------------------------------------------------------------


def test_a_host_that_the_user_names_may_be_on_this_machine(tmp_path, expected):
    home, files = FakeFhir(), FakeFhir()
    with served(home) as url, served(files) as there:
        RestStore(url).push(ward(), cohort="tiny")
        files.held = home.held
        plain = home.export

        def export(request, path, params):
            status, body, headers = plain(request, path, params)
            if isinstance(body, dict) and "output" in body:
                body["requiresAccessToken"] = False
                for output in body["output"]:
                    output["url"] = f"{there}/Binary/out-{output['type']}"
            return status, body, headers

        home.export = export
        store = RestStore(url, token=TOKEN, via="export", sleep=lambda _: None)
        with pytest.raises(StoreRefused, match="others could read it on the way"):
            store.pull(tmp_path / "out", cohort="tiny")
        assert files.requests == []
        store.pull(tmp_path / "out", cohort="tiny", files_from=[there])
        assert lines_of(tmp_path / "out") == expected
        assert {one.headers.get("authorization") for one in files.requests} == {None}
        assert {one.method for one in files.requests} == {"GET"}


@pytest.mark.parametrize("name", ["files.example", "https://me:pw@files.example", "ftp://files.example"])
def test_a_named_host_is_an_address(monkeypatch, tmp_path, name):
    world = World(monkeypatch)
    with pytest.raises(StoreRefused):
        world.pull(tmp_path / "out", files_from=[name])
    assert world.seen == []


def test_the_command_line_names_hosts_for_a_server_only(tmp_path, capsys):
    arguments = ["pull", "--store", str(tmp_path / "fhir"), "--files-from", "https://files.example"]
    assert main([*arguments, "--out", str(tmp_path)]) == 4
    assert "need a FHIR server in --store" in capsys.readouterr().err


# --- exports that were interrupted --------------------------------------------------------------------


class Stopped(BaseException):
    """Ctrl-C."""


@pytest.fixture
def halfway(monkeypatch, tmp_path):
    """An export of six files of which three are in the journal."""
    world = World(monkeypatch, needs_token=True)
    for one in world.fake.held.values():
        one["meta"]["lastUpdated"] = "2020-01-01T00:00:00Z"

    def stop(_, request):
        if "out-Patient" in request.url.path:
            raise Stopped
        return

    world.fake.faults.append(stop)
    with pytest.raises(Stopped):
        world.pull(tmp_path / "out")
    world.fake.faults.clear()
    world.seen.clear()
    return world


def test_an_interrupted_export_fetches_only_the_other_files(halfway, tmp_path, expected):
    result = halfway.pull(tmp_path / "out")
    assert lines_of(tmp_path / "out") == expected
    assert [one.url.path.rpartition("-")[2] for one in halfway.files()] == [
        "Patient",
        "ResearchStudy",
        "Specimen",
    ]
    assert not any("$export" in str(one.url) for one in halfway.seen)
    assert any("was continued; 8 resources" in note for note in result.notes)
    assert not journal_of(tmp_path / "out").exists()


def test_an_export_that_is_gone_is_started_anew(halfway, tmp_path, expected):
    gone = [1]

    def fault(_, request):
        if "export-status" in str(request.url) and request.method == "GET" and gone:
            gone.pop()
            return httpx.Response(404)
        return None

    halfway.fake.faults.append(fault)
    result = halfway.pull(tmp_path / "out")
    assert lines_of(tmp_path / "out") == expected
    assert len(halfway.files()) == len(KINDS)
    assert "the export that was begun is gone; a new one was started" in result.notes


def test_an_export_that_names_other_files_is_fetched_anew(halfway, tmp_path, expected):
    halfway.where = "{home}/Binary/2-out-{kind}"
    plain = halfway.fake.handle

    def handle(request):
        request.url = httpx.URL(str(request.url).replace("2-out-", "out-"))
        return plain(request)

    halfway.fake.handle = handle
    result = halfway.pull(tmp_path / "out")
    assert lines_of(tmp_path / "out") == expected
    assert "the export names other files than before; all are fetched again" in result.notes


def test_an_interrupted_download_is_private_and_no_signature_is_kept(monkeypatch, tmp_path):
    world = World(monkeypatch, where="https://files.example/out-{kind}?X-Sig=S1G")
    plain = world.handle

    def handle(request):
        if "out-Patient" in request.url.path:
            raise Stopped
        return plain(request)

    world.handle = handle
    with pytest.raises(Stopped):
        world.pull(tmp_path / "out")
    place = journal_of(tmp_path / "out")
    for path in place.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
        assert b"S1G" not in path.read_bytes()
        assert TOKEN.encode() not in path.read_bytes()


def test_a_file_is_kept_some_lines_at_a_time_and_counts_when_it_is_whole(monkeypatch, tmp_path, expected):
    monkeypatch.setattr(exporting, "LINES_AT_ONCE", 1)
    world = World(monkeypatch, needs_token=True)
    bad = [b'{"resourceType":"Patient"']

    def garbled(server, request):
        if "out-Patient" in request.url.path and bad:
            _, content, headers = server.answer(request)
            return httpx.Response(200, content=content + bad.pop(), headers=headers)
        return None

    world.fake.faults.append(garbled)
    with pytest.raises(StoreIncomplete, match="line 4 of a file of the export is not whole"):
        world.pull(tmp_path / "out")
    world.pull(tmp_path / "out")
    assert lines_of(tmp_path / "out") == expected


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda lines: lines + lines[:1], "holds Patient/tiny-P1 twice"),
        (lambda lines: [*lines, '{"resourceType":"Specimen","id":"x"}'], "holds another type"),
        (lambda lines: [*lines, "[]"], "line 4 of a file of the export is not whole"),
        (lambda lines: lines[1:], "sent"),
    ],
)
def test_a_file_that_contradicts_is_an_error(monkeypatch, tmp_path, change, reason):
    world = World(monkeypatch, needs_token=True)

    def changed(server, request):
        if "out-Patient" in request.url.path:
            lines = server.answer(request)[1].decode().splitlines()
            return httpx.Response(200, content="\n".join(change(lines)).encode())
        return None

    world.fake.faults.append(changed)
    with pytest.raises(StoreIncomplete, match=reason):
        world.pull(tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("wrapped", [True, False])
def test_files_wrapped_in_a_binary_are_unwrapped(monkeypatch, tmp_path, expected, wrapped):
    world = World(monkeypatch, needs_token=True)

    def wrap(server, request):
        if "out-" not in request.url.path:
            return None
        content = server.answer(request)[1]
        data = base64.b64encode(content).decode()
        body = json.dumps({"resourceType": "Binary", "data": data}).encode() if wrapped else content
        return httpx.Response(200, content=body, headers={"content-type": "application/fhir+json"})

    world.fake.faults.append(wrap)
    world.pull(tmp_path / "out")
    assert lines_of(tmp_path / "out") == expected
