"""The pytest plugin as somebody else's project has it: installed from the wheel, in an environment of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


class Project:
    """The example of docs/, copied to an empty folder, with an environment into which the wheel is installed.

    What the project's own wheel does not bring is borrowed from the environment of these tests.
    """

    def __init__(self, place: Path) -> None:
        wheels, self.folder = place / "dist", place / "project"
        self._run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels, cwd=ROOT)
        self._run(sys.executable, "-m", "venv", "--without-pip", place / "env")
        self.python = place / "env" / "bin" / "python"
        (inside,) = (place / "env" / "lib").glob("python*/site-packages")
        (inside / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
        (wheel,) = wheels.glob("*.whl")
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet"]
        self._run(*pip, "--no-index", "--no-deps", "--ignore-installed", wheel)
        shutil.copytree(ROOT / "docs" / "example", self.folder)

    def _run(self, *command: object, cwd: Path | None = None) -> None:
        done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def pytest(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTEST_", "COV_", "COVERAGE_", "FHIR_BLINA_SERVER"))
        }
        return subprocess.run(
            [self.python, "-m", "pytest", "-W", "error", "-ra", "--durations=3", *arguments],
            cwd=self.folder,
            env=kept | environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("newcomer"))


def test_the_example_is_of_about_twenty_lines():
    lines = (ROOT / "docs" / "example" / "test_cohort.py").read_text().splitlines()
    assert len(lines) <= 25


@pytest.mark.long
def test_without_a_server_the_example_is_skipped_and_says_why(project, tmp_path):
    done = project.pytest(PATH=str(tmp_path), JAVA_HOME="", XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert "2 skipped" in done.stdout
    assert re.search(
        r"SKIPPED.*no FHIR server: FHIR_BLINA_SERVER names none, .*Java 17 .*missing", done.stdout
    )


@pytest.mark.long
def test_the_marker_leaves_out_what_needs_a_server(project):
    done = project.pytest("-m", "not fhir_server", "--strict-markers")
    assert done.returncode == 5
    assert "2 deselected" in done.stdout


@pytest.mark.long
def test_who_does_not_use_it_loads_nothing_of_it(project, tmp_path):
    test = tmp_path / "test_other.py"
    test.write_text(
        "import sys\n"
        "def test_other():\n"
        "    assert 'pytest_fhir_blina' in sys.modules\n"
        "    assert not [name for name in sys.modules if name.split('.')[0] == 'fhir_blina']\n"
    )
    done = project.pytest(str(test), "--rootdir", str(tmp_path))
    assert done.returncode == 0, done.stdout


def total(url: str) -> bytes:
    request = urllib.request.Request(f"{url}/Patient?_summary=count", headers={"Cache-Control": "no-cache"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return re.search(rb'"total":\s*(\d+)', answer.read())[1]


@pytest.mark.long
def test_a_server_that_is_named_and_does_not_answer_fails_the_tests(project):
    done = project.pytest(FHIR_BLINA_SERVER="http://127.0.0.1:9/fhir", FHIR_BLINA_SERVER_WAIT="0")
    assert done.returncode == 1, done.stdout
    assert "FHIR_BLINA_SERVER: nothing answers at http://127.0.0.1:9/fhir/metadata" in done.stdout


@pytest.mark.hapi
def test_the_example_passes_against_a_server_that_is_there_and_leaves_it_as_it_was(project, hapi_server):
    before = total(hapi_server)
    done = project.pytest("-n", "2", FHIR_BLINA_SERVER=hapi_server)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert total(hapi_server) == before


@pytest.mark.hapi
@pytest.mark.usefixtures("hapi_server")  # which has built what Java starts
def test_the_example_starts_one_server_for_two_workers_and_stops_it(project, tmp_path):
    done = project.pytest("-n", "2", TMPDIR=str(tmp_path), PYTEST_DEBUG_TEMPROOT=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert list(tmp_path.glob("fhir-blina-*")) == []
    assert subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, check=False).stdout == b""


def test_the_guide_shows_the_example_as_it_is():
    guide = (ROOT / "docs" / "testing.md").read_text("utf-8")
    example = (ROOT / "docs" / "example" / "test_cohort.py").read_text("utf-8")
    assert f"```python\n{example}```" in guide


def test_the_guide_and_the_workflow_take_the_image_of_compose():
    compose = (ROOT / "docker" / "compose.yaml").read_text("utf-8")
    image = re.search(r"hapiproject/hapi:[\w.-]+", compose)[0]
    for path in ("docs/testing.md", ".github/workflows/example.yaml"):
        assert re.findall(r"image: (hapiproject/hapi:[\w.-]+)", (ROOT / path).read_text("utf-8")) == [image]
