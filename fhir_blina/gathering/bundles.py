"""The resources in a Bundle, with ids, and what its full URLs name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir_blina.files import Resource, dumps

_URN = re.compile(r"urn:(?:uuid|oid):(.+)", re.IGNORECASE)
_LAST = re.compile(r".*/([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
MOST_NESTED = 8


@dataclass(frozen=True)
class Entry:
    """A resource of a Bundle.

    Attributes:
        number: Of the entry, from 1.
        resource: The resource, with an id.
        full_url: As it stands, empty where there is none.
        given: Whether it had no id and was given one.
    """

    number: str
    resource: Any
    full_url: str
    given: bool


@dataclass
class Opened:
    """What a Bundle holds.

    Attributes:
        entries: Its resources, those of Bundles in it too.
        named: ``Type/id`` by full URL.
        older: Entries that delete, or are older versions of what stands before them.
        bundles: Bundles, with those in it.
        more: Whether it says that there is a next page.
    """

    entries: list[Entry]
    named: dict[str, str]
    older: int = 0
    bundles: int = 1
    more: bool = False


def id_of(resource: Resource, full_url: str = "") -> str:
    """The id for a resource that has none: of its full URL, else one made from its content."""
    if (urn := _URN.fullmatch(full_url)) and _ID.fullmatch(urn[1]):
        return urn[1]
    if (url := _LAST.fullmatch(full_url)) and url[1] == resource.get("resourceType"):
        return url[2]
    content = full_url or dumps(resource, sort_keys=True, ascii_only=True)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def opened_bundle(bundle: Mapping[str, Any], depth: int = 0) -> Opened:
    """Open a Bundle of any type; what is malformed in it comes as an entry that is no resource."""
    kind = bundle.get("type")
    links = bundle.get("link")
    found = Opened([], {})
    found.more = isinstance(links, list) and any(
        isinstance(link, dict) and link.get("relation") == "next" for link in links
    )
    stated = bundle.get("entry", [])
    if not isinstance(stated, list):
        found.entries.append(Entry("entry", None, "", given=False))
        return found
    seen: set[str] = set()
    for number, entry in enumerate(stated, start=1):
        if not isinstance(entry, dict):
            found.entries.append(Entry(str(number), None, "", given=False))
            continue
        _take(found, entry, str(number), history=kind == "history", seen=seen, depth=depth)
    return found


def _take(
    found: Opened, entry: dict[str, Any], number: str, *, history: bool, seen: set[str], depth: int
) -> None:
    full_url = entry.get("fullUrl")
    full_url = full_url if isinstance(full_url, str) else ""
    request = entry.get("request")
    deletes = isinstance(request, dict) and request.get("method") == "DELETE"
    resource = entry.get("resource")
    if history:
        name = full_url or str(request.get("url") if isinstance(request, dict) else "")
        if name and name in seen:
            found.older += 1
            return
        seen.add(name)
    if deletes:
        found.older += 1
        return
    if resource is None:
        return  # an answer to a transaction, or a search's entry without content
    if isinstance(resource, dict) and resource.get("resourceType") == "Bundle":
        if depth >= MOST_NESTED:
            found.entries.append(Entry(number, None, "", given=False))
            return
        inner = opened_bundle(resource, depth + 1)
        found.bundles += inner.bundles
        found.older += inner.older
        found.more = found.more or inner.more
        found.named |= inner.named
        found.entries += [
            Entry(f"{number}.{one.number}", one.resource, one.full_url, one.given) for one in inner.entries
        ]
        return
    given = isinstance(resource, dict) and "id" not in resource
    if given:
        resource = {**resource, "id": id_of(resource, full_url)}
    found.entries.append(Entry(number, resource, full_url, given))
    if isinstance(resource, dict) and full_url:
        found.named[full_url] = f"{resource.get('resourceType')}/{resource['id']}"
