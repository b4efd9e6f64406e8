"""The folder store: NDJSON by resource type and a manifest, no server needed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from fhir_blina.errors import StoreHoldsMore, StoreIncomplete, StoreRefused, problem
from fhir_blina.files import Resource, loads, locked, same
from fhir_blina.r4 import R4, FhirRelease, checked_types
from fhir_blina.store.choosing import Taken
from fhir_blina.store.contract import (
    Plan,
    Progress,
    PullResult,
    PushResult,
    Resources,
    as_stored,
    belongs_to,
    by_type,
    counted,
    each_key,
    no_progress,
    not_here,
)
from fhir_blina.store.kept import ChosenLines
from fhir_blina.store.manifest import MANIFEST, FolderContent, holds, locks_of, now, read_held
from fhir_blina.store.replacing import by_file, recover, save_pull, write_folder
from fhir_blina.store.sent import NOT_REMOVED, Sent, refuse_to_write


class FolderStore:
    """A folder with ``<Type>.ndjson`` sorted by id and ``manifest.json``; a :class:`Store`.

    The folder is whole or absent at every moment, and one process writes at a time.
    """

    def __init__(self, folder: Path, *, wait_seconds: float = 60.0, release: FhirRelease = R4) -> None:
        self.folder = folder
        self.release = release
        self._wait_seconds = wait_seconds

    @property
    def location(self) -> str:
        """The folder."""
        return str(self.folder)

    def counts(self, cohort: str | None = None) -> dict[str, int]:
        """Resources by type: one cohort's, or all."""
        held = read_held(self.folder, self.release)
        return counted(by_type(key for key, of in held.cohorts.items() if cohort is None or cohort in of))

    def held(self, cohort: str) -> dict[str, Resource]:
        """What the folder holds of a cohort, by ``Type/id``."""
        held = read_held(self.folder, self.release)
        return {key: loads(held.lines[key]) for key, of in held.cohorts.items() if cohort in of}

    def plan(self, resources: Resources, *, cohort: str, remove_orphans: bool | None = None) -> Plan:
        """What :meth:`push` would do; see :class:`Store`."""
        sent = Sent(resources, cohort, self.release, keep=True)
        return _plan(sent, read_held(self.folder, self.release), cohort, remove_orphans is not False)

    def push(
        self,
        resources: Resources,
        *,
        cohort: str,
        remove_orphans: bool | None = None,
        verify: str = "sample",
        rejects: Path | None = None,
        origins: Mapping[str, str] | None = None,
        progress: Progress = no_progress,
    ) -> PushResult:
        """Store the resources; see :class:`Store`. Nothing is written when nothing changes."""
        refuse_to_write(rejects)
        start = time.perf_counter()
        sent = Sent(resources, cohort, self.release, origins, keep=True)
        with locked(locks_of(self.folder), wait_seconds=self._wait_seconds):
            recover(self.folder)
            held = read_held(self.folder, self.release)
            plan = _plan(sent, held, cohort, remove_orphans is not False)
            planned = time.perf_counter()
            rejected = plan.rejected
            gone = each_key(plan.orphaned) if plan.remove_orphans and not rejected else set()
            changed = each_key(plan.create) | each_key(plan.update)
            kept = {key: held.lines for key in held.lines if key not in gone}
            written = ChosenLines(kept | dict.fromkeys(changed, sent.lines))
            new = not (self.folder / MANIFEST).is_file() and bool(sent or not rejected)
            if new or changed or gone:
                write_folder(self.folder, written, self.release, request=f"push of cohort {cohort}")
            sent_at = time.perf_counter()
            verified = "not compared"
            if verify != "counts":
                if not holds(self.folder, by_file(written)):
                    raise StoreIncomplete(f"{self.folder} does not hold what was written. Push again")
                verified = f"all {len(sent)} resources read back and compared"
        if rejected and rejects is not None:
            sent.keep_rejected(rejects, {})
        elif rejected:
            raise StoreRefused(rejected)
        progress("push", len(sent), len(sent))
        return PushResult(
            created=counted(plan.create),
            updated=counted(plan.update),
            unchanged=counted(plan.unchanged),
            orphaned=counted(plan.orphaned),
            removed=counted(by_type(gone)),
            verified=verified,
            rejected=rejected,
            notes=(NOT_REMOVED,) if rejected and plan.remove_orphans and plan.orphaned else (),
            seconds={
                "plan": planned - start,
                "send": sent_at - planned,
                "verify": time.perf_counter() - sent_at,
            },
        )

    def pull(
        self,
        folder: Path,
        *,
        cohort: str | None = None,
        types: Sequence[str] | None = None,
        since: str | None = None,
        progress: Progress = no_progress,
    ) -> PullResult:
        """Copy the resources to ``folder`` after comparing them with the manifest; see :class:`Store`.

        When ``folder`` is the store itself, it is compared and left as it is.
        """
        if since is not None:
            raise StoreRefused("a folder does not know when a resource was stored; leave out since")
        checked_types(types or (), self.release)
        if not self.folder.exists():
            raise StoreIncomplete(f"{self.folder} does not exist. Push first")
        query = f"cohort={cohort or '*'}&types={','.join(types) if types else '*'}"

        def wanted(resource: Resource) -> bool:
            ours = cohort is None or belongs_to(resource, cohort)
            return ours and (types is None or resource["resourceType"] in types)

        itself = folder.exists() and folder.samefile(self.folder)
        with locked(locks_of(self.folder), wait_seconds=self._wait_seconds):
            recover(self.folder)
            chosen = Taken(self.folder, self.release, wanted)
            if cohort and not chosen.counts:
                raise not_here(str(self.folder), cohort)
            certificate = {
                "server": self.location,
                "query": query,
                "way": "copy",
                "time": now(),
                "counts": chosen.counts,
                "total": chosen.total,
            }
            if itself and chosen.left_out:
                raise StoreHoldsMore(f"{folder} is the store itself; a selection needs another folder")
            if not itself:
                save_pull(folder, chosen.lines(), certificate, self.release)
        progress("pull", chosen.total, chosen.total)
        return PullResult(chosen.counts, folder, certificate, held=chosen.held)

    def unload(self, cohort: str, *, progress: Progress = no_progress) -> dict[str, int]:
        """Remove the cohort's resources and nothing else; see :class:`Store`."""
        with locked(locks_of(self.folder), wait_seconds=self._wait_seconds):
            recover(self.folder)
            held = read_held(self.folder, self.release)
            gone = {key for key, of in held.cohorts.items() if cohort in of}
            if gone:
                kept = {key: held.lines for key in held.lines if key not in gone}
                write_folder(
                    self.folder, ChosenLines(kept), self.release, request=f"unload of cohort {cohort}"
                )
        progress("unload", len(gone), len(gone))
        return counted(by_type(gone))


def _plan(sent: Sent, held: FolderContent, cohort: str, remove_orphans: bool) -> Plan:
    """Compare what is sent with what is held; what was lost on the way is not orphaned.

    Raises:
        StoreRefused: an id is held by a resource of another cohort.
    """
    if foreign := [key for key in sent if cohort not in held.cohorts.get(key, (cohort,))]:
        raise StoreRefused(
            [problem(key, "is in the store, but not of this cohort", "Give it another id") for key in foreign]
        )
    there = [key for key in sent if key in held.lines]
    unchanged = {key for key in there if _same(held.lines[key], sent.lines[key])}
    return Plan(
        create=by_type(key for key in sent if key not in held.lines),
        update=by_type(key for key in there if key not in unchanged),
        unchanged=by_type(unchanged),
        orphaned=by_type(
            key
            for key, of in held.cohorts.items()
            if key not in sent and key not in sent.lost and cohort in of
        ),
        remove_orphans=remove_orphans,
        rejected=tuple(one.finding for one in sent.rejected({})),
    )


def _same(held: str, sent: str) -> bool:
    """Whether two lines are the same resource, also where another program wrote the one that is held."""
    return held == sent or same(as_stored(loads(held)), as_stored(loads(sent)))
