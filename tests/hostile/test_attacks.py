"""Every attack by name: it ends in an error, in bounded time and memory, and leaves nothing behind."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import pytest

from fhir_blina.cli.parser import main
from fhir_blina.http import exchange, retry
from fhir_blina.store.rest.journal import LEAST_FREE_BYTES
from tests.hostile.attacks.echoes_the_token import TOKEN
from tests.hostile.server import attack, attacks, hostile

ROOT = Path(__file__).parents[2]
MOST_MEMORY = 80 * 2**20


@pytest.fixture(scope="module", autouse=True)
def _warm(tmp_path_factory):
    """What a process reads once, whoever answers, belongs to no attack."""
    with hostile("clears_the_screen") as url:
        assert main(["pull", "c", "--store", url, "--out", str(tmp_path_factory.mktemp("warm") / "out")]) == 4


LONG = {"endless_pages"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=[pytest.mark.long] if one in LONG else []) for one in attacks()],
)
def test_an_attack_ends_in_an_error_within_its_bounds(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(exchange, "MOST_BYTES", 32 * 2**20)
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(retry, "LONGEST_RETRY_AFTER", 0.01)
    monkeypatch.setenv("FHIR_BLINA_TOKEN", TOKEN)
    played = attack(name)
    monkeypatch.setattr(exchange, "ANSWER_SECONDS", 0.3 if hasattr(played, "SLOW") else 30.0)
    if hasattr(played, "DISK"):
        monkeypatch.setattr("shutil.disk_usage", lambda place: shrinking(Path(place), played.DISK))
    with hostile(name) as url:
        tracemalloc.start()
        try:
            assert main(["pull", "c", "--store", url, "--out", str(tmp_path / "out")]) == 4
            assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
        finally:
            tracemalloc.stop()
    said = capsys.readouterr()
    assert played.MESSAGE in said.err
    assert "Traceback" not in said.err
    for word in getattr(played, "NEVER", ()):
        assert word not in said.err + said.out
    assert not (tmp_path / "out" / "fhir").exists()


def shrinking(place: Path, size: int) -> SimpleNamespace:
    """A disk of a size beside what must stay free, with what lies in a place on it."""
    used = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    assert used < 2 * size
    return SimpleNamespace(free=LEAST_FREE_BYTES + size - used)


def listed() -> str:
    """The list as the document shows it."""
    rows = [f"| `{name}` | {attack(name).__doc__} | {attack(name).BOUND} |" for name in attacks()]
    return "\n".join(["| attack | what it does | what holds |", "|---|---|---|", *rows])


def test_the_document_lists_every_attack():
    text = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    found = re.search(r"<!-- attacks -->\n(.*?)\n<!-- -->", text, re.DOTALL)
    assert found is not None
    assert found[1] == listed()
