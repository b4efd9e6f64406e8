"""Where a file of an export may be fetched, and with what: the rule, and the connection to another host.

===============================================  =======================================================
the file's address                               then
===============================================  =======================================================
no host, or the configured origin                from there, with credentials unless the manifest says
                                                 ``requiresAccessToken: false``
the origin by which the server named the export  the same, at the configured origin: the server does not
itself (``Content-Location``)                    know under which name a proxy shows it
another origin, ``requiresAccessToken: true``    refused: a token goes to the configured origin only
another origin, ``requiresAccessToken: false``   from there without credentials, by https, and from
                                                 addresses of the public internet only, unless the user
                                                 named the origin
===============================================  =======================================================
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import urlsplit

from fhir_blina.errors import StoreRefused
from fhir_blina.http import Answer, Origin, Transport, bare_client, origin_of, path_of, resolved

_ACCEPT = {"Accept": "application/fhir+ndjson"}


@dataclass
class Files:
    """Downloads the files of one export.

    Args:
        transport: To the configured server.
        claimed: ``Content-Location`` of the export, as the server gave it.
        needs_token: ``requiresAccessToken`` of the manifest.
        named: Further origins that the user named for files.
    """

    transport: Transport
    claimed: str
    needs_token: bool
    named: Collection[Origin] = ()
    _others: dict[Origin, Transport] = field(default_factory=dict)

    def fetch(self, url: str, into: BinaryIO) -> Answer:
        """Download a file; its content goes into ``into``.

        Raises:
            StoreRefused: it may not be fetched from there, see above.
            StoreUnavailable: no answer.
            StoreIncomplete: larger than an answer may be.
        """
        try:
            relative = not urlsplit(url).scheme and not urlsplit(url).netloc
        except ValueError:
            relative = False
        if relative:
            return self._own(self.transport.anchored(url), into)
        origin = origin_of(url)
        if origin == origin_of(self.transport.base):
            return self._own(url, into)
        if urlsplit(self.claimed).netloc and origin == origin_of(self.claimed):
            return self._own(self.transport.anchored(url), into)
        if self.needs_token:
            raise StoreRefused(
                f"a file of the export lies on {origin} and needs our token, which is sent to "
                f"{self.transport.base} only. Pull by search"
            )
        path = path_of(url).lstrip("/")
        return self._other(origin).get(path, headers=_ACCEPT, credentials=False, into=into)

    def _own(self, url: str, into: BinaryIO) -> Answer:
        return self.transport.get(url, headers=_ACCEPT, credentials=self.needs_token, into=into)

    def _other(self, origin: Origin) -> Transport:
        if origin not in self._others:
            named = origin in self.named
            if not named and origin.scheme != "https":
                raise StoreRefused(
                    f"a file of the export lies on {origin}, where others could read it on the way. "
                    f"Say --files-from {origin} if that is right"
                )
            address = resolved(origin, private=named)
            client = bare_client(address)
            self._others[origin] = Transport(str(origin), client=client, sleep=self.transport.sleep)
        return self._others[origin]
