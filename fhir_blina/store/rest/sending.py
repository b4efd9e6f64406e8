"""Writing to a server: bundles, what it made of each entry, and the one entry that it refuses."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any
from urllib.parse import quote

from fhir_blina.errors import Finding, StoreIncomplete, StoreRefused, StoreUnavailable, problem
from fhir_blina.files import Resource, dumps
from fhir_blina.http import Answer, Retry, Transport, Verdict
from fhir_blina.r4 import findings_of, targets_of, without_content
from fhir_blina.store.order import Unit
from fhir_blina.store.rest.entries import AT_FAULT, later_after, names_what_became, read_entries

MOST_REFUSALS_AT_FIRST = 20
# How a server answers a PUT that would create (R4, http.html#upsert); HAPI says 404.
_NO_IDS_OF_OURS = {404, 405}


class IdsRefused(Exception):  # noqa: N818 - caught where the push begins again
    """The server creates nothing under an id of ours, whatever it announces; nothing is stored yet."""


@dataclass(frozen=True, slots=True)
class Write:
    """One resource on its way to the server.

    Attributes:
        key: Our ``Type/id``.
        method: ``PUT``, ``POST`` or ``DELETE``.
        url: What follows the base.
        resource: The body, None for DELETE.
        if_none_exist: Condition of a create.
    """

    key: str
    method: str
    url: str
    resource: Resource | None = None
    if_none_exist: str = ""

    def entry(self) -> dict[str, Any]:
        """The write as an entry of a Bundle."""
        request = {"method": self.method, "url": self.url}
        if self.if_none_exist:
            request["ifNoneExist"] = self.if_none_exist
        return {"resource": self.resource, "request": request} if self.resource else {"request": request}


@dataclass(frozen=True, slots=True)
class Written:
    """What the server made of a write.

    Attributes:
        status: HTTP status of the entry.
        location: ``Type/id`` at the server, empty where it did not say.
        version: ``versionId``, empty where it did not say.
    """

    status: int
    location: str
    version: str


@dataclass
class Sender:
    """Sends writes and keeps count. One is used for one push.

    Args:
        transport: To the server.
        make: The write of one of our keys; asked for when its bundle is made.
        bundle: ``transaction``, ``batch`` or ``""`` for single requests.
        done: Told after each answer how many writes it settled.
        size_of: Bytes of the resource of a key, 0 where that is not known; bounds what is read at once.
        creates: Keys that a PUT would create under an id of ours.

    Attributes:
        written: What was stored, by our key.
        rejected: What the server refused, by our key, with the reason.
    """

    transport: Transport
    make: Callable[[str], Write]
    bundle: str
    done: Callable[[int], None]
    size_of: Callable[[str], int] = lambda _: 0
    creates: Container[str] = ()
    written: dict[str, Written] = field(default_factory=dict)
    rejected: dict[str, Finding] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _quiet: bool = False

    def send_together(self, lanes: Sequence[Sequence[str]]) -> None:
        """Send several lanes at once, each in its own order."""
        if len(lanes) == 1 or self.transport.pace.workers == 1:
            for lane in lanes:
                self.send(lane)
            return
        with ThreadPoolExecutor(self.transport.pace.workers, "push") as pool:
            futures = [pool.submit(self.send, lane) for lane in lanes]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def send(self, keys: Sequence[str]) -> None:
        """Send the writes of some keys in their order, in bundles of the size that the server copes with.

        Raises:
            StoreUnavailable: the server does not answer.
            StoreRefused: it refuses everything.
        """
        position = 0
        while position < len(keys):
            part = keys[position : position + (self.transport.pace.size if self.bundle else 1)]
            sizes = accumulate(map(self.size_of, part))
            part = part[: max(1, sum(size <= self.transport.pace.characters for size in sizes))]
            with self.transport.pace.turn():
                self._settle_all([self.make(key) for key in part])
            position += len(part)

    def _settle_all(self, part: list[Write], doubt_tries: int = 2, retry: Retry | None = None) -> None:
        """Send one bundle, in halves where it is too large or refused, down to the entry at fault.

        Args:
            part: The writes.
            doubt_tries: How often a bundle that is refused in doubt is sent again whole.
            retry: The tries so far of entries that the server could not take for the moment.
        """
        kept = self._without_lost(part)
        if len(kept) < len(part):
            self.done(len(part) - len(kept))
        if not kept:
            return
        if len(kept) == 1 and self.bundle != "transaction":
            self._one(kept[0])
            self.done(1)
            return
        text = dumps(
            {"resourceType": "Bundle", "type": self.bundle, "entry": [write.entry() for write in kept]}
        )
        if len(text) > self.transport.pace.characters and len(kept) > 1:
            self._halves(kept, doubt_tries)
            return
        answer = self._answer(text, kept, doubt_tries)
        if answer.ok:
            later = self._settle(kept, answer)
            self.done(len(kept) - len(later))
            if later:
                self._settle_later(later, len(kept), answer, retry)
            else:
                self.transport.pace.well()
        elif len(kept) == 1:
            self._reject(kept[0], answer)
            self.done(1)
        else:
            if answer.status in {408, 413, 504}:
                self.transport.pace.too_large(len(kept))
            self._halves(kept, 0)
            if answer.status in {400, 413, 422} and all(write.key in self.written for write in kept):
                self.transport.pace.never_more((len(kept) + 1) // 2)  # no entry was at fault: the size was

    def _settle_later(self, later: list[Write], of: int, answer: Answer, retry: Retry | None) -> None:
        """Send again what a server could not take for the moment, after the pause that it asks for.

        Raises:
            StoreUnavailable: it still cannot.
        """
        self.transport.pace.too_fast()
        if retry is None or len(later) < of:  # as long as something goes through, it is no failure
            retry = Retry(self.transport.sleep)
        if retry.unanswered(later_after(answer)) is Verdict.GIVE_UP:
            raise StoreUnavailable(
                f"the server takes no more for now: {len(later)} entries of a bundle refused with "
                f"{retry.failures} tries, {later[0].key} the first. Push again later"
            )
        self._settle_all(later, retry=retry)

    def _answer(self, text: str, part: Sequence[Write], doubt_tries: int) -> Answer:
        """What the server says to a bundle."""
        return self.transport.request(
            "POST",
            body=text,
            headers={"Prefer": "return=minimal"},
            divisible=len(part) > 1,
            doubt_tries=doubt_tries,
            repeatable=all(write.method != "POST" or write.if_none_exist for write in part),
            expects=lambda answer: _answers(answer, len(part)),
        )

    def _halves(self, part: list[Write], doubt_tries: int) -> None:
        middle = (len(part) + 1) // 2
        self._settle_all(part[:middle], doubt_tries)
        self._settle_all(part[middle:], doubt_tries)

    def _without_lost(self, part: list[Write]) -> list[Write]:
        """The writes but those that refer to something the server refused."""
        if not self.rejected:
            return part
        kept = []
        for write in part:
            targets = targets_of(write.resource or {})
            with self._lock:
                lost = [target for target in targets if target in self.rejected]
                if lost:
                    self.rejected[write.key] = problem(write.key, f"refers to {lost[0]}, which was refused")
                else:
                    kept.append(write)
        return kept

    def _one(self, write: Write) -> None:
        """Send a single request instead of a bundle."""
        headers = {"Prefer": "return=minimal"}
        if write.if_none_exist:
            headers["If-None-Exist"] = write.if_none_exist
        answer = self.transport.request(
            write.method,
            write.url,
            body=dumps(write.resource) if write.resource else None,
            headers=headers,
            repeatable=write.method != "POST" or bool(write.if_none_exist),
            expects=lambda answer: self._quiet or names_what_became(answer, write.method),
        )
        if not answer.ok and not (write.method == "DELETE" and answer.status in {404, 410}):
            self._reject(write, answer)
            return
        if answer.ok and not names_what_became(answer, write.method):
            if answer.content and answer.json is None:
                raise StoreIncomplete(f"the server did not say what became of {write.key}. Push again")
            self._quiet = True  # it never says more, and what it holds is compared in the end
        body = answer.json if isinstance(answer.json, dict) else {}
        location = answer.headers.get("location") or answer.headers.get("content-location") or ""
        if not location and body.get("resourceType") == write.key.split("/", 1)[0]:
            location = f"{body['resourceType']}/{body.get('id', '')}"
        self._store(write, answer.status, location, answer.headers.get("etag", ""))

    def _settle(self, part: Sequence[Write], answer: Answer) -> list[Write]:
        """Note what became of each entry; returns those that the server could not take for the moment."""
        later: dict[str, Write] = {}
        for write, said in zip(part, read_entries(answer, len(part)), strict=True):
            if said.ok:
                self._store(write, said.status, said.location, said.etag)
            elif write.method == "DELETE" and said.status in {404, 410}:
                self._store(write, said.status, "", "")
            elif said.busy and self._may_repeat(write, said.status):
                later[write.key] = write
            elif not later.keys().isdisjoint(targets_of(write.resource or {})):
                later[write.key] = write  # what it refers to is not there yet
            elif said.status not in AT_FAULT and self._may_repeat(write, said.status):
                self._one(write)
            else:
                self._reject(write, Answer(said.status, {}, b"", said.outcome))
        return list(later.values())

    @staticmethod
    def _may_repeat(write: Write, status: int) -> bool:
        """Whether sending it again cannot store it twice."""
        return write.method != "POST" or bool(write.if_none_exist) or status in {400, 429, 503}

    def _store(self, write: Write, status: int, location: str, etag: str) -> None:
        path, _, version = location.partition("/_history/")
        parts = path.rstrip("/").split("/")[-2:]
        version = version.strip("/") or etag.removeprefix("W/").strip('"')
        with self._lock:
            where = "/".join(parts) if len(parts) == 2 else ""
            same = where == write.key  # one string for both: there can be very many
            self.written[write.key] = Written(status, write.key if same else where, sys.intern(version))

    def _reject(self, write: Write, answer: Answer) -> None:
        if answer.status in _NO_IDS_OF_OURS and write.key in self.creates and not self.written:
            raise IdsRefused
        if answer.status >= 500 and answer.status != 500:
            raise StoreUnavailable(f"the server cannot take {write.key} now: {answer.why()}")
        found = findings_of(answer.json, write.key)
        reason = found[0] if found else problem(write.key, answer.why())
        said = without_content(reason.diagnostics, write.resource)
        with self._lock:
            self.rejected[write.key] = Finding(
                "error",
                reason.code,
                f"refused by the server (HTTP {answer.status}): {said}",
                expression=reason.expression,
                location=write.key,
            )
            if not self.written and len(self.rejected) >= MOST_REFUSALS_AT_FIRST:
                raise StoreRefused(list(self.rejected.values()))


def _answers(answer: Answer, number: int) -> bool:
    """Whether an answer says what became of each of so many entries."""
    entries = answer.json.get("entry") if isinstance(answer.json, dict) else None
    return isinstance(entries, list) and len(entries) == number


def put(key: str, resource: Resource) -> Write:
    """Store under our own id."""
    return Write(key, "PUT", key, resource)


def delete(key: str, url: str) -> Write:
    """Delete what the server holds at ``url``."""
    return Write(key, "DELETE", url)


def condition(system: str, value: str) -> str:
    """The search that finds a resource by its identifier."""
    return f"identifier={quote(system, safe='')}%7C{quote(value, safe='')}"


def keys_of(units: Sequence[Unit], wanted: Container[str]) -> list[str]:
    """The wanted keys of some units, in their order."""
    return [key for unit in units for key in unit if key in wanted]
