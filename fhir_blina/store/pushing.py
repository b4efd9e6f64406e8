"""One push to a server: compare, send, remove, verify."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fhir_blina.errors import StoreIncomplete, StoreRefused, problem
from fhir_blina.fhirjson import Resource, dumps, write_ndjson
from fhir_blina.store.capability import Capability
from fhir_blina.store.contract import (
    Plan,
    Progress,
    PushResult,
    alike,
    as_stored,
    belongs_to,
    by_type,
    counted,
)
from fhir_blina.store.fetching import Fetcher, Selection
from fhir_blina.store.identity import our_names, renamed, writer
from fhir_blina.store.order import in_order, packs
from fhir_blina.store.sending import Sender, Write, delete, put, writes_of
from fhir_blina.store.transport import Transport

SAMPLE = 20


class Push:
    """The state of one push; made by :class:`fhir_blina.store.rest.RestStore`.

    Args:
        transport: To the server.
        capability: What the server can do.
        fetcher: Reads from the same server.
        sent: Our resources by our ``Type/id``, as stored.
        cohort: The cohort's name.
        held: What the server holds of the cohort, by the server's ``Type/id``.
        own_ids: Whether the server takes our ids.
        progress: Told how far it is.
    """

    def __init__(
        self,
        transport: Transport,
        capability: Capability,
        fetcher: Fetcher,
        sent: Mapping[str, Resource],
        cohort: str,
        held: Mapping[str, Resource],
        *,
        own_ids: bool,
        progress: Progress,
    ) -> None:
        self._transport = transport
        self._capability = capability
        self._fetcher = fetcher
        self._sent = sent
        self._cohort = cohort
        self._own_ids = own_ids
        self._progress = progress
        self._held = self._ours(held)
        self._versions = {
            ours: str((held[theirs].get("meta") or {}).get("versionId", ""))
            for ours, theirs in self._theirs.items()
        }
        self._sender = Sender(transport, capability.bundle, self._settled)
        self._done = self._total = 0
        self._removed: list[str] = []

    def _ours(self, held: Mapping[str, Resource]) -> dict[str, Resource]:
        """What the server holds under our names; remembers the server's."""
        names = {} if self._own_ids else our_names(held)
        self._theirs = {names.get(key, key): key for key in held}
        return {
            names.get(key, key): as_stored(renamed(resource, names) if names else resource)
            for key, resource in held.items()
        }

    def _settled(self, number: int) -> None:
        self._done += number
        self._progress("push", min(self._done, self._total), self._total)

    def plan(self, remove_orphans: bool) -> Plan:
        """Compare what is sent with what the server holds.

        Raises:
            StoreRefused: an id is taken by a resource that is not of this cohort.
        """
        create = [key for key in self._sent if key not in self._held]
        if self._own_ids:
            self._refuse_taken(create)
        shared = [key for key in self._sent if key in self._held]
        equal = {key for key in shared if alike(self._held[key], self._sent[key])}
        return Plan(
            create=by_type(create),
            update=by_type(key for key in shared if key not in equal),
            unchanged=by_type(equal),
            orphaned=by_type(self._held.keys() - self._sent.keys()),
            remove_orphans=remove_orphans,
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
        """Send what is new or changed, drop labels that went, remove the orphaned if the plan says so."""
        wanted = {
            f"{kind}/{name}"
            for part in (plan.create, plan.update)
            for kind, names in part.items()
            for name in names
        }
        orphaned = [f"{kind}/{name}" for kind, names in plan.orphaned.items() for name in names]
        self._total = len(wanted) + (len(orphaned) if plan.remove_orphans else 0)
        order = in_order(self._sent)
        sender = self._sender
        if not wanted:
            pass
        elif self._own_ids and self._capability.bundle == "transaction":

            def make(key: str) -> Write:
                return put(key, self._sent[key])

            pace = self._transport.pace
            size = min(pace.size, max(1, -(-len(wanted) // pace.workers)))
            groups = [
                chosen
                for units in order.patients.values()
                if (chosen := [unit for unit in units if wanted & set(unit)])
            ]
            sender.send(writes_of(order.first, make, wanted))
            sender.send_together([writes_of(pack, make, wanted) for pack in packs(groups, size)])
            sender.send(writes_of(order.last, make, wanted))
        else:
            self._send_levels(order.levels, wanted)
        self._drop_labels(plan)
        if plan.remove_orphans and orphaned:
            there = {key: self._held[key] for key in orphaned}
            levels = in_order(there).levels
            units = [unit for level in levels for unit in level]
            remover = Sender(self._transport, self._capability.bundle, self._settled)
            remover.send(writes_of(units, lambda key: delete(key, self._theirs[key]), there)[::-1])
            sender.rejected |= remover.rejected
            self._removed = list(remover.written)

    def _send_levels(self, levels: Any, wanted: set[str]) -> None:
        """Level by level, where entries of a bundle cannot rely on each other."""

        def stored_at(key: str) -> str:
            written = self._sender.written.get(key)
            return written.location if written else ""

        make = (
            (lambda key: put(key, self._sent[key]))
            if self._own_ids
            else writer(self._sent, self._theirs, self._capability, stored_at)
        )
        pace = self._transport.pace
        for level in levels:
            if not self._own_ids and any(len(unit) > 1 for unit in level):
                raise StoreRefused("resources refer to each other in a circle; this server assigns ids")
            writes = writes_of(level, make, wanted)
            size = pace.size if self._capability.bundle else -(-len(writes) // pace.workers) or 1
            lanes = [writes[start : start + size] for start in range(0, len(writes), size)]
            if lanes:
                self._sender.send_together(lanes)

    def _drop_labels(self, plan: Plan) -> None:
        """Remove tags, labels and profiles that a PUT leaves in place."""
        for kind, names in plan.update.items():
            for name in names:
                key = f"{kind}/{name}"
                before = self._held[key].get("meta") or {}
                after = self._sent[key].get("meta") or {}
                gone = {
                    part: [one for one in before.get(part) or [] if not _among(one, after.get(part) or [])]
                    for part in ("tag", "security", "profile")
                }
                gone = {part: ones for part, ones in gone.items() if ones}
                if gone and "meta-delete" in self._capability.of(kind).operations:
                    body = {
                        "resourceType": "Parameters",
                        "parameter": [{"name": "meta", "valueMeta": gone}],
                    }
                    self._transport.request("POST", f"{self._theirs[key]}/$meta-delete", body=dumps(body))

    def verify(
        self,
        plan: Plan,
        depth: str,
        held: Callable[[], dict[str, Resource]],
        counts: Callable[[], dict[str, int]],
    ) -> str:
        """Read back and compare; returns what was compared, in a sentence.

        Raises:
            StoreIncomplete: what is stored is not what was sent.
        """
        stored = [key for key in self._sent if key not in self._sender.rejected]
        kept = {f"{kind}/{name}" for kind, names in plan.orphaned.items() for name in names}
        expected = counted(by_type([*stored, *(kept - set(self._removed))]))
        found_counts = counts()
        if found_counts != expected:
            raise StoreIncomplete(f"the server holds {found_counts}, not {expected}. Push again")
        if depth == "counts":
            return f"counts of {len(expected)} types"
        places = dict(self._theirs)
        places |= {key: one.location for key, one in self._sender.written.items() if one.location}
        if depth == "full":
            chosen = stored
            found = self._ours(held())
        else:
            chosen = [
                f"{kind}/{names[position * len(names) // min(SAMPLE, len(names))]}"
                for kind, names in by_type(stored).items()
                for position in range(min(SAMPLE, len(names)))
            ]
            back = {places.get(key, key): key for key in stored}
            ids = by_type(places.get(key, key) for key in chosen)
            read = {
                key: resource
                for kind, some in ids.items()
                for key, resource in self._fetcher.by_ids(kind, some).items()
            }
            names = {} if self._own_ids else back
            found = {back[key]: as_stored(renamed(one, names) if names else one) for key, one in read.items()}
        wrong = [key for key in chosen if key not in found or not alike(found[key], self._sent[key])]
        if wrong:
            raise StoreIncomplete(
                [problem(key, "is not stored as it was sent", "Push again") for key in wrong[:20]]
            )
        return f"counts of {len(expected)} types, content of {len(chosen)} of {len(stored)} resources"

    def report_rejected(self, rejects: Path | None) -> None:
        """Write the refused resources to a file, or raise.

        Raises:
            StoreRefused: some were refused, and there is no file to write them to.
        """
        findings = list(self._sender.rejected.values())
        if not findings:
            return
        if rejects is None:
            raise StoreRefused(findings)
        write_ndjson(rejects, (self._sent[key] for key in sorted(self._sender.rejected) if key in self._sent))

    def result(self, plan: Plan, verified: str, seconds: Mapping[str, float]) -> PushResult:
        """What was done, as counts."""
        written, rejected = self._sender.written, self._sender.rejected
        created: list[str] = []
        updated: list[str] = []
        unchanged: list[str] = []
        for key in self._sent:
            if key in rejected:
                continue
            one = written.get(key)
            if one is None:
                unchanged.append(key)
            elif key not in self._held:
                (created if one.status == 201 else unchanged).append(key)
            else:
                (unchanged if one.version and one.version == self._versions.get(key) else updated).append(key)
        notes = []
        if not self._own_ids:
            notes.append("the server assigns ids; resources are found by their identifier")
        if self._capability.bundle != "transaction":
            notes.append(
                f"sent as {self._capability.bundle or 'single requests'}; the server has no transactions"
            )
        if self._transport.pace.size < 200:
            notes.append(f"bundles made smaller, {self._transport.pace.size} at the end")
        return PushResult(
            created=counted(by_type(created)),
            updated=counted(by_type(updated)),
            unchanged=counted(by_type(unchanged)),
            orphaned=counted(plan.orphaned),
            removed=counted(by_type(self._removed)),
            verified=verified,
            rejected=tuple(rejected.values()),
            seconds=dict(seconds),
            notes=tuple(notes),
        )


def _among(label: Any, labels: list[Any]) -> bool:
    """Whether a profile, or a tag with this system and code, is among others."""
    if isinstance(label, str):
        return label in labels
    code = (label.get("system"), label.get("code"))
    return any((one.get("system"), one.get("code")) == code for one in labels)
