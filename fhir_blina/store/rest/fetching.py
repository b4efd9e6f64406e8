"""Reading from a server: everything that was asked for, counted, or an error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from fhir_blina.errors import StoreIncomplete, StoreInconsistent, StoreRefused
from fhir_blina.files import Resource, dumps
from fhir_blina.http import Answer, Transport
from fhir_blina.r4 import key_of
from fhir_blina.store.rest.ahead import interleaved
from fhir_blina.store.rest.by_id import ById
from fhir_blina.store.rest.capability import Capability
from fhir_blina.store.rest.searches import (
    NO_POST,
    STRICT,
    Params,
    beside,
    is_bundle,
    matches,
    next_link,
    refuse_ignored,
    refuse_inclusions,
    tells_of_patients,
    total_of,
)

PAGE_SIZE = 1000
LONGEST_ADDRESS = 1500
MOST_RECOUNTS = 3
MOST_EMPTY_PAGES = 20
_EXPIRED = {404, 410}


@dataclass(frozen=True)
class Selection:
    """What to fetch, by resource type: search parameters of each.

    Attributes:
        params: For each type the search parameters that select its resources.
        since: Only resources stored after this instant.
    """

    params: Mapping[str, Params]
    since: str | None = None

    def narrowed(self, params: Mapping[str, Params]) -> Selection:
        """The same with further search parameters of some types."""
        more = {kind: dict(own) | dict(params.get(kind, {})) for kind, own in self.params.items()}
        return Selection(more, self.since)

    def of(self, kind: str) -> dict[str, str]:
        """The search parameters of one type, ``_lastUpdated`` among them."""
        more = {"_lastUpdated": f"gt{self.since}"} if self.since else {}
        return dict(self.params[kind]) | more


@dataclass(frozen=True)
class Page:
    """One page of a search.

    Attributes:
        kind: Resource type.
        resources: In the server's order.
        following: Address of the page after it, None after the last.
        first: Whether the search begins with it, also where it was started again.
    """

    kind: str
    resources: Sequence[Resource]
    following: str | None
    first: bool


@dataclass
class Fetcher:
    """Fetches resources and compares them with the server's own counts.

    Args:
        transport: To the server.
        capability: What the server can do.
        progress: Called as ``progress(step, done, total)``.
        posts: Whether the server is believed to take a search by POST; False once it did not.

    Attributes:
        notes: What happened on the way, a sentence each.
        counting: Whether the server says how many a search finds; False once it did not.
    """

    transport: Transport
    capability: Capability
    progress: Callable[[str, int, int], None]
    posts: bool = True
    notes: list[str] = field(default_factory=list)
    counting: bool = True

    def key(self, resource: Resource) -> str:
        """``Type/id`` of a resource that the server sent, which must be one of its release."""
        return key_of(resource, self.capability.release)

    def counts(self, selection: Selection) -> dict[str, int]:
        """How many resources of each type the server has, types without any left out.

        In one request where the server takes bundles, else in one a type.
        """
        kinds = sorted(selection.params)
        for kind in kinds:
            refuse_inclusions(kind, selection.params[kind])
        totals: list[Any] = []
        if self.capability.bundle and len(kinds) > 1:
            urls = [f"{kind}?{urlencode(selection.of(kind) | {'_summary': 'count'})}" for kind in kinds]
            bundle = {
                "resourceType": "Bundle",
                "type": "batch",
                "entry": [{"request": {"method": "GET", "url": url}} for url in urls],
            }
            answer = self.transport.request("POST", body=dumps(bundle))
            entries = answer.json.get("entry") if answer.ok and isinstance(answer.json, dict) else None
            if isinstance(entries, list) and len(entries) == len(kinds):
                found = [entry.get("resource") if isinstance(entry, dict) else None for entry in entries]
                totals = [total_of(one) for one in found]
        result = {}
        for position, kind in enumerate(kinds):
            total = totals[position] if totals else None
            count = self.count(kind, selection.of(kind)) if total is None else total
            if count:
                result[kind] = count
        return result

    def count(self, kind: str, params: Params) -> int:
        """``_summary=count`` of one search; where the server gives no total, what is on all its pages."""
        if self.counting:
            answer = self._search(kind, dict(params) | {"_summary": "count"})
            total = total_of(answer.json)
            if total is not None:
                return total
            if "total" in answer.json and not answer.json.get("entry"):
                raise StoreIncomplete(f"the server does not count its {kind} (_summary=count)")
            self.counting = False
            self._note("the server gives no totals: each search was followed to its last page twice")
        return len({one["id"] for page in self.pages(kind, params, None) for one in page.resources})

    def _search(self, kind: str, params: Params) -> Answer:
        apart = wanted = len(urlencode(params)) > LONGEST_ADDRESS or tells_of_patients(params)
        apart = apart and self.posts
        answer = (
            self.transport.request("POST", f"{kind}/_search", form=params, headers=STRICT)
            if apart
            else self.transport.get(kind, params=params, headers=STRICT)
        )
        if apart and answer.status in NO_POST:
            apart = self.posts = False
            answer = self.transport.get(kind, params=params, headers=STRICT)
        if wanted and not apart:
            self._note(f"the server takes no POST of a search for {kind}: its parameters went in the address")
        if not answer.ok or not is_bundle(answer):
            raise StoreRefused(f"the server refuses the search for {kind}: {answer.why()}")
        self._note(refuse_ignored(answer, kind, params, posted=apart))
        return answer

    def _note(self, sentence: str) -> None:
        if sentence and sentence not in self.notes:
            self.notes.append(sentence)

    def walk(self, selection: Selection, counts: Mapping[str, int]) -> Iterator[Resource]:
        """Every resource of a selection, by search, a page at a time in memory.

        The types come two at a time, page after page. Only when the last resource is out is it certain
        that none is missing.

        Args:
            selection: What to fetch.
            counts: What :meth:`counts` said just before; types not in it are not asked for.

        Raises:
            StoreIncomplete: an id twice, pages in a circle, or another number than counted.
        """
        total = sum(counts.values())
        held: Counter[str] = Counter()
        ids: dict[str, set[str]] = {kind: set() for kind in counts}
        pages = [self.pages(kind, selection.of(kind), counts[kind]) for kind in sorted(counts)]
        for page in interleaved(pages):
            known = ids[page.kind]
            for resource in page.resources:
                if resource["id"] not in known:  # a search that was started again sends some once more
                    known.add(resource["id"])
                    yield resource
            held[page.kind] = len(known)
            self.progress("pull", held.total(), total)

    def pages(
        self,
        kind: str,
        params: Params,
        count: int | None,
        *,
        begin: str | None = None,
        walked: Iterable[str] = (),
    ) -> Iterator[Page]:
        """The pages of one search, restarted once where one has expired.

        Args:
            kind: Resource type.
            params: Search parameters.
            count: What the server counted; it is asked once more where another number comes. None to count.
            begin: Address of the page to go on with; None for the first.
            walked: Ids on the pages before that one.

        Raises:
            StoreIncomplete: an id on two pages, pages in a circle, a page that is missing, another number
                than counted, empty pages or recounts without end.
        """
        first = begin is None
        restarted = False
        seen, earlier = set(walked), set[str]()
        visited = {begin}
        recounts = empty = 0
        answer = self._search(kind, _paged(params)) if begin is None else self.transport.get(begin)
        while True:
            if answer.status in _EXPIRED and not first and not restarted:
                first = restarted = True
                self.notes.append(f"a page of {kind} had expired; that search was started again")
                answer = self._search(kind, _paged(params))
                visited, seen, earlier = {None}, set(), seen
            if not answer.ok or not is_bundle(answer):
                raise StoreIncomplete(f"a page of the search for {kind} is missing: {answer.why()}")
            found = list(matches(answer, kind))
            empty = 0 if found else empty + 1
            if empty > MOST_EMPTY_PAGES:
                raise StoreInconsistent(
                    f"the server sent {empty} empty pages of {kind} one after the other, each with a next one"
                )
            for sentence in beside(answer, kind):
                self._note(sentence)
            for resource in found:
                key = self.key(resource)
                if resource["id"] in seen:
                    raise StoreInconsistent(f"the server sent {key} on two pages. Pull again")
                seen.add(resource["id"])
            link = next_link(answer)
            following = None if link is None else self.transport.anchored(link)
            if following is not None and following in visited:
                raise StoreInconsistent(f"the pages of the search for {kind} go in a circle")
            number = len(seen | earlier) if following is None else len(seen)
            if count is not None and (number > count or (number < count and following is None)):
                recounts += 1
                if recounts > MOST_RECOUNTS:
                    raise StoreInconsistent(
                        f"the server counts more {kind} each time it is asked. Pull again when it is at rest"
                    )
                again = self.count(kind, params)
                if number > again or (number < again and following is None):
                    raise StoreInconsistent(f"the server counts {count} {kind} and sent {number}. Pull again")
                count = again
            yield Page(kind, found, following, first)
            if following is None:
                return
            visited.add(following)
            first = False
            answer = self.transport.get(following)

    def compare(self, held: Mapping[str, int], counts: Mapping[str, int], selection: Selection) -> None:
        """Compare what was fetched of each type with the counts, and once more with new ones.

        Raises:
            StoreIncomplete: they differ.
        """
        found = {kind: number for kind, number in sorted(held.items()) if number}
        if found != dict(counts) and found != self.counts(selection):
            raise StoreInconsistent(f"the server counts {dict(counts)} and sent {found}. Pull again")

    def by_ids(self, kind: str, ids: Sequence[str]) -> dict[str, Resource]:
        """The resources of one type that exist among these ids; see :class:`ById`."""
        return ById(self.transport, self.capability.bundle != "", self.key, self.posts).all(kind, ids)


def _paged(params: Params) -> dict[str, str]:
    return dict(params) | {"_count": str(PAGE_SIZE)}
