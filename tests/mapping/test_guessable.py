"""Keys that can be guessed are told from random ones, as far as that can be told."""

from __future__ import annotations

import base64
import random

import pytest

from fhir_blina.mapping.guessable import why_guessable

GUESSABLE = [
    b"0" * 64,
    b"ab" * 20,
    b"deadbeef" * 8,
    b"0123456789abcdef" * 4,
    bytes(range(48, 80)),
    bytes(range(0, 256, 5)),
    bytes(n * n % 256 for n in range(40)),
    bytes(range(32)).hex().encode(),
    bytes(range(0, 128, 3)).hex().encode(),
    b"abcdefghijklmnopqrstuvwxyz0123456789",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"correct horse battery staple correct horse",
    b"correcthorsebatterystaplecorrecthorsebattery",
    b"CorrectHorseBatteryStapleWithMoreWordsBehind",
    b"The quick brown fox jumps over the lazy dog.",
    b"my-hospital-secret-key-for-the-study-of-2023",
    b"Klinikum-Studie-Geheim-2023-Blinatumomab-ALL",
    b"qwertyuiopasdfghjklzxcvbnmqwertyuiop",
    b"20230101202302022023030320230404202305052023",
    b"changeme" * 5,
]


@pytest.mark.parametrize("key", GUESSABLE, ids=repr)
def test_a_key_that_can_be_guessed_is_told(key):
    assert why_guessable(key)


def test_random_keys_pass():
    chance = random.Random(15)
    refused = 0
    for _ in range(3000):
        raw = chance.randbytes(32)
        forms = [raw, raw.hex().encode(), base64.b64encode(raw), base64.urlsafe_b64encode(raw).rstrip(b"=")]
        refused += sum(bool(why_guessable(form)) for form in forms)
    assert refused <= 2
