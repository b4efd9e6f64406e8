"""The first resource of a cohort, stored before any other: what a server does, not what it announces.

It is one of those to be stored anyway. With it is tried whether a PUT creates under our id, or who gives the
ids; whether bundles are taken; whether a transaction's own references are replaced; whether it comes back as
it was sent, and is found by the cohort's tag; whether a conditional create finds what is there; whether what
is stored can be written once more. What does not hold is done another way, with a sentence; where there is
no other way, it is deleted again and nothing of the cohort is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from fhir_blina.errors import Finding, StoreRefused
from fhir_blina.files import COHORT_SYSTEM, Resource, dumps
from fhir_blina.http import Transport
from fhir_blina.r4 import targets_of
from fhir_blina.store.order import Unit
from fhir_blina.store.rest.circles import in_two_passes, take_back
from fhir_blina.store.rest.fetching import Fetcher, Selection
from fhir_blina.store.rest.sending import Sender
from fhir_blina.store.rest.writes import IdsRefused, Write, Written
from fhir_blina.store.rest.writing import Writer
from fhir_blina.store.words import value_of

MOST_CANDIDATES = 3
PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds in which a server's search must find what it has stored."""
BUNDLES = ("transaction", "batch", "")
_NAMED = {"transaction": "transactions", "batch": "batches", "": "single requests"}


@dataclass
class Trial:
    """One trial; made by :class:`fhir_blina.store.rest.pushing.Push`.

    Args:
        transport: To the server.
        fetcher: Reads from it.
        writer: Makes the writes.
        cohort: The cohort's name.
        targets: What each resource refers to.
        bundle: How writes are believed to go; in the end, how they do.

    Attributes:
        linked: Whether what goes in one transaction can refer to each other.
        written: What is stored by now.
        rejected: What the server refuses, whichever way it is sent.
        partial: Keys whose references are to be completed.
        notes: What is done otherwise than the server announced, a sentence each.
        quiet: As of :class:`Sender`.
    """

    transport: Transport
    fetcher: Fetcher
    writer: Writer
    cohort: str
    targets: Mapping[str, Sequence[str]]
    bundle: str
    linked: bool = True
    written: dict[str, Written] = field(default_factory=dict)
    rejected: dict[str, Finding] = field(default_factory=dict)
    partial: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    quiet: bool = False

    def run(self, levels: Sequence[Sequence[Unit]], *, again: bool) -> None:
        """Store one resource, two where their reference is tried, and look at them.

        Args:
            levels: All that is to be stored, what is referred to first.
            again: Whether some will have to be written once more.

        Raises:
            IdsRefused: the server creates nothing under our ids, but takes a create; nothing is stored.
            StoreRefused: the cohort cannot be stored there; nothing is left.
        """
        key = self._stored(levels)
        if not key:
            return
        try:
            self._read_back(key)
            self._find(key)
            self._create_again(key)
            divided = self.bundle != "transaction" or not self.linked
            if again and divided and not self._put(key):
                self._refuse("some resources refer to each other, and it lets nothing stored be replaced")
        except StoreRefused:
            take_back(self.transport, self.written)  # whatever it was that was refused
            raise

    def _stored(self, levels: Sequence[Sequence[Unit]]) -> str:
        """A resource that the server takes in some way, and which; empty where it takes none."""
        if self.bundle == "transaction" and self.linked and not self.writer.own_ids:
            linked = _linked(levels, self.targets)
            self.linked = bool(linked) and self._sent_as_one(linked)
            if key := next((one for one in linked if one in self.written), ""):
                return key
        candidates = _candidates(levels, self.targets)
        for key in candidates:
            if self._sent(key, self.bundle):
                return key
            refused = self.rejected.pop(key)
            if self.bundle and self._sent(key, ""):
                self.bundle = next(way for way in BUNDLES if way == "" or self._put(key, way))
                self.notes.append(f"the server announces otherwise, but takes {_NAMED[self.bundle]} only")
                return key
            self.rejected[key] = refused
        if candidates and self.writer.own_ids and self._creates_under_its_ids(candidates[-1]):
            raise IdsRefused
        return ""

    def _sender(self, bundle: str) -> Sender:
        """Sends as the push will; what it stores is seen by the writer."""
        creates = () if bundle or not self.writer.own_ids else self.targets
        sender = Sender(self.transport, self.writer, bundle, targets=self.targets, creates=creates)
        sender.divide = in_two_passes
        self.writer.written = sender.written = self.written
        return sender

    def _sent_as_one(self, keys: Sequence[str]) -> bool:
        """Whether a transaction is stored in which the last one refers to the others, by their new names."""
        sender = self._sender(self.bundle)
        if not sender.send_as_one(keys) or sender.rejected:
            take_back(self.transport, self.written)
            return False
        *places, last = (self.written[key].location for key in keys)
        read = self._read(last)
        if read is not None and set(places) <= set(targets_of(read)):
            return True
        take_back(self.transport, self.written, only=keys[-1:])
        self.notes.append("the server does not replace references inside a transaction; sent in their order")
        return False

    def _sent(self, key: str, bundle: str) -> bool:
        """Whether one resource is stored."""
        sender = self._sender(bundle)
        sender.send_whole([(key,)])
        self.rejected |= sender.rejected
        self.partial |= sender.partial
        self.quiet = sender.quiet
        if key in self.written and self.writer.own_ids and self.written[key].location not in {"", key}:
            take_back(self.transport, self.written)
            raise IdsRefused
        return key in self.written

    def _creates_under_its_ids(self, key: str) -> bool:
        """Whether the server takes a create where it took no PUT under our id; nothing is left of it."""
        self.writer.own_ids = False
        try:
            taken = self._sent(key, "")
        finally:
            self.writer.own_ids = True
        if taken:
            take_back(self.transport, self.written)
        return taken

    def _read(self, place: str) -> Resource | None:
        kind, _, name = place.partition("/")
        return self.fetcher.by_ids(kind, [name]).get(place) if name else None

    def _read_back(self, key: str) -> None:
        place = self.writer.place_of(key)
        if not place:
            self._refuse("it does not say under which id it stored the first resource")
        found = self._read(place)
        if found is None:
            self._refuse("what it has stored cannot be read")
        sent = self.writer(key, ()).resource or {}
        sent = sent | {"id": place.split("/", 1)[1]}
        if value_of(found) != value_of(sent):
            names = sorted(name for name in sent.keys() | found.keys() if _differ(name, sent, found))
            self._refuse(f"it stores a {key.split('/', 1)[0]} otherwise than it was sent: {', '.join(names)}")

    def _find(self, key: str) -> None:
        """Wait until the search by tag finds it."""
        kind = key.split("/", 1)[0]
        selection = Selection({kind: {"_tag": f"{COHORT_SYSTEM}|{self.cohort}"}})
        for pause in (*PAUSES, None):
            if self.fetcher.counts(selection):
                return
            if pause is not None:
                self.transport.sleep(pause)
        self._refuse("it does not find by the cohort's tag what it has just stored")

    def _create_again(self, key: str) -> None:
        """Look whether the condition of a create is obeyed."""
        before = self.written.pop(key)
        write = self.writer(key, ())
        self.written[key] = before
        if not write.if_none_exist:
            return
        sender = Sender(self.transport, lambda *_: write, "")
        sender.send_whole([(key,)])
        there = sender.written.get(key)
        if there is None or there.location == before.location:
            return
        self.writer.conditional = False
        self.notes.append(
            "the server does not obey If-None-Exist; two pushes at once could store a resource twice"
        )
        take_back(self.transport, {key: there})

    def _put(self, key: str, bundle: str = "") -> bool:
        """Whether what is stored can be replaced."""
        place = self.writer.place_of(key)
        body = {**(self.writer(key, ()).resource or {}), "id": place.split("/", 1)[1]}
        sender = Sender(self.transport, lambda *_: Write(key, "PUT", place, body), bundle)
        sender.send_whole([(key,)])
        return not sender.rejected

    def _refuse(self, why: str) -> NoReturn:
        left = take_back(self.transport, self.written)
        raise StoreRefused(
            f"{self.transport.base} was tried with one resource, and {why}. "
            + ("It could not be deleted; unload the cohort" if left else "Nothing of the cohort is stored")
        )


