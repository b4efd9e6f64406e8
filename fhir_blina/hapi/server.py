"""A HAPI FHIR server on this machine: start, stop, status, logs, reset.

Docker runs the official image with PostgreSQL where an engine answers and its images can be had. Elsewhere
Java runs such a server assembled from Maven artifacts, on H2 or on a PostgreSQL that is already there. Both
listen on 127.0.0.1 unless told otherwise, because they ask nobody for a password.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

from fhir_blina.errors import StoreRefused, StoreUnavailable
from fhir_blina.files import locked, write_whole
from fhir_blina.hapi import engines
from fhir_blina.hapi.engines import Progress
from fhir_blina.hapi.homes import PORT, home_of, ports_with_state

ADDRESS = "127.0.0.1"
WAIT_SECONDS = 180
STOP_SECONDS = 20

_log = logging.getLogger(__name__)


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


def answers(url: str) -> bool:
    """Whether a FHIR server gives its CapabilityStatement at this base URL."""
    try:
        with urllib.request.urlopen(f"{url}/metadata?_summary=true", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _host(address: str) -> str:
    """Where a server that listens at ``address`` is reached from here, as it stands in a URL."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        raise StoreRefused(f"{address} is not an IP address; give 127.0.0.1 or one of this machine") from None
    if ip.is_unspecified:
        return "127.0.0.1" if ip.version == 4 else "[::1]"
    return address if ip.version == 4 else f"[{address}]"


def _port_taken(host: str, port: int) -> bool:
    """Whether somebody listens there; a process that was just killed gets two seconds to let go."""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.settimeout(2)
            if probe.connect_ex((host.strip("[]"), port)) != 0:
                return False
        time.sleep(0.1)
    return True


