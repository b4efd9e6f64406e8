"""How each resource is written: under our id or the server's, and by which names it refers to others."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from fhir_blina.files import RESOURCE_KEY_SYSTEM, Resource
from fhir_blina.r4 import identifier_value, target_of, targets_of, with_references
from fhir_blina.store.rest.capability import Capability
from fhir_blina.store.rest.identity import by_identifier
from fhir_blina.store.rest.writes import Write, Written, condition


@dataclass
class Writer:
    """Makes the write of one of our keys.

    Under our id it is a PUT. Where the server assigns the id, what it holds is replaced under the server's
    id; what is new goes by a conditional create, which takes nothing that another cohort has under the same
    identifier, else by a conditional update; where the server can search for neither, by a plain create.

    A reference to what the same transaction brings is its ``urn:uuid``, which the server replaces by the id
    that it gives (R4, http.html#trules). One to a resource of the same circle that is neither stored nor in
    the transaction is a logical one; such a resource is written once more when all of the circle is stored.

    Args:
        sent: Our resources by our ``Type/id``.
        held: Ours to the server's ``Type/id``, of what it held before.
        written: What became of each so far.
        capability: What the server can do.
        own_ids: Whether the server takes our ids.

    Attributes:
        circle_of: For those that refer to each other, or to themselves, who does.
        conditional: Whether the server does as a conditional create asks.
    """

    sent: Mapping[str, Resource]
    held: Mapping[str, str]
    written: Mapping[str, Written]
    capability: Capability
    own_ids: bool
    circle_of: dict[str, Collection[str]] = field(default_factory=dict)
    conditional: bool = True

    def place_of(self, key: str) -> str:
        """The server's ``Type/id`` of one of ours, empty where it is not stored yet."""
        written = self.written.get(key)
        there = written and (written.location or (key if self.own_ids else ""))
        return self.held.get(key) or there or ""

    def __call__(self, key: str, together: Collection[str]) -> Write:
        """The write of a key that goes in one transaction with these."""
        resource = self.sent[key]
        circle = self.circle_of.get(key, ())
        absent = {one for one in circle if one not in together and not self.place_of(one)}
        partial = not absent.isdisjoint(targets_of(resource)) if absent else False
        body = by_identifier(resource, absent)
        if self.own_ids:
            return Write(key, "PUT", key, body, partial=partial)

        def named(reference: str) -> str:
            target = target_of(reference)
            return self.place_of(target) or (full_url(target) if target in together else reference)

        body = with_references(body, named)
        if place := self.place_of(key):
            return Write(key, "PUT", place, body | {"id": place.split("/", 1)[1]}, partial=partial)
        del body["id"]
        url, if_none_exist = self._way(key, resource)
        method = "PUT" if "?" in url else "POST"
        name = full_url(key) if together else ""
        return Write(key, method, url, body, if_none_exist=if_none_exist, full_url=name, partial=partial)

    def _way(self, key: str, resource: Resource) -> tuple[str, str]:
        """The address of a create, and its condition."""
        kind = key.split("/", 1)[0]
        can = self.capability.of(kind)
        value = identifier_value(resource, RESOURCE_KEY_SYSTEM)
        if value is None or "identifier" not in can.search:
            return kind, ""
        found_by = condition(RESOURCE_KEY_SYSTEM, value)
        if can.conditional_create and self.conditional:
            return kind, found_by
        return (f"{kind}?{found_by}", "") if can.conditional_update else (kind, "")


def full_url(key: str) -> str:
    """A ``urn:uuid`` of one of our keys, always the same."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{RESOURCE_KEY_SYSTEM}/{key}").urn
