"""Ids as keyed hashes, and the key's file."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fhir_blina.errors import CohortError
from fhir_blina.mapping.idkey import hash_ids, hashed_id, id_key, id_key_path


@pytest.fixture
def key_file(tmp_path, monkeypatch):
    path = tmp_path / "secrets" / "key"
    monkeypatch.setenv("FHIR_BLINA_ID_KEY_FILE", str(path))
    return path


def test_the_key_is_made_once_and_only_its_owner_can_read_it(key_file):
    first = id_key()
    assert len(first) >= 32
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    assert id_key() == first


def test_many_at_once_get_one_key(key_file):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: id_key(), range(40)))
    assert len(keys) == 1
    assert list(key_file.parent.iterdir()) == [key_file]


def test_two_keys_are_never_alike(key_file):
    first = id_key()
    key_file.unlink()
    assert id_key() != first


def test_a_key_that_is_there_is_used_as_it_stands(key_file):
    key_file.parent.mkdir()
    key = hashlib.sha512(b"x").digest()[:48].hex().encode()
    key_file.write_bytes(key + b"\n")
    key_file.chmod(0o600)
    assert id_key() == key


def test_a_short_key_is_refused_and_not_shown(key_file):
    key_file.parent.mkdir()
    key_file.write_bytes(b"hunter2")
    key_file.chmod(0o600)
    with pytest.raises(
        CohortError, match=r"the key for ids is too short\. Put at least 32 random bytes"
    ) as error:
        id_key()
    assert "hunter2" not in str(error.value)


def test_a_key_that_cannot_be_made_is_said(key_file):
    key_file.parent.write_text("a file where the folder should be")
    with pytest.raises(CohortError, match="the key for ids cannot be used"):
        id_key()


def test_without_a_file_given_the_key_lies_in_the_configuration_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("FHIR_BLINA_ID_KEY_FILE", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert id_key_path() == tmp_path / "fhir-blina" / "id-key"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert id_key_path() == Path.home() / ".config" / "fhir-blina" / "id-key"


def test_a_hashed_id_is_an_hmac_in_base32():
    digest = hmac.digest(b"key", b"demo-A", hashlib.sha256)
    assert hashed_id(b"key", "demo-A") == "h" + base64.b32encode(digest).decode().rstrip("=").lower()
    assert re.fullmatch(r"h[a-z2-7]{52}", hashed_id(b"key", "demo-A"))


def test_another_key_or_another_name_gives_another_id():
    assert len({hashed_id(key, name) for key in (b"1", b"2") for name in ("a", "b")}) == 4


def test_references_follow_the_ids():
    resource = {
        "resourceType": "Observation",
        "id": "demo-A-lab",
        "subject": {"reference": "Patient/demo-A"},
        "partOf": [{"reference": "#inside"}, {"reference": "urn:uuid:1"}],
        "note": [{"text": "Patient/demo-A"}],
    }
    assert hash_ids(resource, b"key") == {
        "resourceType": "Observation",
        "id": hashed_id(b"key", "demo-A-lab"),
        "subject": {"reference": f"Patient/{hashed_id(b'key', 'demo-A')}"},
        "partOf": [{"reference": "#inside"}, {"reference": "urn:uuid:1"}],
        "note": [{"text": "Patient/demo-A"}],
    }
    assert resource["id"] == "demo-A-lab"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_key_that_is_open_to_others_is_refused(key_file, mode):
    id_key()
    key_file.chmod(mode)
    with pytest.raises(CohortError, match=r"open to others.*chmod 600"):
        id_key()


@pytest.mark.parametrize("key", [b"k" * 32, b"\0" * 64, b"ab" * 40, b"password" * 8])
def test_a_key_that_can_be_guessed_is_refused(key_file, key):
    id_key()
    key_file.write_bytes(key)
    with pytest.raises(CohortError, match="can be guessed"):
        id_key()


def test_a_key_is_not_read_through_a_link(key_file, tmp_path):
    id_key()
    link = key_file.rename(tmp_path / "elsewhere")
    key_file.symlink_to(link)
    with pytest.raises(CohortError, match="symbolic link"):
        id_key()