def _differ(name: str, one: Resource, other: Resource) -> bool:
    if name == "meta":
        return dumps(one.get(name, {}).get("tag")) != dumps(other.get(name, {}).get("tag"))
    alone = ({"resourceType": "Basic", "id": "x", name: resource.get(name)} for resource in (one, other))
    return len(set(map(value_of, alone))) > 1


def _candidates(levels: Sequence[Sequence[Unit]], targets: Mapping[str, Sequence[str]]) -> list[str]:
    """A few resources that refer to nothing, or else only to their circle; of several types first."""
    units = levels[0] if levels else ()
    free = [key for unit in units for key in unit if not targets[key]]
    free = free or [key for unit in units for key in unit if set(targets[key]) <= set(unit)]
    kinds = {key.split("/", 1)[0]: key for key in reversed(free)}
    first = sorted(kinds.values())
    return [*first, *(key for key in free if key not in first)][:MOST_CANDIDATES]


def _linked(levels: Sequence[Sequence[Unit]], targets: Mapping[str, Sequence[str]]) -> list[str]:
    """A few resources that refer to nothing, and one that refers to them; none where there are no such."""
    free = {key for unit in levels[0] for key in unit if not targets[key]} if levels else set()
    found = (key for level in levels[1:2] for unit in level for key in unit if free.issuperset(targets[key]))
    last = min(found, key=lambda key: (len(targets[key]), key), default="")
    return [*targets[last], last] if last else []
