"""Make one folder of ``<Type>.ndjson`` out of files as people have them.

The files are read once, line by line; what they hold is kept on disk by type, of each resource only its
place in memory. Then every type is written sorted by id, and references that name no ``Type/id`` are given
one where what was read says which.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fhir_blina.errors import StoreIncomplete, StoreRefused
from fhir_blina.files import COHORT_SYSTEM, MAX_LINE_BYTES, Resource, dumps, loads, resource_of, same, scratch
from fhir_blina.gathering.bundles import id_of, opened_bundle
from fhir_blina.gathering.found import Found, files_of, lines_of
from fhir_blina.gathering.gathered import Gathered, Unread
from fhir_blina.gathering.manifests import Stated, is_manifest
from fhir_blina.gathering.references import (
    AskedFor,
    answered,
    asked_of,
    contained_of,
    references_of,
    stated_identifiers,
)
from fhir_blina.gathering.spool import Spool
from fhir_blina.gathering.strange import strange_in
from fhir_blina.r4 import FhirRelease, key_of

_SHOWN_BYTES = 2**20
_NAMES_SHOWN = 5
_OURS = frozenset({"certificate.json"})


def gather(
    source: Path | str,
    folder: Path | str,
    release: FhirRelease,
    *,
    keyed: bool = False,
    tag: str = "",
    origins: bool = False,
) -> Gathered:
    """Gather what lies in a file or below a folder.

    Args:
        source: A folder of NDJSON, Bundles and resources in any order and depth, gzip or not; or one file.
        folder: An empty folder that becomes ``<Type>.ndjson``.
        release: The release of FHIR that the resources are of.
        keyed: Also give a key to references by identifier and to contained resources, which become rows of
            their own; for tables. What is to be stored is better left as it is.
        tag: A cohort whose tag each resource is given.
        origins: Whether to keep where each resource stood.

    Raises:
        StoreIncomplete: nothing there, no resource in it, or other numbers than a Bulk Data manifest says.
    """
    with scratch() as spool, contextlib.ExitStack() as stack:
        work = _Gathering(Gathered(Path(folder)), release, spool, stack, keyed=keyed)
        work.read(Path(source))
        work.write(tag, keep_origins=origins)
        return work.found


class _Gathering:
    def __init__(
        self, found: Gathered, release: FhirRelease, spool: Path, stack: contextlib.ExitStack, *, keyed: bool
    ) -> None:
        self.found = found
        self.release = release
        self.keyed = keyed
        self.spool = Spool(spool, stack)
        self.pending: set[str] = set()
        self.asked: set[AskedFor] = set()
        self.named: dict[str, str] = {}
        self._manifests: list[Stated] = []

    # Reading ---------------------------------------------------------------------------------

    def read(self, source: Path) -> None:
        """Read every file, and compare with what manifests say."""
        lines: dict[Path, tuple[str, int]] = {}
        for one in files_of(source):
            if isinstance(one, Path) and one.is_symlink():
                self.found.rejected.append(Unread(str(one), "is a symbolic link, which is not followed"))
            elif isinstance(one, Path):
                self.found.passed[one.suffix.lower() or "without a suffix"] += 1
            elif one.path.name not in _OURS:
                lines[one.path] = self._read_file(one)
        for stated in self._manifests:
            stated.compare(lines)
        if not self.spool.places:
            left = "; ".join(self.found.sentences())
            findings = self.found.findings()
            text = f"{source} holds no FHIR resource" + (f" ({left})" if left else "")
            remedy = "Give a folder of NDJSON, Bundles or resources as JSON"
            raise StoreIncomplete(findings or f"{text}. {remedy}")

    def _read_file(self, one: Found) -> tuple[str, int]:
        kind, number, count = "", 0, 0
        for number, line in lines_of(one):
            where = f"{one.path}:{number}" if one.by_line else str(one.path)
            try:
                resource = self._read_line(one, line, where)
            except ValueError as error:
                text = line[:_SHOWN_BYTES].decode("utf-8", "replace") if isinstance(line, bytes) else ""
                self.found.rejected.append(Unread(where, str(error), text.rstrip("\r\n")))
                resource = None
            count += 1
            kind = kind or str((resource or {}).get("resourceType", ""))
        return kind, count

    def _read_line(self, one: Found, line: bytes | ValueError, where: str) -> Resource | None:
        if isinstance(line, ValueError):
            raise line
        if not one.by_line and (stated := is_manifest(line, one.path)):
            self._manifests.append(stated)
            return None
        if not one.by_line and _is_no_fhir(line):
            self.found.passed[".json without a resourceType"] += 1
            return None
        resource = resource_of(line)
        if resource["resourceType"] != "Bundle":
            given = "id" not in resource
            if given:
                resource["id"] = id_of(resource)
            self._take(resource, where, given=given, line=b"" if given or not one.by_line else line)
            return resource
        bundle = opened_bundle(resource)
        self.found.bundles += bundle.bundles
        self.found.older += bundle.older
        if bundle.more:
            self.found.notes.append(f"{where} is one page of a search, and says that there are more")
        self.named.update(bundle.named)
        for entry in bundle.entries:
            place = f"{where} entry {entry.number}"
            try:
                self._take(entry.resource, place, given=entry.given, named=bundle.named)
            except ValueError as error:
                text = dumps(entry.resource, ascii_only=True)[:_SHOWN_BYTES]
                self.found.rejected.append(Unread(place, str(error), text, entry.full_url))
        return resource

    def _take(
        self,
        resource: Any,
        place: str,
        *,
        given: bool = False,
        line: bytes = b"",
        named: dict[str, str] | None = None,
    ) -> None:
        if not isinstance(resource, dict) or "resourceType" not in resource:
            raise ValueError("not a FHIR resource (no resourceType)")
        kind = resource["resourceType"]
        if isinstance(kind, str) and kind not in self.release.resource_types:
            self.found.left[kind if kind.isalpha() and len(kind) <= 64 else "other"] += 1
            return
        try:
            key_of(resource, self.release)
        except StoreRefused as error:
            raise ValueError(str(error)) from None
        own = contained_of(resource, self.release) if self.keyed else {}
        if own or named:
            fixed = answered(resource, lambda name, one: self._near(name, one, own, named or {}))
            line = b"" if fixed != resource else line
            resource = fixed
        self._keep(resource, place, line)
        if given:
            self.found.given[kind] += 1
        for inner in own.values():
            self._keep(
                answered(inner, lambda name, one: self._near(name, one, own, named or {}, count=False)),
                place,
                b"",
                contained=True,
            )

    def _near(
        self,
        name: str,
        reference: dict[str, Any],
        own: dict[str, Resource],
        named: dict[str, str],
        *,
        count: bool = True,
    ) -> str:
        """What a reference names in its resource or Bundle."""
        asked = asked_of(name, reference, self.release)
        text = str(reference.get("reference", ""))
        key = ""
        if asked and asked.kind == "contained" and asked.value in own:
            inner = own[asked.value]
            key = f"{inner['resourceType']}/{inner['id']}"
        elif text in named and named[text] != text:
            key = named[text]
        if key and asked and count:
            self.found.resolved[asked.kind] += 1
        return key

    def _keep(self, resource: Resource, place: str, line: bytes, *, contained: bool = False) -> None:
        kind, name = resource["resourceType"], resource["id"]
        line = line.strip() if line and b"\\u" not in line else dumps(resource).encode()
        if len(line) >= MAX_LINE_BYTES:
            raise ValueError(f"larger than {MAX_LINE_BYTES // 2**20} MiB")
        if there := self.spool.place(kind, name):
            if not same(loads(self.spool.line(kind, name).decode()), loads(line.decode())):
                raise ValueError(f"another {kind} has this id, with other content ({there})")
            self.found.twice += 1
            return
        asked = [one for which, ref in references_of(resource) if (one := self._asked(which, ref))]
        if asked:
            self.pending.add(f"{kind}/{name}")
            self.asked.update(asked)
        if strange := strange_in(resource, self.release):
            count, names = self.found.strange.get(kind, (0, ()))
            more = tuple(one for one in strange if one not in names and one.isidentifier())
            self.found.strange[kind] = (count + 1, (*names, *more)[:_NAMES_SHOWN])
        self.spool.keep(kind, name, place, line)
        (self.found.contained if contained else self.found.counts)[kind] += 1

    def _asked(self, name: str, reference: dict[str, Any]) -> AskedFor | None:
        asked = asked_of(name, reference, self.release)
        left = asked is not None and asked.kind in {"identifier", "contained"} and not self.keyed
        return None if left else asked

    # Writing ---------------------------------------------------------------------------------

    def write(self, tag: str, *, keep_origins: bool) -> None:
        """Write each type sorted by id, references answered, each resource tagged where that is asked."""
        answers = dict(self._answers())
        for kind in sorted(self.spool.places):
            with (self.found.folder / f"{kind}.ndjson").open("wb") as target:
                for name in sorted(self.spool.places[kind]):
                    key, line = f"{kind}/{name}", self.spool.line(kind, name)
                    if keep_origins:
                        self.found.origins[key] = self.spool.place(kind, name)
                    if key in self.pending or tag:
                        resource = loads(line.decode())
                        if key in self.pending:
                            resource = answered(resource, lambda name, one: self._far(name, one, answers))
                        line = dumps(_tagged(resource, tag) if tag else resource).encode() + b"\n"
                    target.write(line)
        self.found.counts = type(self.found.counts)(dict(sorted(self.found.counts.items())))

    def _far(self, name: str, reference: dict[str, Any], answers: dict[AskedFor, str]) -> str:
        asked = self._asked(name, reference)
        key = answers.get(asked, "") if asked else ""
        if asked:
            (self.found.resolved if key else self.found.unresolved)[asked.kind] += 1
        return key

    def _answers(self) -> Iterator[tuple[AskedFor, str]]:
        """The key of each target that a reference asks for, where there is exactly one."""
        ids: dict[str, set[str]] = {}
        if any(one.kind == "urn" for one in self.asked):
            for kind, held in self.spool.places.items():
                for name in held:
                    ids.setdefault(name, set()).add(f"{kind}/{name}")
        stated = {kind: self._identified(kind) for kind in {one.type for one in self.asked}}
        for asked in self.asked:
            if asked.kind == "urn":
                found = {self.named[asked.value]} if asked.value in self.named else set()
                found = found or ids.get(asked.value.rpartition(":")[2], set())
            else:
                found = stated.get(asked.type, {}).get(asked.value, set())
            if len(found) == 1:
                yield asked, next(iter(found))

    def _identified(self, kind: str) -> dict[str, set[str]]:
        """The resources of a type, or of all, by ``system|value``, and by value alone, that are asked for."""
        kinds = {"identifier", "conditional"} if kind else {"identifier"}
        wanted = {one.value for one in self.asked if one.type == kind and one.kind in kinds}
        found: dict[str, set[str]] = {}
        for which in [kind] if kind else self.spool.places if wanted else []:
            for name in self.spool.places.get(which, ()):
                for stated in stated_identifiers(loads(self.spool.line(which, name).decode())):
                    for value in wanted & {stated, stated.partition("|")[2]}:
                        found.setdefault(value, set()).add(f"{which}/{name}")
        return found


def _is_no_fhir(line: bytes) -> bool:
    return b'"resourceType"' not in line


def _tagged(resource: Resource, tag: str) -> Resource:
    meta = dict(resource.get("meta") or {})
    others = [one for one in meta.get("tag") or [] if one.get("system") != COHORT_SYSTEM]
    meta["tag"] = [*others, {"system": COHORT_SYSTEM, "code": tag}]
    return {**resource, "meta": meta}
