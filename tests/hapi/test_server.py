"""The server's life with an obedient stand-in for Java; the real one is in test_store_contract."""

from __future__ import annotations

import itertools
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from fhir_blina.cli.parser import main
from fhir_blina.errors import FhirBlinaError, StoreRefused, StoreUnavailable
from fhir_blina.hapi import engines, java, server

STAND_IN = """
import http.server, os, sys, time
mode = os.environ.get("STAND_IN", "")
print("ERROR HikariPool no such database" if mode == "dies" else "starting", flush=True)
if mode == "dies":
    sys.exit(1)
if mode == "hangs":
    time.sleep(600)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["SPRING_DATASOURCE_URL"].encode())
    def log_message(self, *_): pass
http.server.HTTPServer((os.environ["SERVER_ADDRESS"], int(os.environ["SERVER_PORT"])), Answer).serve_forever()
"""


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def home(tmp_path, monkeypatch):
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    program = tmp_path / "java"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(java, "missing", lambda: "")
    monkeypatch.setattr(java, "java_command", lambda: str(program))
    monkeypatch.setattr(java, "built", lambda name, say=None: tmp_path / name / f"{name}.jar")
    monkeypatch.setattr(engines, "docker_answers", lambda: False)
    place = tmp_path / "home"
    yield place
    server.stop(place)


def test_start_status_logs_stop(home, port):
    seen = []
    started = server.start(port=port, home=home, progress=lambda *step: seen.append(step))
    assert started.ready
    assert started.url == f"http://127.0.0.1:{port}/fhir"
    assert started.engine == "java"
    assert server.status(home) == started
    assert "starting" in server.logs(home=home)
    assert any(step == "waiting for the server" for step, _, _ in seen)
    assert server.stop(home) is True
    assert server.status(home) == server.ServerStatus()
    assert server.stop(home) is False
    assert "starting" in server.logs(home=home)


def test_a_second_start_leaves_the_first_alone(home, port):
    first = server.start(port=port, home=home)
    assert server.start(port=port, home=home).pid == first.pid
    with pytest.raises(StoreRefused, match=r"runs at .* already"):
        server.start(port=port + 1, home=home)


def test_a_port_in_use_is_refused(home, port):
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(StoreRefused, match=f"port {port} .* in use"):
            server.start(port=port, home=home)
    assert not server.status(home).running


def test_nobody_is_warned_of_a_server_for_this_machine(home, port, caplog):
    server.start(port=port, home=home)
    assert caplog.records == []


def test_a_server_that_others_can_reach_warns(home, port, caplog):
    started = server.start(address="0.0.0.0", port=port, home=home)
    assert started.url == f"http://127.0.0.1:{port}/fhir"
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "anyone on the network can read and change the records" in record.getMessage()


@pytest.mark.parametrize(
    ("address", "host"),
    [("10.0.0.7", "10.0.0.7"), ("::1", "[::1]"), ("::", "[::1]"), ("0.0.0.0", "127.0.0.1")],
)
def test_an_address_is_reached_at(address, host):
    assert server._host(address) == host


@pytest.mark.parametrize("address", ["", "localhost", "example.org", "127.0.0.1:8080"])
def test_what_is_no_address_is_refused(home, port, address):
    with pytest.raises(StoreRefused, match="not an IP address"):
        server.start(address=address, port=port, home=home)


