"""An audit trail on request: who pushed, pulled or removed what, and when; ids as keyed hashes."""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fhir_blina.errors import FhirBlinaError
from fhir_blina.files import dumps, naming
from fhir_blina.store.contract import PullResult, PushResult, Resources, Store
from fhir_blina.store.manifest import now
from fhir_blina.store.sources import source_of


class Audited:
    """A store that writes a line before and a line after each push, pull and unload.

    A line is JSON: ``time``, ``user``, ``action``, ``store``, ``cohort``, ``state`` (``begun``, ``done`` or
    ``failed``), and at the end ``ids``: HMAC-SHA256 of each ``Type/id``. Where a line cannot be written,
    nothing is done. Everything else is the store's own.

    Args:
        store: The store.
        path: The trail; made if it is not there, only ever added to.
        key: Whoever has it can tell whether a given id is in the trail.
    """

    def __init__(self, store: Store, path: Path, key: bytes) -> None:
        self._store = store
        self._path = path
        self._key = key

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def push(self, resources: Resources, *, cohort: str, **more: Any) -> PushResult:
        """As the store's own; the ids are those that were sent."""
        resources = source_of(resources)
        with self._line("push", cohort) as ids:
            ids += [
                f"{one.get('resourceType')}/{one.get('id')}" for one in resources if isinstance(one, dict)
            ]
            return self._store.push(resources, cohort=cohort, **more)

    def pull(self, folder: Path, *, cohort: str | None = None, **more: Any) -> PullResult:
        """As the store's own; the ids are those that were fetched."""
        with self._line("pull", cohort) as ids:
            result = self._store.pull(folder, cohort=cohort, **more)
            ids += [f"{one['resourceType']}/{one['id']}" for one in result.resources()]
            return result

    def unload(self, cohort: str, **more: Any) -> dict[str, int]:
        """As the store's own; the ids are those that the store held of the cohort before."""
        with self._line("unload", cohort) as ids:
            ids.extend(self._store.held(cohort))
            return self._store.unload(cohort, **more)

    @contextmanager
    def _line(self, action: str, cohort: str | None) -> Iterator[list[str]]:
        ids: list[str] = []
        self._write(action, cohort, "begun", None)
        try:
            yield ids
        except BaseException as error:
            reason = type(error).__name__ if isinstance(error, FhirBlinaError) else "stopped"
            self._write(action, cohort, f"failed: {reason}", ids)
            raise
        self._write(action, cohort, "done", ids)

    def _write(self, action: str, cohort: str | None, state: str, ids: list[str] | None) -> None:
        line: dict[str, Any] = {
            "time": now(),
            "user": getpass.getuser(),
            "action": action,
            "store": self._store.location,
            "cohort": cohort,
            "state": state,
        }
        if ids is not None:
            line["ids"] = [hmac.new(self._key, one.encode(), hashlib.sha256).hexdigest() for one in ids]
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self._path, flags, 0o600)
        with naming(self._path), os.fdopen(handle, "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write((dumps(line) + "\n").encode())
            file.flush()
            os.fsync(file.fileno())
