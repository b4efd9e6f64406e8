"""Run by tests as a process of its own: kill a pull by SIGKILL at one step after the other, then pull again.

``pull_crash_points.py FOLDER search|export STRIDE``: for k = 1, 1 + STRIDE, … a child pulls and is killed at its
k-th write to the journal (before it, and when half of it is written), fsync, rename, removal or truncation. The
target must then be absent or whole; the next pull must complete it with the bytes of the folder store, leave
nothing behind, and not ask for a page or file again that is in the journal. Prints how many points were tried.
"""

from __future__ import annotations

import mmap
import os
import shutil
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from fhir_blina.r4 import R4
from fhir_blina.store import open_store
from fhir_blina.store.manifest import read_folder
from fhir_blina.store.rest.leftover import ABOUT, journal_of
from fhir_blina.store.rest.rest import RestStore
from tests.fake_fhir import FakeFhir, ward
from tests.fault_proxy import served

ASKED = mmap.mmap(-1, 8)  # pages and files that the server was asked for, shared by all processes


def asked() -> int:
    return int.from_bytes(ASKED[:8], "little")


def serve() -> str:
    """Start the server in a process of its own, so that this one has no threads when it forks."""
    reader, writer = os.pipe()
    parent = os.getpid()
    if os.fork():
        return os.read(reader, 200).decode()
    fake = FakeFhir(page=2)

    def watch(when, request) -> None:
        if when == "before" and any(
            word in str(request.url) for word in ("_count=1000", "_getpages", "Binary")
        ):
            ASKED[:8] = (asked() + 1).to_bytes(8, "little")
        if os.getppid() != parent:
            os._exit(0)

    with served(fake, watch) as url:
        RestStore(url).push(ward(2), cohort="tiny")
        for one in fake.held.values():  # long before the clock of this machine
            one["meta"]["lastUpdated"] = "2020-01-01T00:00:00Z"
        os.write(writer, url.encode())
        while os.getppid() == parent:
            signal.sigtimedwait([signal.SIGUSR1], 1)
        os._exit(0)


def dying(step: int) -> None:
    """Replace what reaches the disk by what counts, and kills this process at ``step``."""
    count = 0

    def point() -> None:
        nonlocal count
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(function):
        def call(*arguments, **more):
            point()
            return function(*arguments, **more)

        return call

    def halves(handle, data, where, real=os.pwrite):
        point()
        half = real(handle, data[: len(data) // 2], where)
        point()
        return half + real(handle, data[half:], where + half)

    os.pwrite = halves
    for name in ("fsync", "rename", "replace", "rmdir", "unlink", "mkdir", "ftruncate"):
        setattr(os, name, counted(getattr(os, name)))


def pulled(url: str, folder: Path, way: str, step: int = 0) -> int:
    """Pull in a child; the status of its end."""
    child = os.fork()
    if child == 0:
        if step:
            dying(step)
        RestStore(url, via=way, sleep=lambda _: None).pull(folder, cohort="tiny")
        os._exit(0)
    return os.waitpid(child, 0)[1]


def main() -> None:
    place, way, stride = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    url = serve()
    open_store(place / "reference").push(ward(2), cohort="tiny")
    names = {path.name: path.read_bytes() for path in (place / "reference").glob("*.ndjson")}
    assert pulled(url, place / "whole", way) == 0
    whole = asked()
    step, points = 1, 0
    while True:
        folder = place / str(step) / "fhir"
        before = asked()
        status = pulled(url, folder, way, step)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0, status
            break
        points += 1
        if folder.exists():
            assert len(read_folder(folder, R4)) == 11, f"step {step}: half a folder"
        kept = (journal_of(folder) / ABOUT).exists()
        assert pulled(url, folder, way) == 0, f"step {step}: the next pull failed"
        found = {path.name: path.read_bytes() for path in folder.glob("*.ndjson")}
        assert found == names, f"step {step}: not the same bytes"
        left = {path.name for path in folder.parent.iterdir()} - {"fhir", ".fhir.lock", ".fhir.journal.lock"}
        assert not left, f"step {step}: {left}"
        # what was not written when it died is asked for again: of pages one with the reader, two waiting for
        # it, and one with each of the two that fetch; or one file
        again = asked() - before - whole
        assert not kept or again <= (5 if way == "search" else 1), f"step {step}: {again} asked again"
        shutil.rmtree(folder.parent)
        step += stride
    sys.stdout.write(f"{points}\n")


main()
