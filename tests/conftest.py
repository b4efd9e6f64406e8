"""What every test may use."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest_plugins = ["tests.hapi", "tests.browser"]

TESTS = Path(__file__).parent
ROOT = TESTS.parent


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A copy of the small cohort, free to be changed."""
    return Path(shutil.copytree(TESTS / "cohorts" / "tiny", tmp_path / "tiny"))


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """Write a cohort folder of a few lines.

    ``made({"people": ["id* word n:decimal sex=f|m", "A,x,1.0,f"]}, "table: people\\nresource: …")``:
    ``*`` marks key columns, ``:`` a type, ``=`` the allowed words.
    """

    def make(
        tables: dict[str, list[str]],
        *templates: str,
        codes: str = "",
        manifest: str = "",
        name: str = "demo",
    ) -> Path:
        folder = tmp_path / name
        dictionary = ["table,column,type,key,required,values,unit,description,unmapped,read_back"]
        files = {}
        for table, (header, *rows) in tables.items():
            columns = []
            for described in header.split():
                typed, _, values = described.partition("=")
                word, _, kind = typed.partition(":")
                column = word.rstrip("*")
                key = "yes" if word.endswith("*") else ""
                dictionary.append(f"{table},{column},{kind or 'string'},{key},{key},{values},,,,")
                columns.append(column)
            files[f"data/{table}.csv"] = "\n".join([",".join(columns), *rows]) + "\n"
        files["dictionary.csv"] = "\n".join(dictionary) + "\n"
        files["codes.csv"] = "map,value,system,code,display,note\n" + codes
        files["cohort.yaml"] = (
            "title: Made\npublished: true\nbase: https://example.org\nanchor: 2000-01-01\n"
            "systems: {one: urn:one, two: urn:two}\n" + manifest
        )
        for number, template in enumerate(templates):
            files[f"resources/t{number}.yaml"] = template
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, "utf-8")
        return folder

    return make


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the configuration of whoever runs it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long runs unless they are asked for: ``pytest -m soak``."""
    if "soak" in config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
