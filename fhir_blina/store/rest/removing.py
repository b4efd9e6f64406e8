"""Removing from a server: resources, what refers before what is referred to, and labels that went."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fhir_blina.errors import StoreRefused
from fhir_blina.files import dumps
from fhir_blina.http import Transport
from fhir_blina.store.contract import by_type
from fhir_blina.store.order import Unit, in_order
from fhir_blina.store.rest.capability import Capability
from fhir_blina.store.rest.fetching import Fetcher
from fhir_blina.store.rest.identity import by_identifier
from fhir_blina.store.rest.sending import Sender
from fhir_blina.store.rest.writes import delete


def remove(
    transport: Transport,
    capability: Capability,
    fetcher: Fetcher,
    held: Mapping[str, Sequence[str]],
    settled: Callable[[int], None],
) -> None:
    """Delete resources.

    Args:
        transport: To the server.
        capability: What it can do.
        fetcher: Reads from it.
        held: The server's ``Type/id`` of each, and what it refers to.
        settled: Told how many are done.

    Raises:
        StoreRefused: something else refers to one of them; the rest is removed.
    """
    order = in_order(held)
    units = [*order.first, *(unit for group in order.patients.values() for unit in group), *order.last]
    most = transport.pace.size if capability.bundle == "transaction" else 0
    _open_circles(transport, fetcher, [unit for unit in units if len(unit) > most], held)
    sender = Sender(transport, lambda key, _: delete(key, key), capability.bundle, settled)
    sender.send(units[::-1])
    if sender.rejected:
        raise StoreRefused(list(sender.rejected.values()))


def _open_circles(
    transport: Transport, fetcher: Fetcher, units: Sequence[Unit], held: Mapping[str, Sequence[str]]
) -> None:
    """Let those of a circle refer to each other by identifier; else, one by one, none could be deleted."""
    for unit in units:
        among = frozenset(unit)
        if any(target in among for key in unit for target in held[key]):
            for kind, names in by_type(unit).items():
                for key, found in fetcher.by_ids(kind, names).items():
                    body = dumps(by_identifier(found, among))
                    transport.request("PUT", key, body=body, headers={"Prefer": "return=minimal"})


def drop_labels(
    transport: Transport, place: str, before: Mapping[str, list[Any]], after: Mapping[str, Any]
) -> None:
    """Remove by ``$meta-delete`` what a PUT leaves in place.

    Args:
        transport: To the server.
        place: The server's ``Type/id``.
        before: ``meta`` as it was held: lists of tags, security labels and profiles.
        after: ``meta`` as it was sent.
    """
    gone = {
        part: [one for one in labels if not _among(one, after.get(part) or [])]
        for part, labels in before.items()
    }
    gone = {part: ones for part, ones in gone.items() if ones}
    if gone:
        body = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": gone}]}
        transport.request("POST", f"{place}/$meta-delete", body=dumps(body))


def _among(label: Any, labels: list[Any]) -> bool:
    """Whether a profile, or a tag with this system and code, is among others."""
    if isinstance(label, str):
        return label in labels
    code = (label.get("system"), label.get("code"))
    return any((one.get("system"), one.get("code")) == code for one in labels)
