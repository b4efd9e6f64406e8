"""Where the resources of a push come from: a list, or the lines of NDJSON files."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, runtime_checkable

from fhir_blina.errors import StoreIncomplete, problem
from fhir_blina.files import MAX_LINE_BYTES, Resource, dumps, open_regular, resource_of
from fhir_blina.gathering import named_in
from fhir_blina.store.contract import as_stored
from fhir_blina.store.manifest import MANIFEST, read_manifest

HEAD_BYTES = 4096
TOO_LARGE = f"is larger than {MAX_LINE_BYTES // 2**20} MiB"


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """Where a resource stands.

    Attributes:
        path: The file; empty in a list.
        number: Its line, or its number in the list, from 1.
        offset: The first byte of the line.
        length: Bytes of the line.
    """

    path: str
    number: int
    offset: int = 0
    length: int = 0

    def __str__(self) -> str:
        """``file:line``, or ``resource 17``."""
        return f"{self.path}:{self.number}" if self.path else f"resource {self.number}"


@runtime_checkable
class Source(Protocol):
    """What a push reads its resources from, more than once: a list, a folder, or what a caller makes."""

    def __iter__(self) -> Iterator[Resource]:
        """Each resource that can be read."""

    def scan(self) -> Iterator[tuple[Place, bytes | ValueError]]:
        """Each resource as a line of JSON, or why there is none."""

    def read(self, place: Place) -> bytes:
        """One of them again."""

    def key(self, place: Place) -> str:
        """``Type/id`` as far as it can be seen, legal or not; empty where it cannot."""

    def content(self, place: Place) -> Iterator[str]:
        """A member of a JSON object that keeps all of it: ``"resource":{…}``, else ``"text":"…"``."""


class NdjsonFolder:
    """The lines of all ``*.ndjson`` files in a folder, to be pushed without being held in memory.

    Iterating gives the resources; lines that hold none are left out there, and rejected by a push. Empty
    lines count for nothing. Where there is a Bulk Data manifest, it must name the same files and numbers
    of lines.

    Args:
        folder: With at least one such file.

    Raises:
        StoreIncomplete: no file, one that is a symbolic link, or other files than the manifest names.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._files = sorted(self.folder.glob("*.ndjson"))
        self._counts: dict[str, object] = {}
        if not self._files:
            raise StoreIncomplete(f"{folder} holds no NDJSON file")
        faults = [
            problem(str(path), "is a symbolic link" if path.is_symlink() else "is not a regular file")
            for path in self._files
            if path.is_symlink() or not path.is_file()
        ]
        if (self.folder / MANIFEST).is_file():
            said = {str(one.get("url")): one.get("count") for one in read_manifest(self.folder)["output"]}
            self._counts = {name: count for name, count in said.items() if "/" not in name}
            there = {path.name for path in self._files}
            faults += [
                problem(str(self.folder / name), "is in the manifest, but missing", "Pull the folder again")
                for name in sorted(self._counts.keys() - there)
            ]
        if faults:
            raise StoreIncomplete(faults)

    def __iter__(self) -> Iterator[Resource]:
        """Each resource that can be read."""
        for _, line in self.scan():
            if isinstance(line, bytes):
                try:
                    yield resource_of(line)
                except ValueError:
                    continue

    def scan(self) -> Iterator[tuple[Place, bytes | ValueError]]:
        """See :class:`Source`.

        Raises:
            StoreIncomplete: a file has another number of lines than the manifest says.
        """
        for path in self._files:
            number = offset = 0
            with _opened(path) as file:
                while line := file.readline(MAX_LINE_BYTES + 1):
                    number += 1
                    length = len(line)
                    rest = line
                    while not rest.endswith(b"\n") and (rest := file.readline(MAX_LINE_BYTES)):
                        length += len(rest)
                    place = Place(str(path), number, offset, length)
                    offset += length
                    if length > MAX_LINE_BYTES:
                        yield place, ValueError(TOO_LARGE)
                    elif line.strip():
                        yield place, line
            count = self._counts.get(path.name)
            if isinstance(count, int) and count != number:
                fault = f"has {number} lines, the manifest says {count}"
                raise StoreIncomplete([problem(str(path), fault, "Pull the folder again")])

    def read(self, place: Place) -> bytes:
        """See :class:`Source`."""
        with _opened(Path(place.path)) as file:
            file.seek(place.offset)
            return file.read(place.length)

    def key(self, place: Place) -> str:
        """See :class:`Source`."""
        with _opened(Path(place.path)) as file:
            file.seek(place.offset)
            head = file.read(min(place.length, HEAD_BYTES)).decode("utf-8", "replace")
        return named_in(head)

    def content(self, place: Place) -> Iterator[str]:
        """See :class:`Source`. Bytes that are not UTF-8 become lone surrogates (``surrogateescape``)."""
        if place.length <= MAX_LINE_BYTES:
            line = self.read(place)
            try:
                resource_of(line)
            except ValueError:
                pass
            else:
                yield f'"resource":{line.decode().strip()}'
                return
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        yield '"text":"'
        with _opened(Path(place.path)) as file:
            file.seek(place.offset)
            left = place.length
            while part := file.read(min(left, 2**20)):
                left -= len(part)
                text = decoder.decode(part, final=left == 0)
                yield json.dumps(text if left else text.rstrip("\r\n"))[1:-1]
        yield '"'


