"""The REST store: a FHIR R4 server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from fhir_blina.errors import Finding, StoreRefused
from fhir_blina.files import Resource
from fhir_blina.http import origin_of
from fhir_blina.r4 import key_of, targets_of
from fhir_blina.store.contract import (
    Plan,
    Progress,
    PullResult,
    PushResult,
    Resources,
    by_type,
    counted,
    no_progress,
)
from fhir_blina.store.rest.identity import FIRST_FEW, gave_ids
from fhir_blina.store.rest.pulling import Pull
from fhir_blina.store.rest.pushing import Push
from fhir_blina.store.rest.reading import RestReader
from fhir_blina.store.rest.removing import remove
from fhir_blina.store.rest.verifying import Digests
from fhir_blina.store.rest.writes import IdsRefused
from fhir_blina.store.sent import Sent, refuse_to_write
from fhir_blina.store.sources import source_of

NO_IDS_OF_OURS = (
    "the server announces that a PUT creates under an id of ours, and refuses it; "
    "so the server assigns the ids"
)


class RestStore(RestReader):
    """A FHIR server of a release, R4 by default; a :class:`fhir_blina.store.Store`.

    Made as :class:`fhir_blina.store.rest.reading.RestReader` is.
    """

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
        patients: Sequence[str] = (),
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
            patients: Ids of patients at the server: they and what is about them, a search of one patient and
                one type after the other, as EHRs want it.
        """
        if patients and (cohort or group):
            raise StoreRefused("patients are chosen in place of a cohort or a Group, not beside one")
        origins = frozenset(map(origin_of, files_from))
        selection = self._selection(cohort, types or sorted(params or ()) or None, since).narrowed(
            params or {}
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
            profile=self.profile,
            patients=patients,
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
