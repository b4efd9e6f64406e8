"""The connection to another host than the configured one: one address, told by rule, and no credentials."""

from __future__ import annotations

import ipaddress
import socket

import httpx

from fhir_blina.errors import StoreRefused, StoreUnavailable
from fhir_blina.http.origin import Origin

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # what a network of IPv6 alone calls a public address of IPv4
# local NAT64 (RFC 8215), IPv4-compatible (RFC 4291), IPv4-translated (RFC 2765), site-local (RFC 3879)
_WRAPPING = tuple(map(ipaddress.IPv6Network, ("64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96", "fec0::/10")))

# what Python's register of IANA's does not know yet, or calls global: documentation (RFC 9637), the relay of
# 6to4 that is no more (RFC 7526), protocol assignments (RFC 6890)
_NOT_PUBLIC = tuple(map(ipaddress.ip_network, ("3fff::/20", "192.88.99.0/24", "192.0.0.0/24")))

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def path_of(url: str) -> str:
    """Path and query of an address, as they are sent."""
    return httpx.URL(url).raw_path.decode("ascii")


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
    """Whether an address belongs to the public internet.

    Python's ``ipaddress`` has IANA's registers. An IPv6 address that wraps one of IPv4, in whichever way, is
    public if both are; the forms that wrap one behind a translator or in a tunnel are not public at all.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _WRAPPING) or address.teredo or address.sixtofour:
            return False
        inner = address.ipv4_mapped
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if int(address) & 0xFFFF_FFFF_0000_0000 in {0x5EFE_0000_0000, 0x0200_5EFE_0000_0000}:
            return False  # ISATAP, RFC 5214
    return address.is_global and not (
        any(address.version == one.version and address in one for one in _NOT_PUBLIC)
        or address.is_multicast
        or address.is_reserved
        or address.is_private
        or address.is_unspecified
    )


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
