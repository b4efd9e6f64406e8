"""Origins are compared parsed, by what sends the request."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import httpx
import pytest

from fhir_blina.errors import StoreRefused
from fhir_blina.http import origin
from fhir_blina.http.origin import Origin, origin_of
from fhir_blina.store.rest.rest import RestStore


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://fhir.example/r4", Origin("https", "fhir.example", 443)),
        ("HTTPS://FHIR.Example:443/r4", Origin("https", "fhir.example", 443)),
        ("http://fhir.example", Origin("http", "fhir.example", 80)),
        ("https://fhir.example:8443/", Origin("https", "fhir.example", 8443)),
        ("http://[::1]:8080/fhir", Origin("http", "::1", 8080)),
        ("https://bücher.example/", Origin("https", "xn--bcher-kva.example", 443)),
        ("https://xn--bcher-kva.example/", Origin("https", "xn--bcher-kva.example", 443)),
    ],
)
def test_an_origin_is_scheme_host_and_effective_port(url, expected):
    assert origin_of(url) == expected
    assert origin_of(httpx.URL(url)) == expected


@pytest.mark.parametrize(
    "other",
    [
        "http://fhir.example/",
        "https://fhir.example:444/",
        "https://fhir.example.evil.test/",
        "https://evil-fhir.example/",
        "https://fhir.exämple/",
        "https://fhir.example./",
        "https://evil.test/?https://fhir.example/",
        "https://evil.test/https://fhir.example/",
        "https://fhir.example%2eevil.test/",
    ],
)
def test_what_only_looks_alike_is_another_origin(other):
    with contextlib.suppress(StoreRefused):
        assert origin_of(other) != origin_of("https://fhir.example/")


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@fhir.example/",
        "https://fhir.example@evil.test/",
        "https://@fhir.example/",
        "https://fhir.example:443@evil.test/",
        "file:///etc/passwd",
        "ftp://fhir.example/",
        "//fhir.example/",
        "https://",
        "fhir.example",
        "https://fhir.example:port/",
    ],
)
def test_user_names_and_other_schemes_are_refused(url):
    with pytest.raises(StoreRefused) as refused:
        origin_of(url)
    assert "hunter2" not in str(refused.value)


def test_private_is_https_or_this_machine():
    assert origin_of("https://fhir.example").private
    assert origin_of("http://127.0.0.1:8080").private
    assert origin_of("http://[::1]").private
    assert not origin_of("http://fhir.example").private
    assert not origin_of("http://127.0.0.1.evil.test").private
    assert str(origin_of("http://[::1]/x")) == "http://[::1]:80"


def test_plain_http_to_another_machine_is_warned_of_once(caplog, monkeypatch):
    monkeypatch.setattr(origin, "_warned", set())
    for url in ("https://fhir.example", "http://127.0.0.1:8080/fhir", "http://localhost/", "http://[::1]/"):
        RestStore(url)
    assert caplog.records == []
    for url in ("http://fhir.example/fhir", "http://FHIR.example:80/other", "http://10.0.0.7:8080/fhir"):
        RestStore(url)
    said = [record.getMessage() for record in caplog.records]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert [line.split(" is not encrypted")[0] for line in said] == [
        "http://fhir.example:80",
        "http://10.0.0.7:8080",
    ]
    assert all(line.endswith("Use https") for line in said)


def test_the_command_line_says_so_on_stderr():
    """Whatever it is asked to leave out; nothing listens at this address of the documentation's network."""
    code = (
        "import httpx\n"
        "from fhir_blina.cli.parser import main\n"
        "httpx.Client.send = lambda *_, **__: (_ for _ in ()).throw(httpx.ConnectError(''))\n"
        "raise SystemExit(main(['pull', 'tiny', '--quiet', '--store', 'http://192.0.2.1/fhir']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert done.stderr.startswith(
        "http://192.0.2.1:80 is not encrypted: anyone on the way can read and change"
    )
