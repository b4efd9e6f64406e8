"""The project's Java programs: built with Maven once, kept in the cache, found again by their sources.

Two exist, under ``docker/``: ``hapi-validator`` and ``hapi-local``.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from fhir_blina.errors import FhirBlinaError
from fhir_blina.files import locked

JAVA_VERSION = 17
BUILD_SECONDS = 1200

Say = Callable[[str], None]


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/fhir-blina`` or ``~/.cache/fhir-blina``."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "fhir-blina"


def docker_folder() -> Path:
    """The folder ``docker/`` of this installation: inside the package, or beside it in a checkout."""
    here = Path(__file__).resolve().parents[1]
    for folder in (here / "docker", here.parent / "docker"):
        if (folder / "hapi-local").is_dir():
            return folder
    raise FhirBlinaError(f"{here}: the installation has no folder docker/. Install fhir-blina again")


def java_command() -> str:
    """The ``java`` of ``JAVA_HOME``, else of the path; empty where there is none."""
    home = os.environ.get("JAVA_HOME")
    if home and (Path(home) / "bin" / "java").is_file():
        return str(Path(home) / "bin" / "java")
    return shutil.which("java") or ""


def missing() -> str:
    """What has to be installed before a Java program can be built; empty when nothing."""
    java = java_command()
    if not java:
        return f"Java {JAVA_VERSION} or newer is missing (Debian: apt-get install default-jdk-headless maven)"
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    found = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    if found is None or int(found[1]) < JAVA_VERSION:
        return f"{java} is older than Java {JAVA_VERSION}"
    if not shutil.which("mvn"):
        return "Maven is missing (Debian: apt-get install maven)"
    return ""


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and inside.parts[0] in {"pom.xml", "src"}:
            digest.update(str(inside).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def built(name: str, *, say: Say | None = None) -> Path:
    """The jar of ``docker/<name>``, built on first use.

    A change of its sources builds anew, beside the old one. A build that fails leaves nothing behind
    but its log. Two processes that ask at once build once.

    Args:
        name: ``hapi-validator`` or ``hapi-local``.
        say: Told, in a sentence, when a build starts.

    Raises:
        FhirBlinaError: Java or Maven is missing, or the build failed; names the log.
    """
    source = docker_folder() / name
    home = cache_folder() / "java"
    target = home / f"{name}-{_digest(source)}"
    jar = target / f"{name}.jar"
    if jar.is_file():
        return jar
    with locked(home / f"{name}.lock", wait_seconds=BUILD_SECONDS):
        if jar.is_file():
            return jar
        if absent := missing():
            raise FhirBlinaError(f"{name} cannot be built: {absent}")
        if say:
            say(f"building {name} with Maven, once; the first time it downloads its libraries")
        with tempfile.TemporaryDirectory(dir=home, prefix=f".{name}-") as folder:
            work = Path(folder)
            shutil.copy(source / "pom.xml", work)
            shutil.copytree(source / "src", work / "src")
            _package(work, home / f"{name}.log")
            (work / "target").rename(target)
    return jar


def _package(work: Path, log: Path) -> None:
    command = [str(shutil.which("mvn")), "-B", "-ntp", "package"]
    with log.open("w", encoding="utf-8") as file:
        try:
            done = subprocess.run(  # noqa: S603
                command, cwd=work, stdout=file, stderr=subprocess.STDOUT, timeout=BUILD_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise FhirBlinaError(f"the Maven build took longer than {BUILD_SECONDS} s; see {log}") from None
    if done.returncode:
        errors = [line for line in log.read_text("utf-8", "replace").splitlines() if "[ERROR]" in line]
        raise FhirBlinaError(f"the Maven build failed; see {log}\n" + "\n".join(errors[:5]))
