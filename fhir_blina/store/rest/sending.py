"""Writing to a server: bundles, what it made of each entry, and the one entry that it refuses."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby

from fhir_blina.errors import Finding, StoreIncomplete, StoreRefused, StoreUnavailable, problem
from fhir_blina.http import Answer, Retry, Transport, Verdict
from fhir_blina.r4 import findings_of, without_content
from fhir_blina.store.order import Unit
from fhir_blina.store.rest.entries import (
    AT_FAULT,
    ask,
    ask_one,
    bundle_of,
    later_after,
    location_of,
    names_what_became,
    read_entries,
)
from fhir_blina.store.rest.writes import IdsRefused, Make, Write, Written

MOST_REFUSALS_AT_FIRST = 20
# How a server answers a PUT that would create (R4, http.html#upsert); HAPI says 404.
_NO_IDS_OF_OURS = {404, 405}
# Statuses of a bundle whose halves are stored: its size was refused.
_SIZE_REFUSED = {400, 413, 422}


@dataclass
class Sender:
    """Sends writes and keeps count. One is used for one push.

    Args:
        transport: To the server.
        make: The write of one of our keys; asked for when its bundle is made.
        bundle: ``transaction``, ``batch`` or ``""`` for single requests.
        done: Told after each answer how many writes it settled.
        size_of: Bytes of the resource of a key, 0 where that is not known; bounds what is read at once.
        targets: What each key refers to.
        divide: Sends circles that no transaction can hold; see :mod:`fhir_blina.store.rest.circles`.
        linked: Whether what goes in one transaction can refer to each other.
        creates: Keys that a PUT would create under an id of ours.

    Attributes:
        written: What was stored, by our key.
        rejected: What the server refused, by our key, with the reason.
        apart: Keys that refer to their circle by identifier, because it could not go in one transaction.
        partial: Keys whose references are to be completed.
        quiet: Whether the server is known not to say what became of a single write.
    """

    transport: Transport
    make: Make
    bundle: str
    done: Callable[[int], None] = lambda _: None
    size_of: Callable[[str], int] = lambda _: 0
    targets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    divide: Callable[[Sender, Sequence[Unit]], None] = lambda *_: None
    linked: bool = True
    creates: Container[str] = ()
    written: dict[str, Written] = field(default_factory=dict)
    rejected: dict[str, Finding] = field(default_factory=dict)
    apart: set[str] = field(default_factory=set)
    partial: set[str] = field(default_factory=set)
    quiet: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send_together(self, lanes: Sequence[Sequence[Unit]]) -> None:
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

    def send(self, units: Sequence[Unit]) -> None:
        """Send the writes of some units in their order, in bundles of the size that the server copes with.

        No unit is divided between two bundles, but for a circle that no transaction can hold.

        Raises:
            StoreUnavailable: the server does not answer.
            StoreRefused: it refuses everything.
        """
        for divided, some in groupby(units, self._divided):
            if divided:
                self.divide(self, list(some))
            else:
                self.send_whole(list(some))

    def send_whole(self, units: Sequence[Unit]) -> None:
        """The same for units that fit into a bundle each."""
        position = 0
        while position < len(units):
            part = self._fitting(units, position)
            with self.transport.pace.turn():
                self._settle_all(part)
            position += len(part)

    def send_as_one(self, keys: Sequence[str]) -> bool:
        """Send some keys in one transaction; whether it is taken. Nothing is stored where it is refused."""
        writes = [self.make(key, keys) for key in keys]
        answer = ask(self.transport, bundle_of(writes, self.bundle), writes, 0)
        if answer.ok:
            self._settle(writes, answer)
        return answer.ok

    def circular(self, unit: Unit) -> bool:
        """Whether its resources refer to each other, or one to itself."""
        return any(target in unit for key in unit for target in self.targets.get(key, ()))

    def _divided(self, unit: Unit) -> bool:
        """Whether a circle cannot go in one transaction."""
        whole = self.bundle == "transaction" and self.linked and len(unit) <= self.transport.pace.size
        return not whole and self.circular(unit)

    def _fitting(self, units: Sequence[Unit], position: int) -> list[Unit]:
        """The units from a position on that one bundle may hold, one at least."""
        pace = self.transport.pace
        most = pace.size if self.bundle else 1
        part: list[Unit] = []
        number = size = 0
        for unit in units[position:]:
            number += len(unit)
            size += sum(map(self.size_of, unit))
            if part and (number > most or size > pace.characters):
                break
            part.append(unit)
        return part

    def _settle_all(self, part: list[Unit], doubt_tries: int = 2, retry: Retry | None = None) -> None:
        """Send one bundle, in halves where it is too large or refused, down to the unit at fault.

        Args:
            part: The units.
            doubt_tries: How often a bundle that is refused in doubt is sent again whole.
            retry: The tries so far of entries that the server could not take for the moment.
        """
        part = self._without_lost(part)
        if not part:
            return
        keys = [key for unit in part for key in unit]
        if len(keys) == 1 and self.bundle != "transaction":
            self._one(self.make(keys[0], ()))
            self.done(1)
            return
        together = set(keys) - self.apart if self.bundle == "transaction" and self.linked else ()
        writes = [self.make(key, together) for key in keys]
        text = bundle_of(writes, self.bundle)
        if len(text) > self.transport.pace.characters and len(part) > 1:
            self._halves(part, doubt_tries)
            return
        answer = ask(self.transport, text, writes, doubt_tries)
        if answer.ok:
            later = self._settle(writes, answer)
            self.done(len(keys) - len(later))
            if later:
                self._settle_later(later, len(keys), answer, retry)
            else:
                self.transport.pace.well()
        elif len(keys) == 1 and (keys[0] in self.apart or not self.circular(part[0])):
            self._reject(writes[0], answer)
            self.done(1)
        elif len(part) == 1 and self.circular(part[0]):
            self.divide(self, part)
        else:
            if answer.status in {408, 413, 504}:
                self.transport.pace.too_large(len(keys))
            self._halves(part if len(part) > 1 else [(key,) for key in keys], 0)
            if answer.status in _SIZE_REFUSED and all(key in self.written for key in keys):
                self.transport.pace.never_more((len(keys) + 1) // 2)  # no entry was at fault: the size was

    def _settle_later(self, later: list[str], of: int, answer: Answer, retry: Retry | None) -> None:
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
                f"{retry.failures} tries, {later[0]} the first. Push again later"
            )
        self._settle_all([(key,) for key in later], retry=retry)

    def _halves(self, part: list[Unit], doubt_tries: int) -> None:
        middle = (len(part) + 1) // 2
        self._settle_all(part[:middle], doubt_tries)
        self._settle_all(part[middle:], doubt_tries)

    def _without_lost(self, part: list[Unit]) -> list[Unit]:
        """The units but those that refer to something the server refused."""
        if not self.rejected:
            return part
        kept = []
        for unit in part:
            with self._lock:
                lost = {
                    key: target
                    for key in unit
                    for target in self.targets.get(key, ())
                    if target in self.rejected
                }
                if not lost:
                    kept.append(unit)
                    continue
                first = next(iter(lost))
                for key in unit:
                    named = lost.get(key, first)
                    self.rejected[key] = problem(key, f"refers to {named}, which was refused")
            self.done(len(unit))
        return kept

    def _one(self, write: Write) -> None:
        """Send a single request instead of a bundle."""
        answer = ask_one(self.transport, write, quiet=self.quiet)
        if answer.ok and not names_what_became(answer, write.method):
            if answer.content and answer.json is None:
                raise StoreIncomplete(f"the server did not say what became of {write.key}. Push again")
            self.quiet = True  # it never says more, and what it holds is compared in the end
        if answer.ok or (write.method == "DELETE" and answer.status in {404, 410}):
            self._store(write, answer.status, location_of(answer, write), answer.headers.get("etag", ""))
        else:
            self._reject(write, answer)

    def _settle(self, part: Sequence[Write], answer: Answer) -> list[str]:
        """Note what became of each entry; returns those that the server could not take for the moment."""
        later: list[str] = []
        for write, said in zip(part, read_entries(answer, len(part)), strict=True):
            if said.ok:
                self._store(write, said.status, said.location, said.etag)
            elif write.method == "DELETE" and said.status in {404, 410}:
                self._store(write, said.status, "", "")
            elif said.busy and self._may_repeat(write, said.status):
                later.append(write.key)
            elif not set(later).isdisjoint(self.targets.get(write.key, ())):
                later.append(write.key)  # what it refers to is not there yet
            elif said.status not in AT_FAULT and self._may_repeat(write, said.status):
                self._one(self.make(write.key, ()))
            else:
                self._reject(write, Answer(said.status, {}, b"", said.outcome))
        return later

    @staticmethod
    def _may_repeat(write: Write, status: int) -> bool:
        """Whether sending it again cannot store it twice."""
        return write.repeatable or status in {400, 429, 503}

    def _store(self, write: Write, status: int, location: str, etag: str) -> None:
        path, _, version = location.partition("/_history/")
        parts = path.rstrip("/").split("/")[-2:]
        version = version.strip("/") or etag.removeprefix("W/").strip('"')
        with self._lock:
            where = "/".join(parts) if len(parts) == 2 else ""
            same = where == write.key  # one string for both: there can be very many
            self.written[write.key] = Written(status, write.key if same else where, sys.intern(version))
            if write.partial:
                self.partial.add(write.key)

    def _reject(self, write: Write, answer: Answer) -> None:
        if answer.status in _NO_IDS_OF_OURS and write.key in self.creates and not self.written:
            raise IdsRefused
        if answer.status >= 500 and answer.status not in {500, 501}:
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
