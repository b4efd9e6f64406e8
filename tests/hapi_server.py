"""Fixtures that need Java and Maven: HAPI's validator and a real HAPI JPA server.

Without Java or Maven they skip, with the reason. With them, whatever fails to start fails the tests.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from fhir_blina.errors import Finding
from fhir_blina.hapi import engines, java, server
from fhir_blina.hapi.validator import validate_with_hapi

Judge = Callable[..., list[Finding]]


def need_java() -> None:
    """Skip where Java or Maven is missing."""
    if absent := java.missing():
        pytest.skip(absent)


def need_docker() -> None:
    """Skip where no Docker engine answers or its images cannot be had; FHIR_BLINA_NEED_DOCKER makes it fail."""
    why = "no Docker engine with Compose answers"
    if engines.docker_answers():
        with tempfile.TemporaryDirectory() as place:
            why = engines.no_images(Path(place)) and "the images of docker/compose.yaml are not to be had"
    if why and os.environ.get("FHIR_BLINA_NEED_DOCKER"):
        pytest.fail(why)
    if why:
        pytest.skip(f"{why}; .ci/docker makes both")


@pytest.fixture(scope="session")
def hapi_validator() -> Judge:
    """``validate_with_hapi(folder, profiles)`` with values in its messages, already built."""
    need_java()
    java.built("hapi-validator")

    def judge(folder: Path, profiles: list[Path] | None = None) -> list[Finding]:
        return validate_with_hapi(folder, profiles or [], values=True)

    return judge


@pytest.fixture(scope="session")
def hapi_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a real HAPI JPA server on H2 in memory, for the session."""
    yield from _hapi(tmp_path_factory.mktemp("hapi-server"))


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    """A PostgreSQL of our own on this machine.

    Args:
        place: Folder for its data.
        programs: Where ``initdb`` and ``pg_ctl`` are.
        options: Settings, as the server's command line has them.
    """

    def __init__(self, place: Path, programs: Path, options: str) -> None:
        self._data, self._programs = place / "data", programs
        self._user: list[str] = []
        if os.geteuid() == 0:  # initdb refuses root
            self._user = ["runuser", "-u", "postgres", "--"]
            shutil.chown(place, "postgres")
        self._port = free_port()
        self._options = f"-p {self._port} -k {place} -c listen_addresses=127.0.0.1 {options}"
        self._run("initdb", "-D", self._data, "-U", "hapi", "--auth=trust", "-E", "UTF8", "--no-sync")
        self.start()
        self._run("createdb", "-h", "127.0.0.1", "-p", self._port, "-U", "hapi", "hapi")

    @property
    def url(self) -> str:
        """As ``server start --database`` takes it."""
        return f"postgresql://hapi@127.0.0.1:{self._port}/hapi"

    def start(self) -> None:
        """Start, and wait until it answers."""
        log = self._data.parent / "log"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", log, "-o", self._options, "start")

    def stop(self) -> None:
        """Stop at once, as if the power failed: nothing is written first."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def _run(self, program: str, *arguments: object) -> None:
        command = [*self._user, str(self._programs / program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        assert done.returncode == 0, f"{program}: {done.stdout[-500:]} {done.stderr[-500:]}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of our own with an empty database, gone afterwards."""
    need_java()
    programs = postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL's server is missing (Debian: apt-get install postgresql)")
    with tempfile.TemporaryDirectory(prefix="pg-") as scratch:
        ours = Postgres(Path(scratch), programs, "-c fsync=off")
        try:
            yield ours
        finally:
            ours.stop()


def postgres_programs() -> Path | None:
    """The newest folder with ``initdb``, ``pg_ctl`` and ``createdb``; Debian keeps them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


@pytest.fixture(scope="session")
def hapi_on_postgres(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a real HAPI JPA server on PostgreSQL."""
    home = tmp_path_factory.mktemp("hapi-postgres")
    started = server.start(port=free_port(), database=postgres.url, engine="java", home=home)
    try:
        yield started.url
    finally:
        server.stop(home)


@pytest.fixture(scope="session")
def hapi_with_its_ids(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a real HAPI that takes no ids of a client, although its metadata say so; its own count up."""
    yield from _assigning(tmp_path_factory.mktemp("hapi-ids"), "SEQUENTIAL_NUMERIC")


@pytest.fixture(scope="session")
def hapi_with_random_ids(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same, but each id that the server gives is a UUID."""
    yield from _assigning(tmp_path_factory.mktemp("hapi-uuid"), "UUID")


def _assigning(home: Path, strategy: str) -> Iterator[str]:
    need_java()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HAPI_FHIR_CLIENT_ID_STRATEGY", "NOT_ALLOWED")
        patch.setenv("HAPI_FHIR_SERVER_ID_STRATEGY", strategy)
        started = server.start(port=free_port(), database="memory", engine="java", home=home)
    try:
        yield started.url
    finally:
        server.stop(home)


@pytest.fixture(scope="session")
def helios(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a Helios FHIR Server, which nobody of this project wrote."""
    yield from _helios(_helios_program(), tmp_path_factory.mktemp("helios"))


@pytest.fixture(scope="session")
def helios_by_hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of another one, for tests that take everything on it."""
    yield from _helios(_helios_program(), tmp_path_factory.mktemp("helios-by-hand"))


@pytest.fixture(scope="session")
def hapi_by_hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of another HAPI as it comes, for tests that take everything on it."""
    yield from _hapi(tmp_path_factory.mktemp("hapi-by-hand"))


@pytest.fixture
def empty_helios(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of one that is filled by one test."""
    yield from _helios(_helios_program(), tmp_path_factory.mktemp("helios-empty"))


@pytest.fixture(scope="module")
def empty_hapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a HAPI that is filled by one module of tests."""
    yield from _hapi(tmp_path_factory.mktemp("hapi-empty"))


@pytest.fixture
def lenient_hapi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Base URL of an empty HAPI that takes references to what is not there."""
    monkeypatch.setenv("HAPI_FHIR_ENFORCE_REFERENTIAL_INTEGRITY_ON_WRITE", "false")
    yield from _hapi(tmp_path / "hapi-lenient")


def _hapi(home: Path) -> Iterator[str]:
    need_java()
    started = server.start(port=free_port(), database="memory", engine="java", home=home)
    try:
        yield started.url
    finally:
        server.stop(home)


def _helios_program() -> str:
    program = os.environ.get("FHIR_BLINA_HFS")
    if not program:
        pytest.skip("FHIR_BLINA_HFS is unset: set it to the program hfs of Helios FHIR Server")
    return program


def _helios(program: str, home: Path) -> Iterator[str]:
    port = free_port()
    settings = {"HFS_DATABASE_URL": str(home / "fhir.db"), "HFS_LOG_LEVEL": "error"}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "--port", str(port)], env=os.environ | settings, stdout=log, stderr=log, cwd=home
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{url}/metadata").is_success:
                    break
            assert process.poll() is None, (home / "log").read_text()[-1000:]
            time.sleep(0.25)
        yield url
    finally:
        process.terminate()
        process.wait(20)
