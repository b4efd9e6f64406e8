"""What every test may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pandas as pd
import pytest

from fhir_blina import errors
from fhir_blina.analysis.analysis import analyze
from fhir_blina.cli.parser import main
from fhir_blina.cohorts.folder import find_cohort
from fhir_blina.files.locks import locked
from fhir_blina.results.records import Results
from fhir_blina.views.tables import read_tables

pytest_plugins = ["tests.hapi_server", "tests.browser"]

TESTS = Path(__file__).parent
ROOT = TESTS.parent
LONG = TESTS / "data" / "long_tests.txt"  # written by scripts/long_tests.py

# How many cases Hypothesis makes up: ``--hypothesis-profile=…``. A change must not turn red by luck, so the
# first two draw the same cases every time; the soak runs (``-m soak``) look for new ones.
_SHARED: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [
        hypothesis.HealthCheck.too_slow,
        hypothesis.HealthCheck.function_scoped_fixture,  # a folder that each case fills anew
    ],
}
hypothesis.settings.register_profile("quick", max_examples=40, derandomize=True, **_SHARED)
hypothesis.settings.register_profile("full", max_examples=200, derandomize=True, **_SHARED)
hypothesis.settings.register_profile("soak", max_examples=10_000, **_SHARED)
hypothesis.settings.load_profile("quick")


@pytest.fixture(scope="session")
def published_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``run cjcp2023`` leaves behind where new files are open to everybody; to be read only.

    One run for all tests, whichever process they run in.
    """
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    out, done = place / "published-run", place / "published-run.done"
    with locked(place / "published-run.lock", wait_seconds=300):
        if not done.exists():
            before = os.umask(0o000)
            try:
                assert main(["run", "cjcp2023", "--out", str(out), "--quiet"]) == 0
                assert os.umask(0o000) == 0o000
            finally:
                os.umask(before)
            done.touch()
    return out


@pytest.fixture(scope="session")
def published_tables(published_run: Path) -> dict[str, pd.DataFrame]:
    """The tables of that run; whoever changes one takes a copy."""
    return read_tables(published_run / "fhir")


@pytest.fixture(scope="session")
def published_results(published_tables: dict[str, pd.DataFrame]) -> Results:
    """What comes out of them."""
    return analyze(published_tables, find_cohort("cjcp2023"))


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


@pytest.fixture(autouse=True)
def _own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test sends as a credential is an ordinary word in the next."""
    monkeypatch.setattr(errors, "_concealed", set())


def pytest_configure(config: pytest.Config) -> None:
    """Let ``-m soak`` draw cases as a soak does."""
    if config.option.markexpr == "soak" and not config.getoption("--hypothesis-profile"):
        hypothesis.settings.load_profile("soak")


@pytest.hookimpl(tryfirst=True)  # before pytest looks at marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long runs unless they are asked for: ``pytest -m soak``. Begin with what takes longest."""
    java, containers, browser = java_files(config), files_with("docker"), files_with("browser")

    def place(item: pytest.Item) -> int:
        file = item.nodeid.split("::")[0]
        return 0 if file in java else 1 if file in containers else 2 if file in browser else 3

    items.sort(key=place)
    measured = set(LONG.read_text("utf-8").split("\n"))
    for item in items:
        name = "::".join(item.nodeid.split("[")[0].split("::")[:2])
        if name in measured or name.split("::")[0] in measured:
            item.add_marker("long")
    if "soak" in config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def java_files(config: pytest.Config) -> set[str]:
    """The files with tests that need one HAPI server for all, where such tests are to run."""
    return set() if "not hapi" in config.option.markexpr else files_with("hapi")


def files_with(mark: str) -> set[str]:
    """The files with tests of a mark."""
    marked = (path for path in TESTS.rglob("test_*.py") if f"pytest.mark.{mark}" in path.read_text("utf-8"))
    return {path.relative_to(ROOT).as_posix() for path in marked}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out file by file, so that what a file shares is made once; those that need HAPI to one process."""
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # as sorted above, not by the number of tests
    java = java_files(config)

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "hapi" if file in java else file

    return ByFile(config, log)
