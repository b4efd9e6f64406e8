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
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts import release

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


@pytest.mark.long
def test_the_installed_package_runs_from_any_directory(installed, tmp_path):
    done = fhir_blina(installed, tmp_path, "run", "cjcp2023")
    assert done.returncode == 0, done.stderr
    assert str(ROOT) not in done.stdout + done.stderr
    assert (tmp_path / "out" / "report.html").is_file()


def test_the_version_is_that_of_the_project(installed, tmp_path):
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    assert fhir_blina(installed, tmp_path, "--version").stdout == f"fhir-blina {version}\n"


def pins(lock: str) -> set[tuple[str, str, frozenset[str]]]:
    """Name as an index has it, version and checksums of each line of a lock.

    A package stands there twice where different versions of Python need different ones of it.
    """
    found = set()
    for line in (ROOT / lock).read_text("utf-8").replace("\\\n", " ").splitlines():
        if not line or line.lstrip().startswith("#"):
            continue
        pinned = re.match(r"([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([^ ;]+)", line)
        assert pinned, f"{lock}: not a pin: {line}"
        checksums = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})(?= |$)", line))
        assert checksums, f"{lock}: {pinned[1]} has no checksum"
        found.add((canonicalize_name(pinned[1]), pinned[2], checksums))
    return found


@pytest.mark.parametrize("lock", ["locks/run.txt", "locks/test.txt"])
def test_a_lock_pins_every_dependency_within_its_range_and_with_checksums(lock):
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    groups = project["dependency-groups"]
    wanted = project["project"]["dependencies"] + groups["build"]
    if lock == "locks/test.txt":
        wanted += groups["tests"] + groups["lint"]
    locked = pins(lock)
    for requirement in map(Requirement, wanted):
        versions = [version for name, version, _ in locked if name == canonicalize_name(requirement.name)]
        assert versions, requirement
        assert all(requirement.specifier.contains(version, prereleases=True) for version in versions)


def test_what_runs_is_what_the_tests_ran():
    assert pins("locks/run.txt") <= pins("locks/test.txt")


def test_an_audit_that_learns_nothing_fails():
    """Without ``--strict`` pip-audit passes where no package is found in its data."""
    workflow = (ROOT / ".github" / "workflows" / "ci.yaml").read_text()
    audits = re.findall(r"run: (pipx run pip-audit.*)", workflow)
    assert [line.split()[-1] for line in audits] == ["locks/run.txt", "locks/test.txt"]
    assert all("--strict" in line and "--require-hashes" in line for line in audits)


def test_the_bill_names_every_pinned_package_with_its_checksums(tmp_path):
    target = tmp_path / "sbom.json"
    script = [sys.executable, str(ROOT / "scripts" / "sbom.py"), str(target)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    bill = json.loads(target.read_text())
    billed = {
        (
            canonicalize_name(one["name"]),
            one["version"],
            frozenset(
                item["content"] for place in one["externalReferences"] for item in place.get("hashes", [])
            ),
        )
        for one in bill["components"]
    }
    assert billed == pins("locks/run.txt")
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "fhir-blina")
    first = target.read_bytes()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(first.decode()) is None
    subprocess.run(script, capture_output=True, check=True)
    assert target.read_bytes() == first


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_its_commit(workflow):
    """A tag can be moved to other code, a commit cannot."""
    used = re.findall(r"uses: (.*)", workflow.read_text("utf-8"))
    assert used
    for one in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v[0-9.]+", one), one


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_read_unless_it_says_what_it_writes(workflow):
    said = yaml.safe_load(workflow.read_text("utf-8"))
    assert said["permissions"] == {"contents": "read"}
    for name, job in said["jobs"].items():
        assert job["timeout-minutes"] <= 90, name
        more = {scope for scope, right in job.get("permissions", {}).items() if right == "write"}
        assert not more or workflow.stem == "release"
    text = workflow.read_text("utf-8")
    assert not re.search(r"run:.*\$\{\{ *github\.(?:event|head_ref|ref_name)", text), (
        "a name could be a command"
    )


def test_what_is_kept_up_to_date_is_there():
    """Dependabot passes over a folder without the file that it looks for."""
    kept = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text("utf-8"))["updates"]
    looked_for = {
        "github-actions": ".github/workflows/*.yaml",
        "pip": "*",
        "docker": "Dockerfile*",
        "maven": "pom.xml",
    }
    for entry in kept:
        for folder in entry.get("directories", [entry.get("directory")]):
            assert list((ROOT / folder.lstrip("/")).glob(looked_for[entry["package-ecosystem"]])), entry
    assert {entry["package-ecosystem"] for entry in kept} == set(looked_for)


@pytest.mark.parametrize(
    "template", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.stem
)
def test_an_issue_template_has_the_form_that_github_reads(template):
    said = yaml.safe_load(template.read_text("utf-8"))
    if template.stem == "config":
        assert said == {"blank_issues_enabled": True}
        return
    assert {"name", "description", "body"} <= set(said)
    fields = [field for field in said["body"] if field["type"] != "markdown"]
    assert all(field["type"] in {"input", "textarea"} and field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_a_tag_becomes_a_release_only_with_its_version_and_its_changes(tmp_path, capsys):
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    assert release.main("v999.0.0", tmp_path / "notes.md") == 1
    assert "the tag is v999.0.0" in capsys.readouterr().err
    text = "# Changelog\n## Unreleased\n### Added\n- new\n\n## 1.2.0 - 2026-01-01\n### Fixed\n- old\n\n## 1.1.0\n- older\n"
    assert release.notes_of("1.2.0", text) == "### Fixed\n- old"
    assert release.notes_of("1.1.0", text) == "- older"
    assert release.notes_of("1.2", text) == ""
    code = release.main(f"v{version}", tmp_path / "notes.md")
    released = bool(release.notes_of(version, (ROOT / "CHANGELOG.md").read_text("utf-8")))
    assert code == int(not released)
    assert (tmp_path / "notes.md").exists() == released
