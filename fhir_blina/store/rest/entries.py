"""What a server made of each entry of a bundle of writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fhir_blina.errors import StoreIncomplete
from fhir_blina.files import dumps
from fhir_blina.http import Answer, busy, pause_of_limit, retry_after

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
