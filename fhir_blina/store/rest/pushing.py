"""One push to a server: compare, send, remove, verify."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import pairwise
from pathlib import Path

from fhir_blina.errors import StoreIncomplete, StoreRefused, problem
from fhir_blina.files import RESOURCE_KEY_SYSTEM, Resource, loads
from fhir_blina.http import Transport
from fhir_blina.store.contract import (
    Plan,
    Progress,
    PushResult,
    belongs_to,
    by_type,
    counted,
    each_key,
)
from fhir_blina.store.order import in_order
from fhir_blina.store.rest.capability import Capability
from fhir_blina.store.rest.fetching import Fetcher, Selection
from fhir_blina.store.rest.holding import Held, remembered, sorted_out
from fhir_blina.store.rest.identity import held_twice, looked_through, our_key, renamed
from fhir_blina.store.rest.removing import drop_labels
from fhir_blina.store.rest.sending import Sender
from fhir_blina.store.rest.storing import Storing
from fhir_blina.store.rest.verifying import Digests, agreed, compared, sample
from fhir_blina.store.rest.writes import delete
from fhir_blina.store.rest.writing import Writer
from fhir_blina.store.sent import NOT_REMOVED, Sent
from fhir_blina.store.words import meaning_of

ReadBack = Callable[[Callable[[Iterable[Resource]], Digests]], Digests]


class Push:
    """The state of one push; made by :class:`fhir_blina.store.rest.rest.RestStore`.

    Args:
        transport: To the server.
        capability: What the server can do.
        fetcher: Reads from the same server.
        sent: Our resources.
        cohort: The cohort's name.
        held: What the server holds of the cohort; gone through once.
        own_ids: Whether the server takes our ids.
        progress: Told how far it is.
        started: ``time.perf_counter()`` when it began.
    """

    def __init__(
        self,
        transport: Transport,
        capability: Capability,
        fetcher: Fetcher,
        sent: Sent,
        cohort: str,
        held: Iterable[Resource],
        *,
        own_ids: bool,
        progress: Progress,
        started: float,
    ) -> None:
        self._transport = transport
        self._capability = capability
        self._fetcher = fetcher
        self._sent = sent
        self._cohort = cohort
        self._own_ids = own_ids
        self._progress = progress
        self._started = started
        self._held: dict[str, Held] = {}
        for resource in held:
            self._hold(resource)
        self._theirs = {ours: one.place for ours, one in self._held.items()}
        self._writer = Writer(sent, self._theirs, {}, capability, own_ids)
        self._sender = Sender(
            transport=transport,
            make=self._writer,
            bundle=capability.bundle,
            done=self._settled,
            size_of=sent.size_of,
            targets=sent.targets,
        )
        self._writer.written = self._sender.written
        self._done = self._total = 0
        self._removed: list[str] = []
        self._notes: list[str] = []
        self._hidden = False

    def _hold(self, resource: Resource) -> None:
        """Remember of what the server holds as little as a push needs."""
        place = self._fetcher.key(resource)
        ours = self._ours(resource)
        if ours in self._held:
            raise held_twice(ours, self._held[ours].place, place)
        self._held[ours] = remembered(place, resource, orphaned=ours not in self._sent)

    def _ours(self, resource: Resource) -> str:
        """Our ``Type/id`` of what the server sent."""
        return (None if self._own_ids else our_key(resource)) or self._fetcher.key(resource)

    def _sent_as(self, key: str, theirs: Mapping[str, str]) -> Resource:
        """A resource of ours with the names that it has at the server."""
        resource = self._sent[key]
        return resource if self._own_ids else renamed(resource, theirs)

    def _settled(self, number: int) -> None:
        self._done += number
        self._progress("push", min(self._done, self._total), self._total)

    def run(
        self,
        remove_orphans: bool,
        verify: str,
        rejects: Path | None,
        held: ReadBack,
        counts: Callable[[], dict[str, int]],
    ) -> PushResult:
        """Plan, send, keep what was rejected, verify.

        Args:
            remove_orphans: Whether to remove what is orphaned.
            verify: ``counts``, ``sample`` or ``full``.
            rejects: The file for what was rejected.
            held: Gives what the server holds of the cohort by now to a function, and its answer back.
            counts: How many of each type.

        Raises:
            StoreRefused: something was rejected and there is no file for it; the rest is stored.
            StoreIncomplete: what is stored is not what was sent.
        """
        plan = self.plan(remove_orphans)
        planned = time.perf_counter()
        self.send(plan)
        if rejects is not None and self._refused:
            self._sent.keep_rejected(rejects, self._sender.rejected)
        sent = time.perf_counter()
        verified = self.verify(verify, held, counts)
        ends = [self._started, planned, sent, time.perf_counter()]
        spent = (end - start for start, end in pairwise(ends))
        result = self.result(plan, verified, dict(zip(("plan", "send", "verify"), spent, strict=True)))
        if result.rejected and rejects is None:
            raise StoreRefused(result.rejected)
        return result

    def plan(self, remove_orphans: bool) -> Plan:
        """Compare what is sent with what the server holds.

        Raises:
            StoreRefused: an id is taken by a resource that is not of this cohort.
        """
        if not self._own_ids:
            nameless, self._hidden = looked_through(self._sent)
            remedy = f"Give it its id as identifier in {RESOURCE_KEY_SYSTEM}"
            self._sent.refuse(nameless, "has no identifier; the server assigns ids", remedy)
        create = [key for key in self._sent if key not in self._held]
        if self._own_ids:
            self._refuse_taken(create)
        shared = [key for key in self._sent if key in self._held]
        equal = {
            key for key in shared if self._held[key].digest == meaning_of(self._sent_as(key, self._theirs))
        }
        return Plan(
            create=by_type(create),
            update=by_type(key for key in shared if key not in equal),
            unchanged=by_type(equal),
            orphaned=by_type(self._held.keys() - self._sent.keys() - self._sent.lost.keys()),
            remove_orphans=remove_orphans,
            rejected=tuple(one.finding for one in self._sent.rejected({})),
        )

    def _refuse_taken(self, create: list[str]) -> None:
        """Where a type has resources that are not the cohort's, look whether one has an id of ours."""
        kinds = by_type(create)
        if not kinds:
            return
        mine = counted(by_type(self._held))
        totals = self._fetcher.counts(Selection({kind: {} for kind in kinds}))
        taken = [
            problem(key, "is on the server, but not of this cohort", "Give it another id")
            for kind, ids in kinds.items()
            if totals.get(kind, 0) > mine.get(kind, 0)
            for key, found in self._fetcher.by_ids(kind, ids).items()
            if not belongs_to(found, self._cohort)
        ]
        if taken:
            raise StoreRefused(taken)

    def send(self, plan: Plan) -> None:
        """Send what is new or changed, drop labels that went, remove the orphaned if the plan says so.

        Nothing is removed where something was rejected: it could be what took the place of the orphaned.
        """
        unchanged = each_key(plan.unchanged)
        wanted = {key for key in self._sent if key not in unchanged}
        orphaned = each_key(plan.orphaned) if plan.remove_orphans else set()
        self._total = len(wanted) + len(orphaned)
        if wanted:
            self._sender.creates = each_key(plan.create) if self._own_ids else ()
            storing = Storing(
                transport=self._transport,
                fetcher=self._fetcher,
                writer=self._writer,
                sender=self._sender,
                targets=self._sent.targets,
                cohort=self._cohort,
            )
            storing.run(wanted, first=not self._held, linked=self._own_ids or not self._hidden)
            self._notes += storing.notes
        self._drop_labels(plan)
        if orphaned and not self._refused:
            self._remove(orphaned)

    @property
    def _refused(self) -> bool:
        return bool(self._sender.rejected or self._sent.rejected({}))

    def _remove(self, orphaned: Collection[str]) -> None:
        names = {one.place: ours for ours, one in self._held.items()}
        levels = in_order(
            {key: [names.get(target, target) for target in self._held[key].targets] for key in orphaned}
        ).levels
        remover = Sender(
            self._transport,
            lambda key, _: delete(key, self._theirs[key]),
            self._sender.bundle,
            self._settled,
        )
        remover.send([unit for level in levels for unit in level][::-1])
        self._sender.rejected |= remover.rejected
        self._removed = list(remover.written)

    def _drop_labels(self, plan: Plan) -> None:
        for key in each_key(plan.update) - self._sender.rejected.keys():
            if "meta-delete" in self._capability.of(key.split("/")[0]).operations:
                after = self._sent[key].get("meta") or {}
                drop_labels(self._transport, self._theirs[key], loads(self._held[key].labels), after)

    def verify(self, depth: str, held: ReadBack, counts: Callable[[], dict[str, int]]) -> str:
        """Read back and compare; returns what was compared, in a sentence.

        Raises:
            StoreIncomplete: what is stored is not what was sent.
        """
        stored = [key for key in self._sent if key not in self._sender.rejected]
        there = self._held.keys() - set(self._removed) | set(stored)
        expected = dict(sorted(Counter(key.split("/", 1)[0] for key in there).items()))
        found_counts = counts()
        if found_counts != expected:
            raise StoreIncomplete(f"the server holds {found_counts}, not {expected}. Push again")
        if depth == "counts":
            return f"counts of {len(expected)} types"
        places = dict(self._theirs)
        places |= {key: one.location for key, one in self._sender.written.items() if one.location}
        if depth == "full":
            chosen = stored
            found = held(lambda resources: {self._ours(one): compared(one) for one in resources})
        else:
            chosen = sample(stored)
            found = {
                self._ours(resource): compared(resource)
                for kind, ids in by_type(places.get(key, key) for key in chosen).items()
                for resource in self._fetcher.by_ids(kind, ids).values()
            }
        if note := agreed({key: self._sent_as(key, places) for key in chosen}, found):
            self._notes.append(note)
        return f"counts of {len(expected)} types, content of {len(chosen)} of {len(stored)} resources"

    def result(self, plan: Plan, verified: str, seconds: Mapping[str, float]) -> PushResult:
        """What was done, as counts."""
        done = sorted_out(self._sent, self._sender.rejected, self._sender.written, self._held)
        notes = list(self._notes)
        if plan.remove_orphans and plan.orphaned and self._refused:
            notes.append(NOT_REMOVED)
        if not self._own_ids:
            notes.append("the server assigns ids; resources are found by their identifier")
        if (way := self._sender.bundle) != "transaction":
            notes.append(f"sent as {way or 'single requests'}; the server has no transactions")
        if self._transport.pace.size < 200:
            notes.append(f"bundles made smaller, {self._transport.pace.size} at the end")
        return PushResult(
            created=counted(by_type(done.created)),
            updated=counted(by_type(done.updated)),
            unchanged=counted(by_type(done.unchanged)),
            orphaned=counted(plan.orphaned),
            removed=counted(by_type(self._removed)),
            verified=verified,
            rejected=tuple(one.finding for one in self._sent.rejected(self._sender.rejected)),
            seconds=dict(seconds),
            notes=tuple(notes),
        )
