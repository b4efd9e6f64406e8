"""Secrets come from files, variables and the keyring, and are never shown."""

from __future__ import annotations

import sys
import types

import pytest

from fhir_blina.errors import StoreRefused
from fhir_blina.http.secret_sources import secret_of


def made(tmp_path, content: bytes = b"s3cret\n", mode: int = 0o600):
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(mode)
    return secret_of({"token_file": "token"}, "token", folder=tmp_path, where="auth.yaml")


def test_a_file_is_read_without_its_line_end(tmp_path):
    secret = made(tmp_path)
    assert secret.read() == "s3cret"
    assert "s3cret" not in repr(secret)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o620])
def test_a_file_that_others_can_read_or_change_is_refused(tmp_path, mode):
    with pytest.raises(StoreRefused, match="chmod 600"):
        made(tmp_path, mode=mode).read()


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"x" * 70_000, "longer than 64 KiB"), (b"\xff", "not UTF-8")],
)
def test_what_is_no_secret_is_refused(tmp_path, content, reason):
    with pytest.raises(StoreRefused, match=reason):
        made(tmp_path, content).read()


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    for name, reason in (("folder", "is not a file"), ("absent", "No such file")):
        secret = secret_of({"token_file": name}, "token", folder=tmp_path, where="x")
        with pytest.raises(StoreRefused, match=reason):
            secret.read()


def test_a_variable(tmp_path, monkeypatch):
    secret = secret_of({"token_env": "OUR_TOKEN"}, "token", folder=tmp_path, where="x")
    with pytest.raises(StoreRefused, match="not set"):
        secret.read()
    monkeypatch.setenv("OUR_TOKEN", "from-env")
    assert secret.read() == "from-env"


def test_the_keyring(tmp_path, monkeypatch):
    secret = secret_of({"token_keyring": "fhir/me"}, "token", folder=tmp_path, where="x")
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(StoreRefused, match="pip install keyring"):
        secret.read()
    ring = types.SimpleNamespace(
        get_password=lambda service, user: {("fhir", "me"): "ringed"}.get((service, user))
    )
    monkeypatch.setitem(sys.modules, "keyring", ring)
    assert secret.read() == "ringed"
    other = secret_of({"token_keyring": "fhir/you"}, "token", folder=tmp_path, where="x")
    with pytest.raises(StoreRefused, match="not in the keyring"):
        other.read()


@pytest.mark.parametrize(
    "settings",
    [{}, {"token_file": "a", "token_env": "B"}, {"token_file": 3}, {"token_env": ""}, {"token_keyring": "x"}],
)
def test_one_source_must_be_given(tmp_path, settings):
    with pytest.raises(StoreRefused, match="x: "):
        secret_of(settings, "token", folder=tmp_path, where="x")
