"""Fixtures that need Java and Maven: HAPI's validator and a real HAPI JPA server.

Without Java or Maven they skip, with the reason. With them, whatever fails to start fails the tests.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fhir_blina import java, server
from fhir_blina.errors import Finding
from fhir_blina.hapi_validator import validate_with_hapi

Judge = Callable[..., list[Finding]]


def need_java() -> None:
    """Skip where Java or Maven is missing."""
    if absent := java.missing():
        pytest.skip(absent)


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
    need_java()
    home = tmp_path_factory.mktemp("hapi-server")
    started = server.start(port=free_port(), database="memory", engine="java", home=home)
    try:
        yield started.url
    finally:
        server.stop(home)


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``postgresql://user@host:port/name`` of a database of our own, gone afterwards."""
    need_java()
    programs = postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL's server is missing (Debian: apt-get install postgresql)")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="pg-") as scratch:
        place = Path(scratch)
        user: list[str] = []
        if os.geteuid() == 0:  # initdb refuses root
            user = ["runuser", "-u", "postgres", "--"]
            shutil.chown(place, "postgres")
        data = place / "data"

        def run(*command: str) -> None:
            done = subprocess.run([*user, *command], capture_output=True, text=True, check=False, cwd="/")
            assert done.returncode == 0, f"{command[0]}: {done.stdout[-500:]} {done.stderr[-500:]}"

        run(
            str(programs / "initdb"), "-D", str(data), "-U", "hapi", "--auth=trust", "-E", "UTF8", "--no-sync"
        )
        options = f"-p {port} -k {place} -c listen_addresses=127.0.0.1 -c fsync=off"
        run(str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(place / "log"), "-o", options, "start")
        try:
            run(str(programs / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "hapi", "hapi")
            yield f"postgresql://hapi@127.0.0.1:{port}/hapi"
        finally:
            run(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")


def postgres_programs() -> Path | None:
    """The newest folder with ``initdb``, ``pg_ctl`` and ``createdb``; Debian keeps them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


@pytest.fixture(scope="session")
def hapi_on_postgres(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a real HAPI JPA server on PostgreSQL."""
    home = tmp_path_factory.mktemp("hapi-postgres")
    started = server.start(port=free_port(), database=postgres, engine="java", home=home)
    try:
        yield started.url
    finally:
        server.stop(home)
