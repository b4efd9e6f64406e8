"""One resource on its way to a server, and what the server made of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fhir_blina.files import Resource


class IdsRefused(Exception):  # noqa: N818 - caught where the push begins again
    """The server creates nothing under an id of ours, whatever it announces; nothing is stored yet."""


@dataclass(frozen=True, slots=True)
class Write:
    """One resource on its way to the server.

    Attributes:
        key: Our ``Type/id``.
        method: ``PUT``, ``POST`` or ``DELETE``.
        url: What follows the base.
        resource: The body, None for DELETE.
        if_none_exist: Condition of a create.
        full_url: By which others of its transaction refer to it, where the server gives it its id.
        partial: Whether it refers to some by identifier that are to be stored yet.
    """

    key: str
    method: str
    url: str
    resource: Resource | None = None
    if_none_exist: str = ""
    full_url: str = ""
    partial: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does the same as once."""
        return self.method != "POST" or bool(self.if_none_exist)

    def entry(self) -> dict[str, Any]:
        """The write as an entry of a Bundle."""
        request = {"method": self.method, "url": self.url}
        if self.if_none_exist:
            request["ifNoneExist"] = self.if_none_exist
        entry: dict[str, Any] = {"resource": self.resource} if self.resource else {}
        return entry | ({"fullUrl": self.full_url} if self.full_url else {}) | {"request": request}


Make = Callable[[str, Collection[str]], Write]
"""The write of one of our keys, and the keys with which it goes in one transaction."""


@dataclass(frozen=True, slots=True)
class Written:
    """What the server made of a write.

    Attributes:
        status: HTTP status of the entry.
        location: ``Type/id`` at the server, empty where it did not say.
        version: ``versionId``, empty where it did not say.
    """

    status: int
    location: str
    version: str


def delete(key: str, url: str) -> Write:
    """Delete what the server holds at ``url``."""
    return Write(key, "DELETE", url)


def condition(system: str, value: str) -> str:
    """The search that finds a resource by its identifier."""
    return f"identifier={quote(system, safe='')}%7C{quote(value, safe='')}"
