"""The requests that write: a bundle of writes, or a single one."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_blina.files import dumps
from fhir_blina.http import Answer, Transport
from fhir_blina.store.rest.entries import names_what_became
from fhir_blina.store.rest.writes import Write

_PREFERRED = {"Prefer": "return=minimal"}


def bundle_of(writes: Sequence[Write], bundle: str) -> str:
    """Some writes as a Bundle."""
    return dumps({"resourceType": "Bundle", "type": bundle, "entry": [write.entry() for write in writes]})


def ask(transport: Transport, text: str, writes: Sequence[Write], doubt_tries: int) -> Answer:
    """What the server says to a bundle.

    Args:
        transport: To the server.
        text: The bundle.
        writes: What is in it.
        doubt_tries: How often what is refused in doubt is sent again.
    """
    return transport.request(
        "POST",
        body=text,
        headers=_PREFERRED,
        divisible=len(writes) > 1,
        doubt_tries=doubt_tries,
        repeatable=all(write.repeatable for write in writes),
        expects=lambda answer: _answers(answer, len(writes)),
    )


def _answers(answer: Answer, number: int) -> bool:
    """Whether an answer says what became of each of so many entries."""
    entries = answer.json.get("entry") if isinstance(answer.json, dict) else None
    return isinstance(entries, list) and len(entries) == number


def ask_one(transport: Transport, write: Write, *, quiet: bool) -> Answer:
    """What the server says to a single request instead of a bundle.

    Args:
        transport: To the server.
        write: What is sent.
        quiet: Whether it is known that the server does not say what became of a write.
    """
    condition = {"If-None-Exist": write.if_none_exist} if write.if_none_exist else {}
    return transport.request(
        write.method,
        write.url,
        body=dumps(write.resource) if write.resource else None,
        headers=_PREFERRED | condition,
        repeatable=write.repeatable,
        expects=lambda answer: quiet or names_what_became(answer, write.method),
    )


def location_of(answer: Answer, write: Write) -> str:
    """Where an answer to a single request says that it was stored, empty where it does not."""
    body = answer.json if isinstance(answer.json, dict) else {}
    location = answer.headers.get("location") or answer.headers.get("content-location") or ""
    if not location and body.get("resourceType") == write.key.split("/", 1)[0]:
        return f"{body['resourceType']}/{body.get('id', '')}"
    return location
