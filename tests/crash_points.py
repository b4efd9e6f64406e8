"""Run by tests as a process of its own: die by SIGKILL at one step after the other, then do it again whole.

``crash_points.py FOLDER``: pushes three patients, then for k = 1, 2, … a child pushes four others in their place
and is killed at its k-th fsync, rename or removal. After each kill the folder must be whole, old or new, and the
next push must bring it to the new state. Prints how many points there were.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from fhir_blina.r4 import R4
from fhir_blina.store import open_store
from fhir_blina.store.manifest import read_folder
from fhir_blina.store.replacing import recover
from tests.fake_fhir import ward

OLD, NEW = ward(3), ward(4)


def dying(step: int) -> None:
    """Replace what reaches the disk by what counts, and kills this process at ``step``."""
    count = 0

    def counted(function):
        def call(*arguments, **more):
            nonlocal count
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **more)

        return call

    for name in ("fsync", "rename", "replace", "rmdir"):
        setattr(os, name, counted(getattr(os, name)))


def keys(folder: Path) -> set[str]:
    return set(read_folder(folder, R4))


def main() -> None:
    place = Path(sys.argv[1])
    whole = {f"{one['resourceType']}/{one['id']}" for one in NEW}
    before = {f"{one['resourceType']}/{one['id']}" for one in OLD}
    step = 0
    while True:
        step += 1
        folder = place / str(step) / "fhir"
        open_store(folder).push(OLD, cohort="tiny")
        child = os.fork()
        if child == 0:
            dying(step)
            open_store(folder).push(NEW, cohort="tiny")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0, status
            break
        if folder.exists():
            assert keys(folder) in (before, whole), f"step {step}: neither old nor new"
        else:
            recover(folder)
            assert keys(folder) == before, f"step {step}: the old folder is lost"
        open_store(folder).push(NEW, cohort="tiny")
        assert keys(folder) == whole, f"step {step}: not the new state"
        assert not [path for path in folder.parent.iterdir() if path.name.endswith((".tmp", ".old"))], step
        shutil.rmtree(folder.parent)
    sys.stdout.write(f"{step - 1}\n")


main()
