"""A HAPI FHIR server on this machine: start, stop, status, logs, reset.

Docker runs the official image with PostgreSQL where an engine answers. Elsewhere Java runs the same server
assembled from Maven artifacts, on H2 or on a PostgreSQL that is already there. Either listens on 127.0.0.1
only, because it asks nobody for a password.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from fhir_blina import java
from fhir_blina.errors import FhirBlinaError, StoreRefused, StoreUnavailable
from fhir_blina.fhirjson import write_whole
from fhir_blina.locks import locked

PORT = 8080
WAIT_SECONDS = 180
STOP_SECONDS = 20
QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx1500m"
PASSWORD_VARIABLE = "PGPASSWORD"  # noqa: S105 - the name of a variable

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ServerStatus:
    """A server of ours.

    Attributes:
        running: Whether its process or containers run.
        ready: Whether it answers with its CapabilityStatement.
        url: Base URL, for ``open_store``; empty where there is no server.
        engine: ``docker`` or ``java``; empty where there is no server.
        database: ``memory``, ``disk`` or ``postgresql``.
        pid: Of the Java process; 0 for Docker.
        log: The Java process's log file; empty for Docker.
    """

    running: bool = False
    ready: bool = False
    url: str = ""
    engine: str = ""
    database: str = ""
    pid: int = 0
    log: str = ""


def _silent(step: str, done: int, total: int) -> None:
    """Nobody watches."""


def _home(home: Path | None) -> Path:
    return home or java.cache_folder() / "server"


def _docker(place: Path, *arguments: str, seconds: float = 600) -> subprocess.CompletedProcess[str]:
    """Docker Compose over our file, with the password and port that ``place`` keeps."""
    compose = java.docker_folder() / "compose.yaml"
    secret, port = place / "postgres-password", place / "port"
    variables = {
        "FHIR_BLINA_PASSWORD": secret.read_text("utf-8") if secret.exists() else "none",
        "FHIR_BLINA_PORT": port.read_text("utf-8") if port.exists() else str(PORT),
    }
    return subprocess.run(  # noqa: S603
        ["docker", "compose", "-p", "fhir-blina", "-f", str(compose), *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env=os.environ | variables,
    )


def docker_answers() -> bool:
    """Whether a Docker engine with Compose can be used from here."""
    if not shutil.which("docker"):
        return False
    try:
        for command in (["docker", "info"], ["docker", "compose", "version"]):
            if subprocess.run(command, capture_output=True, timeout=20, check=False).returncode:  # noqa: S603
                return False
    except subprocess.TimeoutExpired:
        return False
    return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/metadata?_summary=true", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _alive(pid: int, marker: str) -> bool:
    """Whether the process runs and is the one that we started, not a later one with its number."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    shown = subprocess.run(  # noqa: S603
        ["ps", "-ww", "-o", "command=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return marker in shown.stdout


def _port_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _remembered(home: Path) -> ServerStatus:
    """What the state file says, with ``running`` checked; nothing where its process is gone."""
    try:
        state = ServerStatus(**json.loads((home / "state.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return ServerStatus()
    if state.engine == "java":
        return state if _alive(state.pid, "hapi-local") else ServerStatus()
    shown = _docker(home, "ps", "-q", "hapi", seconds=60)
    return state if shown.returncode == 0 and shown.stdout.strip() else ServerStatus()


def status(home: Path | None = None) -> ServerStatus:
    """The server that :func:`start` started, if it still runs."""
    state = _remembered(_home(home))
    if not state.running:
        return state
    return ServerStatus(**(asdict(state) | {"ready": _answers(state.url)}))


def start(
    *,
    port: int = PORT,
    database: str = "disk",
    engine: str = "auto",
    wait_seconds: float = WAIT_SECONDS,
    progress: Progress = _silent,
    home: Path | None = None,
) -> ServerStatus:
    """Start a server and wait until it is ready. One that already runs is left as it is.

    Args:
        port: On 127.0.0.1.
        database: For Java: ``disk`` (H2, kept between starts), ``memory`` (H2, gone at the end) or
            ``postgresql://user@host:port/name``, the password in ``PGPASSWORD``. Docker brings its own.
        engine: ``docker``, ``java``, or ``auto``: Docker where an engine answers, else Java.
        wait_seconds: How long it may take after it was built or downloaded.
        progress: Called as ``progress(step, seconds, wait_seconds)``.
        home: Where state, log and H2 database lie; None for the cache.

    Raises:
        StoreRefused: the port is in use, another server of ours runs on another port, or an unknown
            engine or database.
        StoreUnavailable: it did not become ready; it was stopped again, and the message ends with the
            log's last errors.
        FhirBlinaError: neither Docker nor Java and Maven are there; says what to install.
    """
    if engine not in {"auto", "docker", "java"}:
        raise StoreRefused(f"{engine} is not an engine; give docker, java or auto")
    place = _home(home)
    url = f"http://127.0.0.1:{port}/fhir"
    with locked(place / "lock", wait_seconds=wait_seconds):
        state = _remembered(place)
        if state.running and state.url != url:
            raise StoreRefused(f"a server runs at {state.url} already. Stop it first, or use it")
        if not state.running:
            (place / "state.json").unlink(missing_ok=True)
            if _port_taken(port):
                raise StoreRefused(f"port {port} of 127.0.0.1 is in use by another program. Choose another")
            chosen = engine if engine != "auto" else "docker" if docker_answers() else "java"
            state = (
                _start_docker(place, url, port, progress)
                if chosen == "docker"
                else _start_java(place, url, port, database, progress)
            )
            write_whole(place / "state.json", json.dumps(asdict(state)))
        return _wait(place, state, wait_seconds, progress)


def _start_docker(place: Path, url: str, port: int, progress: Progress) -> ServerStatus:
    progress("starting containers", 0, 0)
    secret = place / "postgres-password"
    if not secret.exists():
        write_whole(secret, os.urandom(24).hex())
    write_whole(place / "port", str(port))
    done = _docker(place, "up", "-d", "hapi", seconds=1800)
    if done.returncode:
        raise StoreUnavailable("docker compose up failed: " + " ".join(done.stderr.strip().splitlines()[-3:]))
    return ServerStatus(running=True, url=url, engine="docker", database="postgresql")


def _database_settings(place: Path, database: str) -> dict[str, str]:
    if database == "memory":
        return {"SPRING_DATASOURCE_URL": "jdbc:h2:mem:hapi;DB_CLOSE_DELAY=-1"}
    if database == "disk":
        return {"SPRING_DATASOURCE_URL": f"jdbc:h2:file:{(place / 'h2').absolute()};DB_CLOSE_ON_EXIT=FALSE"}
    parts = re.fullmatch(r"postgresql://([^:/@]+)@([^/@]+)/([\w-]+)", database)
    if parts is None:
        raise StoreRefused(
            "not a database: give disk, memory or postgresql://user@host:port/name, "
            f"the password in {PASSWORD_VARIABLE}"
        )
    return {
        "SPRING_DATASOURCE_URL": f"jdbc:postgresql://{parts[2]}/{parts[3]}",
        "SPRING_DATASOURCE_USERNAME": parts[1],
        "SPRING_DATASOURCE_PASSWORD": os.environ.get(PASSWORD_VARIABLE, ""),
        "HIBERNATE_DIALECT": "ca.uhn.fhir.jpa.model.dialect.HapiFhirPostgresDialect",
    }


def _start_java(place: Path, url: str, port: int, database: str, progress: Progress) -> ServerStatus:
    settings = _database_settings(place, database)
    if absent := java.missing():
        raise FhirBlinaError(
            f"no Docker engine answers, and {absent}. Install Docker, or Java {java.JAVA_VERSION} and Maven"
        )
    jar = java.built("hapi-local", say=lambda sentence: progress(sentence, 0, 0))
    log = place / "server.log"
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    options = os.environ.get("FHIR_BLINA_JAVA_OPTIONS", QUICK_START).split()
    try:
        process = subprocess.Popen(  # noqa: S603
            [
                java.java_command(),
                *options,
                "-jar",
                str(jar),
                f"--spring.config.location={java.docker_folder() / 'hapi.yaml'}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.STDOUT,
            cwd=place,
            start_new_session=True,
            env=os.environ | settings | {"SERVER_ADDRESS": "127.0.0.1", "SERVER_PORT": str(port)},
        )
    finally:
        os.close(handle)
    kind = "postgresql" if database.startswith("postgresql:") else database
    process.returncode = 0  # it outlives this program; no warning that it still runs
    return ServerStatus(
        running=True, url=url, engine="java", database=kind, pid=process.pid, log=str(log.absolute())
    )


def _wait(place: Path, state: ServerStatus, wait_seconds: float, progress: Progress) -> ServerStatus:
    try:
        _until_ready(place, state, wait_seconds, progress)
    except BaseException:
        _end(place, state)
        raise
    return ServerStatus(**(asdict(state) | {"ready": True}))


def _until_ready(place: Path, state: ServerStatus, wait_seconds: float, progress: Progress) -> None:
    begin = time.monotonic()
    while not _answers(state.url):
        seconds = time.monotonic() - begin
        progress("waiting for the server", int(seconds), int(wait_seconds))
        if state.engine == "java" and not _alive(state.pid, "hapi-local"):
            raise StoreUnavailable(
                f"the server ended while starting; see {state.log}\n{_errors(place, state)}"
            )
        if seconds >= wait_seconds:
            raise StoreUnavailable(
                f"the server was not ready after {wait_seconds:g} s\n{_errors(place, state)}"
            )
        time.sleep(0.5)


def _errors(place: Path, state: ServerStatus) -> str:
    lines = _log_of(place, state, 2000).splitlines()
    wrong = [line for line in lines if "ERROR" in line or line.startswith("Caused by")]
    return "\n".join(line[:300] for line in (wrong or lines)[-5:])


def _log_of(place: Path, state: ServerStatus, lines: int) -> str:
    if state.engine == "docker":
        return _docker(place, "logs", "--no-color", "--tail", str(lines)).stdout
    try:
        text = Path(state.log).read_text("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _end(place: Path, state: ServerStatus) -> None:
    if state.engine == "docker":
        _docker(place, "down")
    elif _alive(state.pid, "hapi-local"):
        os.kill(state.pid, signal.SIGTERM)
        end = time.monotonic() + STOP_SECONDS
        while _alive(state.pid, "hapi-local") and time.monotonic() < end:
            time.sleep(0.1)
        if _alive(state.pid, "hapi-local"):
            os.kill(state.pid, signal.SIGKILL)
    (place / "state.json").unlink(missing_ok=True)


def stop(home: Path | None = None) -> bool:
    """Stop the server that :func:`start` started; its data stay. False where none runs."""
    place = _home(home)
    with locked(place / "lock", wait_seconds=WAIT_SECONDS):
        state = _remembered(place)
        if state.running:
            _end(place, state)
        (place / "state.json").unlink(missing_ok=True)
        return state.running


def logs(lines: int = 100, home: Path | None = None) -> str:
    """The last lines of the log of the server that runs, or of the last one that Java ran."""
    place = _home(home)
    state = _remembered(place)
    return _log_of(place, state if state.running else ServerStatus(log=str(place / "server.log")), lines)


def reset(home: Path | None = None) -> None:
    """Stop the server and delete everything it stored: H2 files, containers and volumes, the log.

    A PostgreSQL that Java was pointed to is left alone.
    """
    place = _home(home)
    stop(home)
    if docker_answers():
        _docker(place, "down", "--volumes")
    with locked(place / "lock", wait_seconds=WAIT_SECONDS):
        for path in [*place.glob("h2*"), place / "server.log", place / "postgres-password", place / "port"]:
            path.unlink(missing_ok=True)
