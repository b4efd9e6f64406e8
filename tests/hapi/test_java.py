from __future__ import annotations

import stat

import pytest

from fhir_blina.errors import FhirBlinaError
from fhir_blina.hapi import java


def program(folder, name, text):
    path = folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A cache, a ``docker/`` and a search path of our own, with an obedient Java."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{bin_folder}:/usr/bin:/bin")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    sources = tmp_path / "docker" / "hapi-local"
    (sources / "src").mkdir(parents=True)
    (sources / "pom.xml").write_text("<project/>")
    monkeypatch.setattr(java, "docker_folder", lambda: tmp_path / "docker")
    program(bin_folder, "java", "echo 'openjdk version \"21.0.1\" 2026-01-01' >&2\n")
    program(bin_folder, "mvn", "echo built >> ../../built.txt; mkdir target; touch target/hapi-local.jar\n")
    return tmp_path


def test_a_second_request_builds_nothing(home):
    said = []
    first = java.built("hapi-local", say=said.append)
    assert java.built("hapi-local", say=said.append) == first
    assert first.is_file()
    assert len(said) == 1


def test_changed_sources_build_beside_the_old(home):
    first = java.built("hapi-local")
    (home / "docker" / "hapi-local" / "pom.xml").write_text("<project> </project>")
    second = java.built("hapi-local")
    assert first != second
    assert first.is_file()


def test_a_failed_build_leaves_only_its_log(home):
    program(home / "bin", "mvn", "echo '[ERROR] no such artifact'; exit 1\n")
    with pytest.raises(FhirBlinaError, match="no such artifact"):
        java.built("hapi-local")
    left = sorted(path.name for path in (home / "cache" / "fhir-blina" / "java").iterdir())
    assert left == ["hapi-local.lock", "hapi-local.log"]


def test_an_old_java_is_named(home):
    program(home / "bin", "java", "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    assert java.missing().endswith("is older than Java 17")


def test_no_java_says_what_to_install(home, monkeypatch):
    monkeypatch.setattr(java, "java_command", lambda: "")
    with pytest.raises(FhirBlinaError, match="apt-get install default-jdk"):
        java.built("hapi-local")


def test_java_home_comes_first(home, monkeypatch):
    (home / "bin" / "bin").mkdir()
    program(home / "bin" / "bin", "java", "")
    monkeypatch.setenv("JAVA_HOME", str(home / "bin"))
    assert java.java_command() == str(home / "bin" / "bin" / "java")
