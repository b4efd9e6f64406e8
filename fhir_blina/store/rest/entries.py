"""The requests that write, a bundle of writes or a single one, and what a server made of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_blina.errors import StoreIncomplete
from fhir_blina.files import dumps
from fhir_blina.http import Answer, Transport, busy, pause_of_limit, retry_after
from fhir_blina.store.rest.writes import Write

_PREFERRED = {"Prefer": "return=minimal"}
AT_FAULT = frozenset({400, 404, 405, 412, 422})
"""Statuses of an entry that another try would not change."""


@dataclass(frozen=True, slots=True)
class Said:
    """The answer to one entry.

    Attributes:
        status: HTTP status.
        location: What the server stored it as, empty where it did not say.
        etag: Its version, empty where the server did not say.
        outcome: The OperationOutcome, None where there is none.
    """

    status: int
    location: str
    etag: str
    outcome: Any

    @property
    def ok(self) -> bool:
        """Whether it was stored."""
        return 200 <= self.status < 300

    @property
    def busy(self) -> bool:
        """Whether the server could not take it, this time: rate limits stand here."""
        return busy(self.status, dumps(self.outcome).encode() if self.status == 400 else b"")


def read_entries(answer: Answer, number: int) -> Iterator[Said]:
    """What became of each of so many entries.

    Raises:
        StoreIncomplete: another number of entries, or one without a status.
    """
    entries = answer.json.get("entry") if isinstance(answer.json, dict) else None
    if not isinstance(entries, list) or len(entries) != number:
        raise StoreIncomplete(
            f"the server answered {len(entries) if isinstance(entries, list) else 'no'} of {number} "
            "entries of a bundle. Push again"
        )
    for entry in entries:
        response = entry.get("response") if isinstance(entry, dict) else None
        said = str(response.get("status"))[:3] if isinstance(response, dict) else ""
        if not isinstance(response, dict) or not said.isdecimal():
            raise StoreIncomplete("the server did not say what became of an entry of a bundle. Push again")
        yield Said(
            int(said),
            str(response.get("location", "")),
            str(response.get("etag", "")),
            response.get("outcome") or entry.get("resource"),
        )


def names_what_became(answer: Answer, method: str) -> bool:
    """Whether a success of a single write says what became of it: its place, its version, or the resource."""
    if any(answer.headers.get(name) for name in ("location", "content-location", "etag", "last-modified")):
        return answer.json is not None or not answer.content
    return isinstance(answer.json, dict) or (method == "DELETE" and not answer.content)


def later_after(answer: Answer) -> float:
    """Seconds after which what was not taken may be sent again; 0 where the server does not say."""
    if pause_of_limit(answer.headers):
        return 0.0  # that has been waited for
    return retry_after(answer.headers) or pause_of_limit(answer.headers, refused=True)


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
