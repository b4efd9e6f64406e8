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

import ipaddress
import socket
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import urlsplit

import httpx

from fhir_blina.errors import StoreRefused, StoreUnavailable
from fhir_blina.http.origin import Origin, origin_of
from fhir_blina.http.transport import Answer, Transport

_ACCEPT = {"Accept": "application/fhir+ndjson"}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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
        path = httpx.URL(url).raw_path.decode("ascii").lstrip("/")
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


def resolved(origin: Origin, *, private: bool) -> str:
    """The address of an origin's host, to connect to.

    Args:
        origin: The origin.
        private: Whether an address of this machine or of a network that is not public is taken.

    Raises:
        StoreRefused: it has an address that is not public.
        StoreUnavailable: the name is not known.
    """
    try:
        found = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise StoreUnavailable(f"a file of the export lies on {origin}, which has no address here") from None
    addresses = [str(one[4][0]) for one in found]
    if not private and not all(is_public(ipaddress.ip_address(one.split("%")[0])) for one in addresses):
        raise StoreRefused(
            f"a file of the export lies on {origin}, which is this machine or one of a network that is not "
            f"public. Say --files-from {origin} if that is right"
        )
    return addresses[0]


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet, also where IPv6 wraps one of IPv4."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


class _Pinned(httpx.HTTPTransport):
    """Connects to one address, whatever the name means by then; TLS still checks the name."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions |= {"sni_hostname": request.url.raw_host.decode("ascii")}
        request.url = request.url.copy_with(host=self._address)
        return super().handle_request(request)


def bare_client(address: str) -> httpx.Client:
    """A client for one origin: it knows no credentials and no proxy, and connects to ``address`` only."""
    return httpx.Client(transport=_Pinned(address), timeout=120.0, follow_redirects=False)
