"""The commands on a synthetic cohort in the shape of the published one: each its own task, ours alone."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.contenders import Answer, Contender, Ready, Task

SHAPE, SEED = "cjcp2023", 1


def command(*arguments: str) -> None:
    """Run a command in this process; anything but success ends the benchmark."""
    from fhir_blina.cli.parser import main

    code = main([*arguments, "--quiet"])
    if code:
        raise SystemExit(f"fhir-blina {' '.join(arguments)}: exit code {code}")


def made(folder: Path, patients: int) -> None:
    """The cohort, its resources in a folder store."""
    command("simulate", SHAPE, str(folder / "cohort"), "--patients", str(patients), "--seed", str(SEED))
    command("map", str(folder / "cohort"), "--out", str(folder))


def _doing(make: Callable[[Path, str], list[str]], files: str = "") -> Ready:
    """A command that writes into a folder of its own; ``files`` are those whose bytes are compared."""

    def ready(folder: Path) -> Callable[[], tuple[Path, str]]:
        out = tempfile.mkdtemp(dir=folder)

        def work() -> tuple[Path, str]:
            command(*make(folder, out))
            return Path(out), files

        return work

    return ready


def digests(done: tuple[Path, str]) -> Answer:
    """A digest of each file that was asked for; what the command wrote goes."""
    out, files = done
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.glob(files or "-"))
    }
    shutil.rmtree(out)
    return found


def _store(folder: Path) -> str:
    return str(folder / "fhir")


def _task(name: str, make: Callable[[Path, str], list[str]], files: str = "") -> Task:
    return Task(name, "patients", made, (Contender("fhir-blina", _doing(make, files)),), digests)


TASKS = (
    _task("map", lambda at, out: ["map", str(at / "cohort"), "--out", out], "fhir/*.ndjson"),
    _task("push again", lambda at, out: ["push", str(at / "cohort"), "--store", _store(at), "--out", out]),
    _task("pull", lambda at, out: ["pull", "--store", _store(at), "--out", out], "fhir/*.ndjson"),
    _task(
        "round trip", lambda at, out: ["roundtrip", str(at / "cohort"), "--store", _store(at), "--out", out]
    ),
    _task(
        "tables, Parquet",
        lambda at, out: ["tables", "--store", _store(at), "--format", "parquet", "--out", out],
    ),
    _task("analyze", lambda at, out: ["analyze", str(at / "cohort"), "--store", _store(at), "--out", out]),
)
