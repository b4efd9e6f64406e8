"""The pytest plugin: a real FHIR server for a test, a place of its own in it, a cohort loaded there.

It stands beside the package, not in it, so that pytest loads nothing of fhir-blina before a test asks for it.
``docs/testing.md`` says how to use it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fhir_blina.cohorts import Cohort
    from fhir_blina.store import Store

SERVER_VARIABLE = "FHIR_BLINA_SERVER"
_WAIT_SECONDS = 600
_HOME = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker, and the folder of the server that all processes of this session share."""
    config.addinivalue_line(
        "markers", "fhir_server: uses a FHIR server by a fixture of fhir-blina; set by the plugin"
    )
    shared = getattr(config, "workerinput", {}).get("fhir_blina_home")
    name = f"fhir-blina-{secrets.token_hex(8)}"
    config.stash[_HOME] = Path(shared) if shared else Path(tempfile.gettempdir()) / name


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the shared server's folder is."""
    node.workerinput["fhir_blina_home"] = str(node.config.stash[_HOME])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, so that ``-m "not fhir_server"`` leaves it out."""
    for item in items:
        if "fhir_server" in getattr(item, "fixturenames", ()):
            item.add_marker("fhir_server")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the server and remove what it stored, after the last worker."""
    home = session.config.stash[_HOME]
    if hasattr(session.config, "workerinput") or not home.exists():
        return
    from fhir_blina.hapi import server

    server.reset(home)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def fhir_server(pytestconfig: pytest.Config) -> str:
    """Base URL of a FHIR R4 server.

    It is the one that FHIR_BLINA_SERVER names, else a HAPI that Docker or Java starts for this session,
    shared by the workers of pytest-xdist and removed at the end. A test that uses it is skipped where there
    is neither.
    """
    from fhir_blina.hapi import engines, java, server

    if named := os.environ.get(SERVER_VARIABLE, "").rstrip("/"):
        end = time.monotonic() + float(os.environ.get("FHIR_BLINA_SERVER_WAIT", "180"))
        while not server.answers(named):  # a service of CI may still be starting
            if time.monotonic() > end:
                pytest.fail(f"{SERVER_VARIABLE}: nothing answers at {named}/metadata")
            time.sleep(0.5)
        return named

    home = pytestconfig.stash[_HOME]
    home.mkdir(mode=0o700, exist_ok=True)
    with _one_at_a_time(home):
        if absent := java.missing():
            why = "no Docker engine with Compose answers"
            if engines.docker_answers():
                why = engines.no_images(home)
            if why:
                pytest.skip(f"no FHIR server: {SERVER_VARIABLE} names none, {why}, and {absent}")
        running = server.status(home)
        if not running.running:
            running = server.start(
                port=_free_port(), database="memory", wait_seconds=_WAIT_SECONDS, home=home
            )
    return running.url


def _one_at_a_time(home: Path) -> Any:
    from fhir_blina.files import locked

    return locked(home / "plugin.lock", wait_seconds=_WAIT_SECONDS)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def fhir_tag() -> dict[str, str]:
    """A tag that only this test uses, for each resource that it stores.

    ``{"meta": {"tag": [fhir_tag]}, …}``, and ``fhir_store.push(resources, cohort=fhir_tag["code"])``.
    """
    from fhir_blina.files import COHORT_SYSTEM

    return {"system": COHORT_SYSTEM, "code": f"test-{secrets.token_hex(6)}"}


@pytest.fixture
def fhir_store(fhir_server: str, fhir_tag: dict[str, str]) -> Iterator[Store]:
    """The server as a store; what the test pushed under ``fhir_tag`` is removed afterwards."""
    from fhir_blina import open_store

    store = open_store(fhir_server)
    yield store
    store.unload(fhir_tag["code"])


@pytest.fixture
def load_cohort(fhir_store: Store, tmp_path: Path) -> Iterator[Callable[[str | Path], Cohort]]:
    """``load_cohort("cjcp2023")`` stores a cohort, by name or folder, and returns it.

    It is a copy under a name of its own, so that tests that run at the same time do not meet; what was
    stored is removed afterwards.
    """
    from fhir_blina import map_cohort, read_cohort

    names: list[str] = []

    def load(name_or_folder: str | Path) -> Cohort:
        original = read_cohort(name_or_folder)
        name = f"{original.name[:13]}-{secrets.token_hex(3)}"
        cohort = read_cohort(shutil.copytree(original.folder, tmp_path / name))
        names.append(name)
        fhir_store.push(map_cohort(cohort).resources, cohort=name)
        return cohort

    yield load
    for name in names:
        fhir_store.unload(name)
