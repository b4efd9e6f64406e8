"""Fuzz: inputs made worse by chance end in an answer or in an error of ours, in bounded time.

Each case has a seed of its own, which stands in what a failure prints::

    FUZZ_SEED=0 FUZZ_CASE=17 python -m pytest tests/fuzz -k views          # one case again
    FUZZ_SEED=$RANDOM python -m pytest tests/fuzz                          # others than in CI
    python -m pytest -m soak tests/fuzz -s                                 # ten minutes of new ones
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fhir_blina.fhirpath import limits
from fhir_blina.views.duckdb import limits as view_limits
from tests.fuzz.targets import TARGETS

SEED = os.environ.get("FUZZ_SEED", "0")
CASES = {"answers": 60, "cohorts": 60, "fhirpath": 1500, "manifests": 60, "ndjson": 25, "views": 60}
SOAK_SECONDS = 600.0
CASE_SECONDS = 60


def _too_long(*_: Any) -> None:
    raise TimeoutError(f"a case took more than {CASE_SECONDS} s")


def play(name: str, seed: str, number: int, place: Path) -> None:
    """One case of a target; says how to play it again when it fails."""
    place.mkdir()
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(CASE_SECONDS)
    try:
        TARGETS[name](random.Random(f"{name} {seed} {number}"), place)
    except BaseException as error:
        error.add_note(f"again: FUZZ_SEED={seed} FUZZ_CASE={number} python -m pytest tests/fuzz -k {name}")
        raise
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(limits, "SECONDS", 5.0)
    monkeypatch.setattr(view_limits, "LEAST_SECONDS", 20.0)


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_short_run(name, tmp_path, capsys):
    with capsys.disabled():
        sys.stdout.write(f"\nfuzz {name}: FUZZ_SEED={SEED}\n")
    only = os.environ.get("FUZZ_CASE")
    for number in [int(only)] if only else range(CASES[name]):
        play(name, SEED, number, tmp_path / str(number))


@pytest.mark.soak
@pytest.mark.timeout(SOAK_SECONDS + 300)
def test_ten_minutes(tmp_path):
    seed = os.environ.get("FUZZ_SEED", secrets.token_hex(4))
    seconds = float(os.environ.get("FUZZ_SECONDS", SOAK_SECONDS))
    sys.stdout.write(f"\nfuzz: FUZZ_SEED={seed}\n")
    played = dict.fromkeys(TARGETS, 0)
    spent = dict.fromkeys(TARGETS, 0.0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        name = min(TARGETS, key=lambda one: spent[one])  # each gets the same time
        began = time.monotonic()
        play(name, seed, played[name], tmp_path / f"{name}{played[name]}")
        spent[name] += time.monotonic() - began
        played[name] += 1
    sys.stdout.write(f"{played}\n")
    assert min(played.values()) > 10


def test_a_case_is_played_again_by_its_seed(monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setitem(TARGETS, "drawn", lambda chance, _: drawn.append(chance.random()))
    for number in (0, 1, 0):
        play("drawn", "7", number, tmp_path / str(len(drawn)))
    assert drawn[0] == drawn[2] != drawn[1]

    def fails(_chance, _place):
        raise KeyError

    monkeypatch.setitem(TARGETS, "fails", fails)
    with pytest.raises(KeyError) as caught:
        play("fails", "7", 3, tmp_path / "f")
    assert caught.value.__notes__ == ["again: FUZZ_SEED=7 FUZZ_CASE=3 python -m pytest tests/fuzz -k fails"]
