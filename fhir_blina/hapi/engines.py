"""What runs a HAPI server on this machine: the official image in Docker, or a Java process."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from fhir_blina.errors import FhirBlinaError, StoreRefused, StoreUnavailable
from fhir_blina.files import write_whole
from fhir_blina.hapi import java

QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx1500m"
PULL_SECONDS = 1800
PASSWORD_VARIABLE = "PGPASSWORD"  # noqa: S105 - the name of a variable

Progress = Callable[[str, int, int], None]


def docker(
    place: Path, *arguments: str, address: str = "127.0.0.1", seconds: float = 600
) -> subprocess.CompletedProcess[str]:
    """Docker Compose over our file, with the password and port that ``place`` keeps.

    Args:
        place: Folder of the server's state.
        arguments: Of ``docker compose``.
        address: Of this machine, where the server is published.
        seconds: How long it may take.
    """
    compose = java.docker_folder() / "compose.yaml"
    port = place / "port"
    variables = {
        "FHIR_BLINA_PASSWORD_FILE": str(password_file(place).absolute()),
        "FHIR_BLINA_ADDRESS": address,
        "FHIR_BLINA_PORT": port.read_text("utf-8") if port.exists() else "8080",
    }
    command = ["docker", "compose", "-p", project_of(place), "-f", str(compose), *arguments]
    try:
        return subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=seconds, check=False, env=os.environ | variables
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer within {seconds:g} s")


def project_of(place: Path) -> str:
    """Compose's name for the containers and volumes of a server: its own for each folder of state."""
    if place == Path.home() / ".cache" / "fhir-blina" / "server":
        return "fhir-blina"
    return "fhir-blina-" + hashlib.sha256(os.fsencode(place.absolute())).hexdigest()[:12]


def password_file(place: Path) -> Path:
    """Where PostgreSQL's password lies, in a folder that nobody else on this machine can enter.

    The file itself can be read by everybody, because the servers in the containers are other users.
    """
    return place / "secret" / "postgres-password"


def _make_password(place: Path) -> None:
    secret = password_file(place)
    if not secret.exists():
        secret.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        secret.parent.chmod(0o700)
        write_whole(secret, os.urandom(24).hex())
        secret.chmod(0o644)


def no_images(place: Path) -> str:
    """Why the containers' images are neither here nor to be had; empty where they are here now."""
    _make_password(place)
    shown = docker(place, "config", "--images", seconds=60)
    if shown.returncode:
        return _last_words(shown)
    for image in shown.stdout.split():
        here = subprocess.run(  # noqa: S603
            ["docker", "image", "inspect", image],  # noqa: S607
            capture_output=True,
            check=False,
        )
        if here.returncode:
            pulled = docker(place, "pull", "--quiet", seconds=PULL_SECONDS)
            return _last_words(pulled) if pulled.returncode else ""
    return ""


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join(done.stderr.strip().splitlines()[-3:])


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


def java_runs(pid: int) -> bool:
    """Whether the process runs and is a server that we started, not a later process with its number."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return "hapi-local" in _command_of(pid)


def _command_of(pid: int) -> str:
    """The command line of a process: of Linux itself, which may have no ``ps``, else of ``ps``."""
    if Path("/proc/self/cmdline").exists():
        for pause in (0.0, 0.02, 0.2):  # it is empty for a moment while a process becomes another program
            time.sleep(pause)
            try:
                command = Path(f"/proc/{pid}/cmdline").read_text("utf-8", errors="replace")
            except OSError:
                break
            if command:
                return command
        return ""
    shown = subprocess.run(  # noqa: S603
        ["ps", "-ww", "-o", "command=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout


def start_docker(place: Path, address: str, port: int, progress: Progress) -> None:
    """Start the containers.

    Raises:
        StoreUnavailable: Docker says why not.
    """
    progress("starting containers", 0, 0)
    _make_password(place)
    write_whole(place / "port", str(port))
    done = docker(place, "up", "-d", "hapi", address=address, seconds=PULL_SECONDS)
    if done.returncode:
        docker(place, "down")
        raise StoreUnavailable(f"docker compose up failed: {_last_words(done)}")


def _database_settings(place: Path, database: str) -> dict[str, str]:
    if database == "memory":
        return {"SPRING_DATASOURCE_URL": "jdbc:h2:mem:hapi;DB_CLOSE_DELAY=-1"}
    if database == "disk":
        # A transaction is in the file before it is acknowledged (H2 would wait half a second), and what goes
        # wrong stands in the server's log alone, not in a second file with values in it.
        options = "DB_CLOSE_ON_EXIT=FALSE;WRITE_DELAY=0;TRACE_LEVEL_FILE=0"
        return {"SPRING_DATASOURCE_URL": f"jdbc:h2:file:{(place / 'h2').absolute()};{options}"}
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


def start_java(place: Path, address: str, port: int, database: str, progress: Progress) -> tuple[int, Path]:
    """Start the Java process; its number, and where its log lies.

    Raises:
        StoreRefused: an unknown database.
        FhirBlinaError: Java or Maven is missing; says what to install.
    """
    settings = _database_settings(place, database)
    if absent := java.missing():
        raise FhirBlinaError(
            f"neither Docker nor Java can run the server: {absent}. "
            f"Install Docker, or Java {java.JAVA_VERSION} and Maven"
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
            umask=0o077,  # the files of H2 hold patients' data
            env=os.environ | settings | {"SERVER_ADDRESS": address, "SERVER_PORT": str(port)},
        )
    finally:
        os.close(handle)
    process.returncode = 0  # it outlives this program; no warning that it still runs
    return process.pid, log.absolute()
