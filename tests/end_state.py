"""A blow during a push, and what must be true afterwards.

That is: each resource once, at version 1, and pulled as a folder has it.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from fhir_blina.store import open_store
from fhir_blina.store.rest.rest import RestStore
from tests.fake_fhir import resource


def patients(number: int, cohort: str = "tiny"):
    """Resources that refer to nothing."""
    return [resource("Patient", f"{cohort}-P{index}", cohort, gender="male") for index in range(number)]


def quick(url: str, **more) -> RestStore:
    """A store whose pauses are hundredths of what they are."""
    return RestStore(url, sleep=lambda seconds: time.sleep(min(seconds / 100, 0.05)), **more)


def lines_of(folder: Path) -> dict[str, bytes]:
    """The NDJSON files of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.ndjson"))}


def check_whole(store: RestStore, sent, cohort: str, tmp_path: Path) -> None:
    """Everything once, at version 1, and pulled as the folder store has it."""
    held = store.held(cohort)
    assert set(held) == {f"{one['resourceType']}/{one['id']}" for one in sent}
    assert {one["meta"]["versionId"] for one in held.values()} == {"1"}
    store.pull(tmp_path / "pulled", cohort=cohort)
    open_store(tmp_path / "reference").push(sent, cohort=cohort)
    assert lines_of(tmp_path / "pulled") == lines_of(tmp_path / "reference")


class Blow:
    """Progress of a push that strikes once, directly after so many resources were acknowledged.

    Attributes:
        acknowledged: How many were, when it struck.
    """

    def __init__(self, after: int, strike) -> None:
        self._after, self._strike = after, strike
        self._lock = threading.Lock()
        self.acknowledged = 0

    def __call__(self, step: str, done: int, total: int) -> None:
        with self._lock:
            if step == "push" and not self.acknowledged and done >= self._after:
                self.acknowledged = done
                self._strike()
