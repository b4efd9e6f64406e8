"""The containers of docker/compose.yaml, started for real by a Docker engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from fhir_blina.hapi import engines, server
from tests.hapi_server import free_port, need_docker

pytestmark = pytest.mark.docker

PATIENTS = 6  # of the paper


class Containers:
    """A server that the command line started, with a cache folder of its own, and the cohort in it."""

    def __init__(self, cache: Path) -> None:
        self.cache, self.port = cache, free_port()
        self.home = cache / "fhir-blina" / f"server-{self.port}"
        self.url = f"http://127.0.0.1:{self.port}/fhir"

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "fhir_blina", "server", *arguments],
            env=os.environ | {"XDG_CACHE_HOME": str(self.cache)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> str:
        return self.command(
            "start", "--quiet", "--engine", "docker", "--port", str(self.port), "--wait", "400"
        )

    def compose(self, *arguments: str) -> str:
        done = engines.docker(self.home, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def inspected(self) -> dict[str, dict]:
        """What ``docker inspect`` says, by service."""
        ids = self.compose("ps", "-q").split()
        shown = subprocess.run(["docker", "inspect", *ids], capture_output=True, text=True, check=True)
        return {
            one["Config"]["Labels"]["com.docker.compose.service"]: one for one in json.loads(shown.stdout)
        }

    def count(self, kind: str) -> int:
        request = urllib.request.Request(
            f"{self.url}/{kind}?_summary=count", headers={"Cache-Control": "no-cache"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["total"]


@pytest.fixture(scope="module")
def containers(tmp_path_factory):
    need_docker()
    ours = Containers(tmp_path_factory.mktemp("cache"))
    patch = pytest.MonkeyPatch()
    patch.setenv("FHIR_BLINA_JAVA_OPTIONS", engines.QUICK_START)  # for all: a change makes new containers
    try:
        ours.started = ours.start()
        ours.ran = ours.compose(
            "run", "--rm", "-T", "cli", "run", "cjcp2023", "--store", "http://hapi:8080/fhir", "--out", "out"
        )
        yield ours
    finally:
        server.reset(ours.home)
        patch.undo()


def test_start_waits_until_the_server_answers(containers):
    assert containers.started.strip() == f"ready {containers.url} docker postgresql"
    assert containers.command("status").strip() == containers.started.strip()
    assert containers.start() == containers.started  # what runs is left as it is


def test_the_logs_are_the_server_s(containers):
    assert len(containers.command("logs").splitlines()) > 10
    assert "postgresql" in server.logs(5000, home=containers.home)  # its database is not one in memory


def test_the_command_line_s_container_runs_the_cohort_against_the_server(containers):
    assert ", 0 lost" in containers.ran
    assert "report: out/report.html" in containers.ran
    assert containers.count("Patient") == PATIENTS


def test_nothing_listens_but_the_server_and_it_on_this_machine_alone(containers):
    bound = {
        service: [(place["HostIp"], place["HostPort"]) for places in ports.values() for place in places or []]
        for service, ports in (
            (service, one["NetworkSettings"]["Ports"]) for service, one in containers.inspected().items()
        )
    }
    assert bound == {"hapi": [("127.0.0.1", str(containers.port))], "postgres": []}


@pytest.mark.parametrize("service", ["hapi", "postgres"])
def test_a_container_has_a_read_only_root_and_no_rights(containers, service):
    one = containers.inspected()[service]
    assert one["HostConfig"]["ReadonlyRootfs"]
    process = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{one['State']['Pid']}/status").read_text().splitlines()
        if ":\t" in line
    )
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(process[kind], 16) == 0
    assert process["NoNewPrivs"] == "1"
    assert "0" not in process["Uid"].split()


@pytest.mark.parametrize("service", ["hapi", "postgres"])
def test_nothing_can_be_written_but_what_is_meant_to_be(containers, service):
    mounts = Path(f"/proc/{containers.inspected()[service]['State']['Pid']}/mountinfo").read_text()
    root = next(line for line in mounts.splitlines() if line.split()[4] == "/")
    assert root.split()[5].split(",")[0] == "ro"


def test_the_password_is_in_no_container_s_description(containers):
    password = engines.password_file(containers.home).read_text()
    assert len(password) == 48
    described = containers.inspected()
    assert set(described) == {"hapi", "postgres"}
    assert password not in json.dumps(described)
    for one in described.values():
        assert password.encode() not in Path(f"/proc/{one['State']['Pid']}/environ").read_bytes()


def test_the_database_asks_for_the_password(containers):
    ask = (
        "exec",
        "-T",
        "-e",
        "PGPASSWORD=wrong",
        "postgres",
        "psql",
        "-h",
        "postgres",
        "-U",
        "hapi",
        "-c",
        "",
    )
    done = engines.docker(containers.home, *ask)
    assert done.returncode == 2
    assert "password authentication failed" in done.stderr


def test_the_image_s_own_check_says_that_it_is_well(containers):
    end = time.monotonic() + 60
    while (health := containers.inspected()["hapi"]["State"]["Health"]["Status"]) != "healthy":
        assert time.monotonic() < end, health
        time.sleep(1)


@pytest.mark.parametrize("service", ["hapi", "postgres"])
def test_a_killed_container_comes_back_with_what_was_acknowledged(containers, service):
    one = containers.inspected()[service]
    os.kill(one["State"]["Pid"], signal.SIGKILL)
    end = time.monotonic() + 500
    while True:
        now = containers.inspected().get(service)
        if now and now["RestartCount"] > one["RestartCount"] and now["State"]["Running"]:
            break
        assert time.monotonic() < end
        time.sleep(1)
    while True:
        try:
            assert containers.count("Patient") == PATIENTS
        except OSError:
            assert time.monotonic() < end
            time.sleep(1)
        else:
            break


def test_stored_records_survive_stop_and_start(containers):
    before = {kind: containers.count(kind) for kind in ("Patient", "Observation", "Condition")}
    containers.command("stop")
    assert containers.compose("ps", "-q", "--all") == ""
    assert not server.status(containers.home).running
    containers.start()
    assert {kind: containers.count(kind) for kind in before} == before
    assert before["Patient"] == PATIENTS


def test_reset_leaves_no_container_and_no_volume(containers):
    containers.command("reset")
    project = f"label=com.docker.compose.project={engines.project_of(containers.home)}"
    for kind in (["ps", "--all"], ["volume", "ls"], ["network", "ls"]):
        shown = subprocess.run(
            ["docker", *kind, "--quiet", "--filter", project], capture_output=True, text=True, check=True
        )
        assert shown.stdout == ""
    containers.start()
    assert containers.count("Patient") == 0
