"""Bulk Data ``$export``: start it, wait for it, fetch its files into the journal."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import urlencode, urlsplit

from fhir_blina.errors import StoreError, StoreIncomplete, StoreInconsistent, StoreRefused, StoreUnavailable
from fhir_blina.files import MAX_LINE_BYTES, Resource, loads, naming
from fhir_blina.http import Origin, origin_of
from fhir_blina.store.contract import as_stored, belongs_to
from fhir_blina.store.replacing import line_of
from fhir_blina.store.rest.elsewhere import Files
from fhir_blina.store.rest.fetching import Fetcher, Selection
from fhir_blina.store.rest.journal import Journal
from fhir_blina.store.rest.searches import kept_link, tells_of_patients

EXPORT_SECONDS = 3600.0
POLL_SECONDS = 15.0
LINES_AT_ONCE = 500
BYTES_AT_ONCE = 4 * 2**20
STATUS = "export"
DOWNLOAD = "download"


@dataclass
class Export:
    """One ``$export``, of which each whole file stays in the journal.

    Args:
        fetcher: Reads from the server.
        selection: What to fetch.
        counts: What the server counted; empty for a Group.
        journal: Takes the resources.
        group: Id of a Group, None for the whole server.
        cohort: Only resources with this cohort's tag; None for all.
        files_from: Further origins that the user named for files.
    """

    fetcher: Fetcher
    selection: Selection
    counts: Mapping[str, int]
    journal: Journal
    group: str | None = None
    cohort: str | None = None
    files_from: Collection[Origin] = ()
    moment: str = ""
    _claimed: str = ""

    def fetch(self) -> None:
        """Bring every resource of the selection into the journal.

        Raises:
            StoreIncomplete: an error in the manifest, an id twice, a line that is none.
            StoreUnavailable: not finished within an hour.
            StoreRefused: the server refuses, or a file lies where it is not fetched from.
        """
        manifest = self._manifest()
        outputs = manifest.get("output") or []
        if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
            raise StoreIncomplete("the export's manifest is none: output is not a list of objects")
        if manifest.get("error"):
            raise StoreInconsistent("the export reported errors. Pull again, or by search")
        if manifest.get("deleted"):
            self.fetcher.notes.append(
                "the export also lists what was deleted since; that is not in the folder. Pull without since"
            )
        if isinstance(manifest.get("transactionTime"), str):
            self.moment = manifest["transactionTime"]
        files = Files(
            self.fetcher.transport,
            self._claimed,
            manifest.get("requiresAccessToken") is not False,
            self.files_from,
        )
        named = [(_name(number, output), output) for number, output in enumerate(outputs)]
        if not self.journal.sources <= {STATUS, *(name for name, _ in named)}:
            self.fetcher.notes.append("the export names other files than before; all are fetched again")
            self.journal.clear()
            self._keep_status()
        total = sum(self.counts.values())
        for name, output in named:
            if str(output.get("type")) in self.selection.params and not self.journal.trail(name).done:
                self._file(name, output, files)
            self.fetcher.progress("pull", len(self.journal), total)

    def close(self) -> None:
        """Tell the server that its files are not needed any more; what it answers does not matter."""
        with contextlib.suppress(StoreError):
            status = self.fetcher.transport.anchored(self._claimed)
            self.fetcher.transport.request("DELETE", status, doubt_tries=0)

    def _manifest(self) -> dict[str, Any]:
        """The manifest of the export that the journal knows, where it is still there, else of a new one."""
        self._claimed = self.journal.trail(STATUS).following or ""
        if self._claimed:
            manifest = self._finished()
            if manifest is not None:
                return manifest
            self.fetcher.notes.append("the export that was begun is gone; a new one was started")
            self.journal.clear()
        self._start()
        manifest = self._finished()
        if manifest is None:
            raise StoreIncomplete("the export failed: the server does not know it any more")
        return manifest

    def _start(self) -> None:
        if any(tells_of_patients(chosen) for chosen in self.selection.params.values()):
            raise StoreRefused("an export would put what is searched for into an address; pull by search")
        kinds = sorted(self.counts) or sorted(self.selection.params)
        params = {"_outputFormat": "application/fhir+ndjson"}
        if self.counts or self.group is None:
            params["_type"] = ",".join(kinds)
            chosen = self.selection.params
            filters = [f"{kind}?{urlencode(chosen[kind])}" for kind in kinds if chosen[kind]]
            params |= {"_typeFilter": ",".join(filters)} if filters else {}
        if self.selection.since:
            params["_since"] = self.selection.since
        start = self.fetcher.transport.get(
            f"Group/{self.group}/$export" if self.group else "$export",
            params=params,
            headers={"Prefer": "respond-async"},
        )
        self._claimed = start.headers.get("content-location", "")
        if start.status != 202 or not self._claimed:
            raise StoreRefused(f"the server refuses $export: {start.why()}")
        if urlsplit(self._claimed).netloc:
            origin_of(self._claimed)  # refuses a user name in it
        self._keep_status()

    def _keep_status(self) -> None:
        if kept_link(self._claimed, {}):
            self.journal.append(STATUS, [], first=True, following=self._claimed)

    def _finished(self) -> dict[str, Any] | None:
        """The manifest, when it is there; None where the server does not know the export."""
        transport, waited = self.fetcher.transport, 0.0
        while True:
            answer = transport.get(transport.anchored(self._claimed))
            if answer.status == 200 and isinstance(answer.json, dict):
                return answer.json
            if answer.status in {404, 410}:
                return None
            if answer.status != 202:
                raise StoreIncomplete(f"the export failed: {answer.why()}")
            if waited >= EXPORT_SECONDS:
                raise StoreUnavailable(f"the export was not finished after {EXPORT_SECONDS:g} s")
            pause = transport.pause_of(answer, otherwise=POLL_SECONDS, most=POLL_SECONDS)
            transport.sleep(pause)
            waited += pause
            self.fetcher.progress("waiting for $export", int(waited), 0)

    def _file(self, name: str, output: Mapping[str, Any], files: Files) -> None:
        """Bring one file into the journal, some lines at a time."""
        kind = str(output["type"])
        seen: set[str] = set()
        lines: list[str] = []
        size, first = 0, True
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        download = self.journal.place / DOWNLOAD
        with naming(download), os.fdopen(os.open(download, flags, 0o600), "w+b") as file:
            answer = files.fetch(str(output.get("url", "")), file)
            if not answer.ok:
                raise StoreIncomplete(f"a file of the export is missing: {answer.why()}")
            _unwrap(file, answer.headers.get("content-type", ""))
            for resource in _resources(file):
                key = self.fetcher.key(resource)
                if resource["resourceType"] != kind:
                    raise StoreInconsistent(f"a file of the export for {kind} holds another type")
                if key in self.journal or key in seen:
                    raise StoreInconsistent(f"the export holds {key} twice. Pull again")
                seen.add(key)
                if self.cohort is not None and not belongs_to(resource, self.cohort):
                    continue
                lines.append(line_of(key, as_stored(resource)))
                size += len(lines[-1])
                if len(lines) >= LINES_AT_ONCE or size >= BYTES_AT_ONCE:
                    self.journal.append(name, lines, first=first, whole=False)
                    lines, size, first = [], 0, False
            self.journal.append(name, lines, first=first, last=True)


def _name(number: int, output: Mapping[str, Any]) -> str:
    """What a file is called in the journal; its address can hold a signature, so by a digest of the path."""
    try:
        path = urlsplit(str(output.get("url", ""))).path
    except ValueError:
        path = ""
    return f"{number} {hashlib.sha256(path.encode()).hexdigest()[:16]}"


def _unwrap(file: BinaryIO, content_type: str) -> None:
    """Replace a Binary, in which some servers wrap their files, by what it holds."""
    file.seek(0)
    word = content_type.split(";", maxsplit=1)[0].strip().lower()
    if not word.endswith("json") or word.endswith("ndjson"):
        return
    try:
        said = loads(file.read().decode("utf-8"))
        if isinstance(said, dict) and said.get("resourceType") == "Binary":
            content = base64.b64decode(said.get("data", ""), validate=True)
            file.seek(0)
            file.truncate()
            file.write(content)
    except (binascii.Error, TypeError):
        raise StoreIncomplete("a file of the export is not readable") from None
    except ValueError:  # lines, called JSON by mistake
        pass
    file.seek(0)


def _resources(file: BinaryIO) -> Iterator[Resource]:
    lines: Iterable[bytes] = iter(lambda: file.readline(MAX_LINE_BYTES + 1), b"")
    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_LINE_BYTES:
            raise StoreIncomplete(
                f"line {number} of a file of the export is longer than {MAX_LINE_BYTES // 2**20} MiB"
            )
        if not line.strip():
            continue
        try:
            resource = loads(line.decode("utf-8"))
        except ValueError:
            resource = None
        if not isinstance(resource, dict):
            raise StoreIncomplete(f"line {number} of a file of the export is not whole")
        yield resource
