"""Resources by their ids: reads in batches where a server takes them, else searches, else one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fhir_blina.errors import StoreRefused
from fhir_blina.files import Resource, dumps
from fhir_blina.http import Transport
from fhir_blina.store.rest.searches import NO_POST, is_bundle, matches, next_link

IDS_AT_ONCE = 200
GONE = {404, 410}


@dataclass(frozen=True)
class ById:
    """Fetches the resources of one type by their ids.

    Attributes:
        transport: To the server.
        bundles: Whether the server takes bundles.
        key: ``Type/id`` of a resource that the server sent.
        posts: Whether it is believed to take a search by POST.
    """

    transport: Transport
    bundles: bool
    key: Callable[[Resource], str]
    posts: bool = True

    def all(self, kind: str, ids: Sequence[str]) -> dict[str, Resource]:
        """The resources of one type that exist among these ids. Ids stay out of addresses.

        By reads in a batch where the server takes bundles (HAPI's search by ``_id`` is ten times slower),
        else by search.
        """
        found: dict[str, Resource] = {}
        for start in range(0, len(ids), IDS_AT_ONCE):
            part = ids[start : start + IDS_AT_ONCE]
            found |= self._read(kind, part) if self.bundles else self._found(kind, part)
        return found

    def _read(self, kind: str, ids: Sequence[str]) -> dict[str, Resource]:
        entries = [{"request": {"method": "GET", "url": f"{kind}/{name}"}} for name in ids]
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
        answer = self.transport.request("POST", body=dumps(bundle))
        answered = answer.json.get("entry") if answer.ok and is_bundle(answer) else None
        if not isinstance(answered, list) or len(answered) != len(ids):
            return self._found(kind, ids)
        found, failed = {}, []
        for name, entry in zip(ids, answered, strict=True):
            status = str((entry.get("response") or {}).get("status", ""))[:3]
            if status == "200" and isinstance(entry.get("resource"), dict):
                found[self.key(entry["resource"])] = entry["resource"]
            elif status not in {"404", "410"}:
                failed.append(name)  # its database was away for a moment, most likely
        return found | self._found(kind, failed) if failed else found

    def _found(self, kind: str, ids: Sequence[str]) -> dict[str, Resource]:
        if not self.posts:
            return self._one_by_one(kind, ids)
        form = {"_id": ",".join(ids), "_count": str(len(ids))}
        answer = self.transport.request("POST", f"{kind}/_search", form=form)
        if answer.status in NO_POST:
            return self._one_by_one(kind, ids)
        found: dict[str, Resource] = {}
        while True:
            if not answer.ok or not is_bundle(answer):
                raise StoreRefused(f"the server refuses the search for {kind} by _id: {answer.why()}")
            before = len(found)
            found |= {self.key(resource): resource for resource in matches(answer, kind)}
            link = next_link(answer)
            if link is None or len(found) == before or len(found) > len(ids):
                return found
            answer = self.transport.get(self.transport.anchored(link))

    def _one_by_one(self, kind: str, ids: Sequence[str]) -> dict[str, Resource]:
        """By a read each, where a search cannot be sent by POST."""
        found: dict[str, Resource] = {}
        for name in ids:
            answer = self.transport.get(f"{kind}/{name}")
            if answer.ok and isinstance(answer.json, dict):
                found[self.key(answer.json)] = answer.json
            elif answer.status not in GONE:
                raise StoreRefused(f"the server refuses to read {kind}: {answer.why()}")
        return found