def _remembered(home: Path) -> ServerStatus:
    """What the state file says, with ``running`` checked; nothing where its process is gone."""
    try:
        state = ServerStatus(**json.loads((home / "state.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return ServerStatus()
    if state.engine == "java":
        return state if engines.java_runs(state.pid) else ServerStatus()
    shown = engines.docker(home, "ps", "-q", "hapi", seconds=60)
    return state if shown.returncode == 0 and shown.stdout.strip() else ServerStatus()


def ports() -> list[int]:
    """The ports at which servers of ours run."""
    return [port for port in ports_with_state() if _remembered(home_of(port)).running]


def status(home: Path | None = None, port: int = PORT) -> ServerStatus:
    """The server that :func:`start` started at a port, if it still runs."""
    state = _remembered(home or home_of(port))
    if not state.running:
        return state
    return ServerStatus(**(asdict(state) | {"ready": answers(state.url)}))


def start(
    *,
    address: str = ADDRESS,
    port: int = PORT,
    database: str = "disk",
    engine: str = "auto",
    wait_seconds: float = WAIT_SECONDS,
    progress: Progress = _silent,
    home: Path | None = None,
) -> ServerStatus:
    """Start a server and wait until it is ready. One that already runs there is left as it is.

    Each port has a server and data of its own.

    An address that other machines can reach is logged as a warning: the server has no login.

    Args:
        address: IP address of this machine to listen at.
        port: There.
        database: For Java: ``disk`` (H2, kept between starts), ``memory`` (H2, gone at the end) or
            ``postgresql://user@host:port/name``, the password in ``PGPASSWORD``. Docker brings its own.
        engine: ``docker``, ``java``, or ``auto``: Docker where an engine answers, else Java.
        wait_seconds: How long it may take after it was built or downloaded.
        progress: Called as ``progress(step, seconds, wait_seconds)``.
        home: Where state, log and H2 database lie; None for the port's own folder in the cache.

    Raises:
        StoreRefused: the port is in use, by another program or by ours at another address, or an
            unknown engine or database.
        StoreUnavailable: it did not become ready; it was stopped again, and the message ends with the
            log's last errors.
        FhirBlinaError: neither Docker nor Java and Maven are there; says what to install.
    """
    if engine not in {"auto", "docker", "java"}:
        raise StoreRefused(f"{engine} is not an engine; give docker, java or auto")
    place = home or home_of(port)
    host = _host(address)
    url = f"http://{host}:{port}/fhir"
    if not ipaddress.ip_address(address).is_loopback:
        _log.warning(
            "the server at %s has no login and no encryption: anyone on the network can read and change "
            "the records in it",
            address,
        )
    with locked(place / "lock", wait_seconds=wait_seconds):
        state = _remembered(place)
        if state.running and state.url != url:
            raise StoreRefused(f"a server runs at {state.url} already. Stop it first, or use it")
        if not state.running:
            (place / "state.json").unlink(missing_ok=True)
            if _port_taken(host, port):
                raise StoreRefused(f"port {port} of {host} is in use by another program. Choose another")
            chosen = _chosen(engine, place, progress)
            if chosen == "docker":
                engines.start_docker(place, address, port, progress)
                state = ServerStatus(running=True, url=url, engine="docker", database="postgresql")
            else:
                pid, log = engines.start_java(place, address, port, database, progress)
                kind = "postgresql" if database.startswith("postgresql:") else database
                state = ServerStatus(
                    running=True, url=url, engine="java", database=kind, pid=pid, log=str(log)
                )
            write_whole(place / "state.json", json.dumps(asdict(state)))
        return _wait(place, state, wait_seconds, progress)


def _chosen(engine: str, place: Path, progress: Progress) -> str:
    """Docker where an engine answers and the images are here or can be had, else Java, saying why."""
    if engine == "java":
        return engine
    if not engines.docker_answers():
        if engine == "docker":
            raise StoreUnavailable("no Docker engine with Compose answers. Start it, or take --engine java")
        return "java"
    progress("looking for the images", 0, 0)
    if why := engines.no_images(place):
        if engine == "docker":
            raise StoreUnavailable(f"the images cannot be had: {why}")
        _log.warning("Docker answers, but its images cannot be had (%s); Java runs the server", why)
        return "java"
    return "docker"


def _wait(place: Path, state: ServerStatus, wait_seconds: float, progress: Progress) -> ServerStatus:
    try:
        _until_ready(place, state, wait_seconds, progress)
    except BaseException:
        _end(place, state)
        raise
    return ServerStatus(**(asdict(state) | {"ready": True}))


def _until_ready(place: Path, state: ServerStatus, wait_seconds: float, progress: Progress) -> None:
    begin = time.monotonic()
    while not answers(state.url):
        seconds = time.monotonic() - begin
        progress("waiting for the server", int(seconds), int(wait_seconds))
        if state.engine == "java" and not engines.java_runs(state.pid):
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
        return engines.docker(place, "logs", "--no-color", "--tail", str(lines)).stdout
    try:
        text = Path(state.log).read_text("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _end(place: Path, state: ServerStatus) -> None:
    if state.engine == "docker":
        engines.docker(place, "down")
    elif engines.java_runs(state.pid):
        os.kill(state.pid, signal.SIGTERM)
        end = time.monotonic() + STOP_SECONDS
        while engines.java_runs(state.pid) and time.monotonic() < end:
            time.sleep(0.1)
        if engines.java_runs(state.pid):
            os.kill(state.pid, signal.SIGKILL)
    (place / "state.json").unlink(missing_ok=True)


def stop(home: Path | None = None, port: int = PORT) -> bool:
    """Stop the server that :func:`start` started at a port; its data stay. False where none runs."""
    place = home or home_of(port)
    with locked(place / "lock", wait_seconds=WAIT_SECONDS):
        state = _remembered(place)
        if state.running:
            _end(place, state)
        (place / "state.json").unlink(missing_ok=True)
        return state.running


def logs(lines: int = 100, home: Path | None = None, port: int = PORT) -> str:
    """The last lines of the log of the server that runs at a port, or of the last one that Java ran."""
    place = home or home_of(port)
    state = _remembered(place)
    return _log_of(place, state if state.running else ServerStatus(log=str(place / "server.log")), lines)


def reset(home: Path | None = None, port: int = PORT) -> None:
    """Stop the server at a port and delete everything it stored: H2 files, containers and volumes, the log.

    A PostgreSQL that Java was pointed to is left alone.
    """
    place = home or home_of(port)
    stop(place)
    if engines.docker_answers():
        engines.docker(place, "--profile", "cli", "down", "--volumes")  # what the command line wrote, too
    with locked(place / "lock", wait_seconds=WAIT_SECONDS):
        for path in [*place.glob("h2*"), place / "server.log", place / "port"]:
            path.unlink(missing_ok=True)
        engines.password_file(place).unlink(missing_ok=True)
