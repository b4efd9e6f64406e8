"""What pip installs carries all that a run needs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The wheel, built and unpacked as pip does it."""
    built = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = built.glob("*.whl")
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def fhir_blina(installed: Path, where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # an empty home, but for the list of fonts that matplotlib keeps in a cache
    caches = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    environment = {**os.environ, "PYTHONPATH": str(installed), "HOME": str(where), "XDG_CACHE_HOME": caches}
    environment.pop("COVERAGE_PROCESS_START", None)
    return subprocess.run(
        [sys.executable, "-P", "-W", "error", "-m", "fhir_blina", *arguments],
        cwd=where,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_carries_mappings_and_the_local_server(installed):
    package = installed / "fhir_blina"
    assert (package / "mappings" / "cohorts" / "cjcp2023" / "cohort.yaml").is_file()
    assert (package / "mappings" / "schemas" / "template.schema.json").is_file()
    assert list((package / "mappings" / "views").glob("*.json"))
    assert (package / "docker" / "compose.yaml").is_file()
    assert (package / "py.typed").is_file()


def test_the_installed_package_runs_from_any_directory(installed, tmp_path):
    done = fhir_blina(installed, tmp_path, "run", "cjcp2023")
    assert done.returncode == 0, done.stderr
    assert str(ROOT) not in done.stdout + done.stderr
    assert (tmp_path / "out" / "report.html").is_file()


def test_the_version_is_that_of_the_project(installed, tmp_path):
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    assert fhir_blina(installed, tmp_path, "--version").stdout == f"fhir-blina {version}\n"


def test_both_locks_pin_every_dependency_with_hashes():
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    names = [entry.split(">")[0].split("<")[0].lower() for entry in project["project"]["dependencies"]]
    for lock in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / lock).read_text("utf-8")
        entries = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert all("==" in line for line in entries)
        assert text.count("--hash=sha256:") >= len(entries)
        pinned = {line.split("==")[0].split("[")[0].lower().replace("_", "-") for line in entries}
        for name in names:
            assert name.replace("_", "-").replace(".", "-") in {one.replace(".", "-") for one in pinned}


def test_the_bill_names_every_pinned_package_with_its_checksums(tmp_path):
    target = tmp_path / "sbom.json"
    script = [sys.executable, str(ROOT / "scripts" / "sbom.py"), str(target)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    bill = json.loads(target.read_text())
    lines = (ROOT / "requirements.txt").read_text().replace("\\\n", " ").splitlines()
    pinned = {}
    for line in lines:
        if found := re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line):
            pinned[found[1], found[2]] = set(re.findall(r"sha256:([0-9a-f]{64})", line))
    assert pinned
    billed = {
        (one["name"], one["version"]): {
            item["content"] for place in one["externalReferences"] for item in place["hashes"]
        }
        for one in bill["components"]
    }
    assert billed == pinned
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "fhir-blina")
    first = target.read_bytes()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(first.decode()) is None
    subprocess.run(script, capture_output=True, check=True)
    assert target.read_bytes() == first