def _opened(path: Path) -> BinaryIO:
    try:
        return open_regular(path)
    except OSError as error:
        raise StoreIncomplete([problem(str(path), f"cannot be read: {error.strerror}")]) from None


def source_of(resources: Iterable[Resource]) -> Source:
    """The same resources as a source; an iterator is gone through once, here."""
    return resources if isinstance(resources, Source) else Listed(resources)


def _as_stored(resource: Any) -> Any:
    """As any store gives it back, where it has the shape of a resource; else as it is."""
    if isinstance(resource, dict) and isinstance(resource.get("meta"), dict):
        with suppress(AttributeError, KeyError, TypeError):
            return as_stored(resource)
    return resource


class Listed:
    """Resources that the caller holds; their lines are those of a store."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._resources = list(resources)

    def __iter__(self) -> Iterator[Resource]:
        """Each of them."""
        return iter(self._resources)

    def scan(self) -> Iterator[tuple[Place, bytes | ValueError]]:
        """See :class:`Source`."""
        for number in range(1, len(self._resources) + 1):
            place = Place("", number)
            try:
                yield place, self.read(place)
            except ValueError as error:
                yield place, error

    def read(self, place: Place) -> bytes:
        """See :class:`Source`.

        Raises:
            ValueError: it cannot be written as JSON, or is too large.
        """
        try:
            line = dumps(_as_stored(self._resources[place.number - 1])).encode()
        except UnicodeEncodeError:
            raise ValueError("a string holds a lone surrogate") from None
        except RecursionError:
            raise ValueError("nested too deeply") from None
        except (TypeError, ValueError):
            raise ValueError("holds what JSON cannot say: NaN, Infinity or another object") from None
        if len(line) > MAX_LINE_BYTES:
            raise ValueError(TOO_LARGE)
        return line

    def key(self, place: Place) -> str:
        """See :class:`Source`."""
        resource = self._resources[place.number - 1]
        if not isinstance(resource, dict):
            return ""
        found = [resource.get("resourceType"), resource.get("id")]
        return "/".join(map(str, found)) if all(isinstance(one, str) for one in found) else ""

    def content(self, place: Place) -> Iterator[str]:
        """See :class:`Source`. Nothing where JSON cannot say it; the caller still has it."""
        try:
            yield f'"resource":{dumps(self._resources[place.number - 1], ascii_only=True)}'
        except (TypeError, ValueError, RecursionError):
            yield '"resource":null'
