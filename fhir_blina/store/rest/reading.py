"""A FHIR server as it is read: what it can do, which kind it is, what it holds of a cohort."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from fhir_blina.errors import StoreInconsistent, StoreRefused
from fhir_blina.files import COHORT_SYSTEM, Resource
from fhir_blina.http import Client, Pace, Transport
from fhir_blina.r4 import R4, FhirRelease, checked_types, key_of
from fhir_blina.store.contract import Progress, belongs_to, no_progress
from fhir_blina.store.rest.capability import Capability, read_capability
from fhir_blina.store.rest.fetching import Fetcher, Selection
from fhir_blina.store.rest.profiles import Profile, recognised

TOKEN_VARIABLE = "FHIR_BLINA_TOKEN"  # noqa: S105 - the name of a variable
T = TypeVar("T")


class RestReader:
    """A FHIR server as it is read: what it can do, which kind it is, what it holds.

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
        posts = self.profile.value("search_by_post") is not False
        return Fetcher(self._transport, self.capability, progress, posts=posts)

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
