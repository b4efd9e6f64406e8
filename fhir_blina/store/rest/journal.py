"""What an interrupted pull has fetched so far, kept on disk so that the same pull goes on from there.

``.NAME.journal`` beside the target NAME, for its owner only (0700, files 0600):

- ``about.json``: which pull it is, as a salted digest; when it began; what the server counted.
- ``pages``: what came, record after record, each synced to the disk before the next is asked for::

      <SHA-256 of the rest> {"source": "Patient", "size": 81234, "whole": true, …}
      {"resourceType":"Patient","id":"a",…}
      {"resourceType":"Patient","id":"b",…}

A record that is not whole, which a killed process or a full disk leaves, is cut off when the journal is
opened again. In memory are ids and places in the file, no resources.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fhir_blina.errors import StoreIncomplete
from fhir_blina.files import Resource, dumps, loads, naming
from fhir_blina.store.rest.leftover import ABOUT, begin_folder

LEAST_FREE_BYTES = 64 * 2**20
"""What a pull leaves free on the disk, whatever a server sends."""
PAGES = "pages"
_DIGEST = 64
_SIZE = 32  # bits for the length of a line, beside its place


@dataclass
class Trail:
    """How far one search, or one file of an export, has come.

    Attributes:
        ids: On its pages so far; kept for what is not done when a journal is opened.
        following: Address of its next page, None where it is not known.
        done: Whether its last page is there.
    """

    ids: set[str] = field(default_factory=set)
    following: str | None = None
    done: bool = False


@dataclass
class _Open:
    """Records of a source that count only when a whole one follows; always the end of the file."""

    source: str
    first: bool = False
    found: list[tuple[str, str, int]] = field(default_factory=list)


class Journal(Mapping[str, Resource]):
    """Resources by ``Type/id``, read from the disk when asked for.

    Args:
        place: The journal's folder, see :meth:`begin` and :mod:`fhir_blina.store.rest.leftover`.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._index: dict[str, dict[str, int]] = {}
        self._trails: dict[str, Trail] = {}
        self._lock = threading.Lock()
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.fdopen(os.open(place / PAGES, flags, 0o600), "r+b")
        self._committed = self._end = 0
        self._open: _Open | None = None
        self._replay()

    @classmethod
    def begin(
        cls, place: Path, question: Mapping[str, Any], *, moment: str, counts: Mapping[str, int]
    ) -> Journal:
        """A new journal, in place of one that may be there.

        Args:
            place: Its folder.
            question: What is pulled from where, as JSON. Only a slow, salted digest of it is kept, because
                it can hold what a patient is searched by.
            moment: An instant of the server's clock, not after the pull began.
            counts: What the server counted.
        """
        begin_folder(place, question, moment=moment, counts=counts)
        return cls(place)

    @property
    def moment(self) -> str:
        """The instant of the server's clock that :meth:`begin` was given."""
        about = loads((self.place / ABOUT).read_text("utf-8"))
        return str(about["moment"])

    def trail(self, source: str) -> Trail:
        """How far a source has come."""
        return self._trails.get(source, Trail())

    @property
    def sources(self) -> set[str]:
        """Every source of which something is here."""
        return set(self._trails)

    @property
    def blank(self) -> bool:
        """Whether nothing is here that another pull could use."""
        return self._committed == 0

    def counts(self) -> dict[str, int]:
        """How many resources of each type are here."""
        return {kind: len(names) for kind, names in sorted(self._index.items()) if names}

    def append(
        self,
        source: str,
        lines: Iterable[str],
        *,
        first: bool = False,
        following: str | None = None,
        last: bool = False,
        whole: bool = True,
    ) -> None:
        """Add a page, on the disk when this returns.

        Args:
            source: The search or file that it belongs to.
            lines: Resources as :func:`fhir_blina.store.manifest.line_of` writes them. One with the id of
                an earlier one takes its place.
            first: Whether the source begins with it, perhaps once more.
            following: Address of the next page; None for none, or one that is not to be kept.
            last: Whether the source ends with it.
            whole: False for what counts only when a later page of the source is whole.

        Raises:
            OSError: the disk is full; what was there before stays.
            StoreIncomplete: it would be nearly full.
        """
        if shutil.disk_usage(self.place).free < LEAST_FREE_BYTES:
            raise StoreIncomplete(
                f"{self.place}: less than {LEAST_FREE_BYTES // 2**20} MiB of the disk are free. "
                "Make room, and pull again: it goes on from here"
            )
        body = "".join(lines).encode()
        head = {"source": source, "size": len(body), "whole": whole}
        head |= {"first": True} if first else {}
        head |= {"last": True} if last else {}
        head |= {"following": following} if following is not None else {}
        rest = b" " + dumps(head).encode() + b"\n" + body
        record = hashlib.sha256(rest).hexdigest().encode() + rest
        with self._lock:
            if self._open and (first or source != self._open.source):
                self._cut()
            with naming(self.place / PAGES):
                self._write(record)
            self._end += len(record)
            self._note(head, body)

    def _write(self, record: bytes) -> None:
        handle, place, left = self._file.fileno(), self._end, memoryview(record)
        try:
            while left:
                written = os.pwrite(handle, left, place)
                left, place = left[written:], place + written
            os.fsync(handle)
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, self._end)
            raise

    def _note(self, head: Mapping[str, Any], body: bytes) -> None:
        """Take the record that the file now ends with into account."""
        if self._open is None:
            self._open = _Open(head["source"])
        if head.get("first"):
            self._open.first = True
        place = self._end - len(body)
        for line in body.splitlines(keepends=True):
            words = line.split(b'"', 8)  # {"resourceType":"Patient","id":"…"
            self._open.found.append((words[3].decode(), words[7].decode(), place << _SIZE | len(line)))
            place += len(line)
        if not head["whole"]:
            return
        trail = self._trails.setdefault(head["source"], Trail())
        if self._open.first:
            trail.ids.clear()
        for kind, name, where in self._open.found:
            self._index.setdefault(kind, {})[name] = where
            trail.ids.add(name)
        trail.following, trail.done = head.get("following"), bool(head.get("last"))
        if trail.done:
            trail.ids.clear()
        self._open = None
        self._committed = self._end

    def _replay(self) -> None:
        """Read what is there, and cut off what is not whole."""
        while True:
            digest = self._file.read(_DIGEST)
            head = self._file.readline()
            try:
                known = loads(head.decode())
                body = self._file.read(known["size"])
            except (ValueError, TypeError, KeyError):
                break
            if hashlib.sha256(head + body).hexdigest().encode() != digest:
                break
            self._end += len(digest) + len(head) + len(body)
            self._note(known, body)
        self._cut()

    def _cut(self) -> None:
        """Drop what is not whole."""
        self._open = None
        self._end = self._committed
        os.ftruncate(self._file.fileno(), self._end)

    def clear(self) -> None:
        """Forget every page."""
        with self._lock:
            self._index, self._trails, self._committed = {}, {}, 0
            self._cut()
            os.fsync(self._file.fileno())

    def line(self, kind: str, name: str) -> str:
        """A resource as it was appended."""
        where = self._index[kind][name]
        return os.pread(self._file.fileno(), where & (1 << _SIZE) - 1, where >> _SIZE).decode()

    def lines(self) -> dict[str, Iterator[str]]:
        """The lines of each type, sorted by id."""

        def of(kind: str) -> Iterator[str]:
            for name in sorted(self._index[kind]):
                yield self.line(kind, name)

        return {kind: of(kind) for kind in self.counts()}

    def __getitem__(self, key: str) -> Resource:
        kind, _, name = key.partition("/")
        resource: Resource = loads(self.line(kind, name))
        return resource

    def __contains__(self, key: object) -> bool:
        kind, _, name = str(key).partition("/")
        return name in self._index.get(kind, ())

    def __iter__(self) -> Iterator[str]:
        for kind in sorted(self._index):
            for name in sorted(self._index[kind]):
                yield f"{kind}/{name}"

    def __len__(self) -> int:
        return sum(len(names) for names in self._index.values())

    def close(self) -> None:
        """Let go of the files; they stay."""
        self._file.close()
