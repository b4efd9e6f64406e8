"""The REST store: a FHIR R4 server."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

from fhir_blina.errors import Finding, StoreInconsistent, StoreRefused
from fhir_blina.files import COHORT_SYSTEM, Resource
from fhir_blina.http import Client, Pace, Transport, origin_of
from fhir_blina.r4 import R4, FhirRelease, checked_types, key_of, targets_of
from fhir_blina.store.contract import (
    Plan,
    Progress,
    PullResult,
    PushResult,
    Resources,
    belongs_to,
    by_type,
    counted,
    no_progress,
)
from fhir_blina.store.rest.capability import Capability, read_capability
from fhir_blina.store.rest.fetching import Fetcher, Selection
from fhir_blina.store.rest.identity import FIRST_FEW, gave_ids
from fhir_blina.store.rest.profiles import Profile, recognised
from fhir_blina.store.rest.pulling import Pull
from fhir_blina.store.rest.pushing import Push
from fhir_blina.store.rest.removing import remove
from fhir_blina.store.rest.verifying import Digests
from fhir_blina.store.rest.writes import IdsRefused
from fhir_blina.store.sent import Sent, refuse_to_write
from fhir_blina.store.sources import source_of

TOKEN_VARIABLE = "FHIR_BLINA_TOKEN"  # noqa: S105 - the name of a variable
T = TypeVar("T")
NO_IDS_OF_OURS = (
    "the server announces that a PUT creates under an id of ours, and refuses it; "
    "so the server assigns the ids"
)


class RestStore:
    """A FHIR R4 server; a :class:`fhir_blina.store.Store`.

    Args:
        base: Base URL, for example ``http://127.0.0.1:8080/fhir``.
        token: Bearer token, or a function that gets one. None: what ``FHIR_BLINA_TOKEN`` holds, if anything.
        user: Name and password for HTTP Basic.
        headers: Sent with every request.
        ids: ``client`` stores under our ids, ``server`` lets the server assign them and finds resources by
            identifier, ``auto`` does what the CapabilityStatement allows.
        via: ``search``, ``export``, or ``auto``: ``$export`` above 100,000 resources, else search.
        size: Entries in a bundle, at most.
        workers: Requests in flight, at most.
        timeout: Seconds for connecting, reading and writing.
        client: An ``httpx.Client`` of one's own, for tests.
        sleep: Waits that many seconds, for tests.
        release: The release of FHIR that the server speaks.

    Raises:
        StoreRefused: the address is not one of a server, or holds a user name or password.
    """

    def __init__(
        self,
        base: str,
        *,
        token: str | Callable[[], str] | None = None,
        user: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        ids: str = "auto",
        via: str = "auto",
        size: int = 200,
        workers: int = 2,
        timeout: float = 120.0,
        client: Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
        release: FhirRelease = R4,
    ) -> None:
        self.release = release
        self._transport = Transport(
            base,
            token=token or os.environ.get(TOKEN_VARIABLE) or None,
            user=user,
            headers=headers,
            timeout=timeout,
            client=client,
            sleep=sleep,
        )
        self._ids, self._via, self._headers = ids, via, dict(headers or {})
        self._limits = (size, workers)
        self._transport.pace = Pace(size, workers)
        self._capability: Capability | None = None

    @property
    def location(self) -> str:
        """The base URL."""
        return self._transport.base

    @property
    def transport(self) -> Transport:
        """The connection, for :func:`fhir_blina.store.rest.doctor.examine`."""
        return self._transport

    @property
    def capability(self) -> Capability:
        """What the server can do, asked once.

        Raises:
            StoreRefused: not a server of the release.
            StoreUnavailable: it does not answer.
        """
        if self._capability is None:
            said = read_capability(self._transport, self.release)
            self._capability = recognised(self.location, said.software).corrected(said)
        return self._capability

    @property
    def profile(self) -> Profile:
        """The kind of server that it is, as far as it is a known one."""
        return recognised(self.location, self.capability.software)

    def _own_ids(self, kinds: Sequence[str]) -> bool:
        if self._ids == "auto":
            return self.capability.takes_ids(kinds, self.profile.takes_ids)
        return self._ids == "client"

    def _fetcher(self, progress: Progress = no_progress) -> Fetcher:
        return Fetcher(self._transport, self.capability, progress)

    def _kinds(self, types: Sequence[str] | None) -> list[str]:
        return sorted(self.capability.types if types is None else checked_types(types, self.release))

    def _selection(
        self, cohort: str | None, types: Sequence[str] | None = None, since: str | None = None
    ) -> Selection:
        params = {"_tag": f"{COHORT_SYSTEM}|{cohort}"} if cohort else {}
        return Selection(dict.fromkeys(self._kinds(types), params), since)

    def counts(self, cohort: str | None = None) -> dict[str, int]:
        """Resources by type: one cohort's, or all."""
        return self._fetcher().counts(self._selection(cohort))

    def walk(self, cohort: str) -> Iterator[Resource]:
        """What the server holds of a cohort, as it sends it, a page at a time in memory.

        Only when the last resource is out is it certain that none is missing.

        Raises:
            StoreRefused: the server ignores the search by tag.
            StoreIncomplete: an id twice, pages in a circle, or another number than the server counts.
        """
        fetcher, selection = self._fetcher(), self._selection(cohort)
        for resource in fetcher.walk(selection, fetcher.counts(selection)):
            if not belongs_to(resource, cohort):
                raise StoreRefused(f"{self.location} ignores _tag, so one cohort cannot be told from another")
            yield resource

    def held(self, cohort: str) -> dict[str, Resource]:
        """All of :meth:`walk` at once, by the server's ``Type/id``; three tries while others write."""
        return self._read(cohort, lambda found: {key_of(one, self.release): one for one in found})

    def _read(self, cohort: str, take: Callable[[Iterator[Resource]], T]) -> T:
        """What ``take`` makes of :meth:`walk`; three tries while others write."""
        tries = 3
        while True:
            try:
                return take(self.walk(cohort))
            except StoreInconsistent:
                tries -= 1
                if not tries:
                    raise

    def _push(
        self,
        resources: Resources,
        cohort: str,
        progress: Progress = no_progress,
        origins: Mapping[str, str] | None = None,
    ) -> Push:
        started = time.perf_counter()
        sent = Sent(resources, cohort, self.release, origins)
        for kind, names in by_type(sent).items():
            if kind not in self.capability.types:
                lacking = [f"{kind}/{name}" for name in names]
                sent.refuse(lacking, f"{self.location} does not store {kind}", "See fhir-blina doctor")
        size, workers = self._limits
        self._transport.pace = self.profile.pace(min(size, self._transport.pace.most), workers)
        own_ids = self._own_ids(sorted({key.split("/", 1)[0] for key in sent}))

        def made(held: Iterator[Resource]) -> Push:
            begun = list(islice(held, FIRST_FEW))
            return Push(
                self._transport,
                self.capability,
                self._fetcher(),
                sent,
                cohort,
                chain(begun, held),
                own_ids=own_ids and not gave_ids(begun),
                progress=progress,
                started=started,
            )

        return self._read(cohort, made)

    def plan(self, resources: Resources, *, cohort: str, remove_orphans: bool | None = None) -> Plan:
        """What :meth:`push` would do; see :class:`Store`."""
        self.profile.refuse_writes()
        plan = self._push(resources, cohort).plan(remove_orphans is True)
        return replace(plan, notes=(self.profile.expected(plan.writes),))

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
        """Store the resources; see :class:`Store`. What is stored already is not sent."""
        if verify not in {"counts", "sample", "full"}:
            raise StoreRefused(f"verify is counts, sample or full, not {verify}")
        refuse_to_write(rejects)
        self.profile.refuse_writes()
        resources = source_of(resources)

        def held(take: Callable[[Iterable[Resource]], Digests]) -> Digests:
            return self._read(cohort, take)

        def pushed() -> PushResult:
            push = self._push(resources, cohort, progress, origins)
            return push.run(remove_orphans is True, verify, rejects, held, lambda: self.counts(cohort))

        try:
            return pushed()
        except IdsRefused:
            self._ids = "server"
            result = pushed()
            return replace(result, notes=(*result.notes, NO_IDS_OF_OURS))

    def pull(
        self,
        folder: Path,
        *,
        cohort: str | None = None,
        types: Sequence[str] | None = None,
        since: str | None = None,
        progress: Progress = no_progress,
        params: Mapping[str, Mapping[str, str]] | None = None,
        group: str | None = None,
        resume: bool = True,
        files_from: Sequence[str] = (),
    ) -> PullResult:
        """Write the stored resources to ``folder``; see :class:`Store` and ``pulling``.

        Args:
            folder: As for every store.
            cohort: As for every store.
            types: As for every store.
            since: As for every store.
            progress: As for every store.
            params: Further search parameters by resource type, for example
                ``{"Observation": {"code": "http://loinc.org|26881-3"}}``; only these types then.
            group: Id of a Group: only its members and what is about them, by ``$export`` of the Group.
            resume: Go on with what an interrupted pull left beside the folder, if the server still has the
                same; False starts anew.
            files_from: Further origins (``https://files.example``) that files of an export may come from.
                They get no credentials.
        """
        origins = frozenset(map(origin_of, files_from))
        selection = self._selection(cohort, types or (sorted(params) if params else None), since)
        if params:
            selection = Selection(
                {
                    kind: dict(selection.params[kind]) | dict(params.get(kind, {}))
                    for kind in selection.params
                },
                since,
            )
        pull = Pull(
            self._fetcher(progress),
            selection,
            cohort=cohort,
            group=group,
            via=self._via,
            headers=self._headers,
            files_from=origins,
            own_ids=self._own_ids,
        )
        return pull.save(folder, resume=resume)

    def unload(self, cohort: str, *, progress: Progress = no_progress) -> dict[str, int]:
        """Remove the cohort's resources and nothing else; see :class:`Store`.

        Raises:
            StoreRefused: a resource of somebody else refers to one of the cohort's; the rest is removed.
        """
        held = self._read(cohort, lambda found: {key_of(one, self.release): targets_of(one) for one in found})
        done = 0

        def settled(number: int) -> None:
            nonlocal done
            done += number
            progress("unload", done, len(held))

        remove(self._transport, self.capability, self._fetcher(), held, settled)
        if left := self.counts(cohort):
            raise StoreRefused(f"{self.location} still holds {left} of cohort {cohort}. Unload again")
        return counted(by_type(held))

    def validate(
        self, resources: Sequence[Resource], *, values: bool = False, progress: Progress = no_progress
    ) -> list[Finding]:
        """The server's own judgement: ``$validate`` of every resource.

        Args:
            resources: What to judge; nothing is stored.
            values: Keep quoted values in the messages. They can be a patient's.
            progress: Told how far it is.

        Returns:
            Findings at ``Type/id``, in the order of the resources.

        Raises:
            StoreRefused: the server has no ``$validate``.
        """
        from fhir_blina.store.rest.judging import validate_on

        return validate_on(self._transport, self.capability, resources, values=values, progress=progress)

    def load_definitions(
        self, resources: Sequence[Resource], *, progress: Progress = no_progress
    ) -> dict[str, int]:
        """Store conformance resources under their own ids; see ``store.judging``."""
        from fhir_blina.store.rest.judging import load_definitions

        return load_definitions(self._transport, self.release, resources, progress=progress)