def test_the_command_line_says_that_others_can_reach_it(home, port, monkeypatch, tmp_path):
    """On stderr, whatever is asked of it; the state of the server on stdout."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    code = (
        "import sys\n"
        "from fhir_blina.hapi import engines\n"
        "from fhir_blina.hapi import java\n"
        "from fhir_blina.cli.parser import main\n"
        "java.missing, java.java_command = (lambda: ''), (lambda: sys.argv[1])\n"
        "java.built = lambda *_, **__: 'hapi-local.jar'\n"
        "engines.docker_answers = lambda: False\n"
        "main(['server', 'start', '--quiet', '--address', '0.0.0.0', '--port', sys.argv[2]])\n"
        "main(['server', 'stop', '--quiet'])\n"
    )
    program = java.java_command()
    done = subprocess.run(
        [sys.executable, "-c", code, program, str(port)], capture_output=True, text=True, check=False
    )
    assert done.stderr.count("anyone on the network") == 1
    assert done.stdout.startswith("ready http://127.0.0.1:")


def test_a_crash_is_cleaned_up(home, port):
    first = server.start(port=port, home=home)
    os.kill(first.pid, signal.SIGKILL)
    time.sleep(0.3)
    assert not server.status(home).running
    assert server.start(port=port, home=home).pid != first.pid


def test_another_process_with_the_same_number_is_not_ours(home, port):
    first = server.start(port=port, home=home)
    server.stop(home)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        text = (
            '{"running": true, "ready": true, "url": "http://127.0.0.1:1/fhir", "engine": "java",'
            f' "database": "disk", "pid": {stranger.pid}, "log": ""}}'
        )
        (home / "state.json").write_text(text)
        assert not server.status(home).running
        assert server.stop(home) is False
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
    assert first.ready


def test_a_server_that_dies_is_explained(home, port, monkeypatch):
    monkeypatch.setenv("STAND_IN", "dies")
    with pytest.raises(StoreUnavailable, match=r"ended while starting(.|\n)*HikariPool"):
        server.start(port=port, home=home)
    assert not (home / "state.json").exists()


def test_a_server_that_hangs_is_stopped(home, port, monkeypatch):
    monkeypatch.setenv("STAND_IN", "hangs")
    with pytest.raises(StoreUnavailable, match="not ready after 1 s"):
        server.start(port=port, home=home, wait_seconds=1)
    assert server.status(home) == server.ServerStatus()


@pytest.mark.parametrize(
    ("database", "address"),
    [
        ("memory", "jdbc:h2:mem:hapi;DB_CLOSE_DELAY=-1"),
        ("postgresql://anna@db.example:5433/fhir", "jdbc:postgresql://db.example:5433/fhir"),
    ],
)
def test_the_database_is_named(home, port, database, address):
    import urllib.request

    url = server.start(port=port, home=home, database=database).url
    with urllib.request.urlopen(url) as answer:
        assert answer.read().decode() == address


@pytest.mark.parametrize(
    "database", ["oracle", "postgresql://anna:secret@host/fhir", "postgresql://host/fhir"]
)
def test_an_unknown_database_is_refused(home, port, database):
    with pytest.raises(StoreRefused, match="PGPASSWORD") as caught:
        server.start(port=port, home=home, database=database)
    assert "secret" not in str(caught.value)


def test_an_unknown_engine_is_refused(home, port):
    with pytest.raises(StoreRefused, match="not an engine"):
        server.start(port=port, home=home, engine="podman")


def test_nothing_installed_says_what_to_install(home, port, monkeypatch):
    monkeypatch.setattr(java, "missing", lambda: "Maven is missing")
    with pytest.raises(FhirBlinaError, match="Install Docker, or Java 17 and Maven"):
        server.start(port=port, home=home)


def test_reset_deletes_what_was_stored(home, port):
    server.start(port=port, home=home)
    (home / "h2.mv.db").write_text("patients")
    server.reset(home)
    assert sorted(path.name for path in home.iterdir()) == ["lock"]
    assert server.logs(home=home) == ""


def test_the_log_is_private(home, port):
    started = server.start(port=port, home=home)
    assert stat.S_IMODE(Path(started.log).stat().st_mode) == 0o600


def test_docker_is_taken_where_an_engine_answers(home, port, monkeypatch):
    calls = []

    def run(command, **options):
        calls.append((command, options.get("env") or {}))
        return subprocess.CompletedProcess(command, 0, stdout="abc\n", stderr="")

    monkeypatch.setattr(engines, "docker_answers", lambda: True)
    monkeypatch.setattr(engines.subprocess, "run", run)
    monkeypatch.setattr(server, "answers", lambda url: bool(calls))
    started = server.start(port=port, home=home)
    assert started.engine == "docker"
    assert started.database == "postgresql"
    up, variables = next(call for call in calls if "up" in call[0])
    assert up[:3] == ["docker", "compose", "-p"]
    assert up[3].startswith("fhir-blina-")  # of its own, beside the server of whoever runs the tests
    assert up[-3:] == ["up", "-d", "hapi"]
    assert variables["FHIR_BLINA_PORT"] == str(port)
    secret = home / "secret" / "postgres-password"
    assert variables["FHIR_BLINA_PASSWORD_FILE"] == str(secret)
    password = secret.read_text()
    assert len(password) == 48
    assert password not in str(calls)  # neither an argument nor in the environment
    assert stat.S_IMODE(secret.parent.stat().st_mode) == 0o700  # the containers' users read it, nobody here
    assert server.status(home).running
    assert server.stop(home) is True
    assert calls[-1][0][-1] == "down"


@pytest.mark.parametrize("engine", ["auto", "docker"])
def test_without_images_java_runs_the_server_and_says_so(home, port, monkeypatch, caplog, engine):
    def run(command, **options):
        failed = "pull" in command or "image" in command
        return subprocess.CompletedProcess(command, int(failed), stdout="an/image:1\n", stderr="no such host")

    monkeypatch.setattr(engines, "docker_answers", lambda: True)
    monkeypatch.setattr(engines.subprocess, "run", run)
    if engine == "docker":
        with pytest.raises(StoreUnavailable, match="images cannot be had: no such host"):
            server.start(port=port, home=home, engine=engine)
        return
    assert server.start(port=port, home=home, engine=engine).engine == "java"
    (record,) = caplog.records
    assert "images cannot be had (no such host); Java runs the server" in record.getMessage()


def test_docker_without_an_engine_is_refused(home, port):
    with pytest.raises(StoreUnavailable, match="no Docker engine"):
        server.start(port=port, home=home, engine="docker")


def test_compose_binds_to_this_machine_and_pins_what_it_runs():
    compose = yaml.safe_load((java.docker_folder() / "compose.yaml").read_text())
    services = compose["services"]
    assert [name for name in services if "ports" in services[name]] == ["hapi"]
    assert services["hapi"]["ports"] == ["${FHIR_BLINA_ADDRESS:-127.0.0.1}:${FHIR_BLINA_PORT:-8080}:8080"]
    pinned = re.compile(r"\$\{FHIR_BLINA_\w+_IMAGE:-[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}\}")
    assert pinned.fullmatch(services["hapi"]["image"])
    assert pinned.fullmatch(services["postgres"]["image"])
    base = services["cli"]["build"]["args"]["PYTHON_IMAGE"]
    assert pinned.fullmatch(base)
    dockerfile = (java.docker_folder() / "Dockerfile").read_text()
    assert f"ARG PYTHON_IMAGE={base.removesuffix('}').split(':-')[1]}\n" in dockerfile
    assert services["cli"]["depends_on"] == {"hapi": {"condition": "service_healthy"}}


def test_each_setting_of_hapi_has_its_reason():
    lines = (java.docker_folder() / "hapi.yaml").read_text().splitlines()
    inside = lines[lines.index("hapi:") + 2 :]
    bare = [
        line.strip()
        for before, line in itertools.pairwise(inside)
        if ":" in line and "#" not in line and "#" not in before and not line.rstrip().endswith(":")
    ]
    assert bare == []


@pytest.fixture
def ports(home, monkeypatch, tmp_path):
    """Two free ports, and a cache of their own for the servers there."""
    monkeypatch.setattr(java, "cache_folder", lambda: tmp_path / "cache")
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        chosen = [one.getsockname()[1], other.getsockname()[1]]
    yield chosen
    for port in chosen:
        server.stop(port=port)


def test_each_port_has_a_server_and_data_of_its_own(ports):
    first, second = (server.start(port=port) for port in ports)
    assert (first.ready, second.ready) == (True, True)
    assert first.pid != second.pid
    databases = {urllib.request.urlopen(f"{one.url}/metadata").read() for one in (first, second)}
    assert len(databases) == 2
    assert server.ports() == sorted(ports)
    assert server.start(port=ports[0]).pid == first.pid
    assert server.stop(port=ports[0]) is True
    assert server.status(port=ports[1]).ready
    assert server.ports() == [ports[1]]


def test_the_command_means_the_only_server_and_asks_which_of_several(ports, capsys):
    for port in ports:
        server.start(port=port)
    assert main(["server", "status"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["server", "stop"]) == 4
    assert (
        f"servers run at ports {min(ports)}, {max(ports)}. Say which one by --port" in capsys.readouterr().err
    )
    assert main(["server", "stop", "--port", str(ports[0])]) == 0
    assert main(["server", "status"]) == 0
    assert f":{ports[1]}/fhir" in capsys.readouterr().out
    assert main(["server", "stop"]) == 0
    assert server.ports() == []
