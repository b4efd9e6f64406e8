"""Where credentials may go: to one origin, told by parsed scheme, host and port, never by how text begins."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import httpx

from fhir_blina.errors import StoreRefused

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
OVER_HTTPS_ONLY = (
    "credentials are sent over https only, or to this machine. "
    "If the way to the other machine is safe by other means, write plain_http: allow in the settings file"
)
_PORTS = {"http": 80, "https": 443}
_log = logging.getLogger(__name__)
_warned: set[Origin] = set()


@dataclass(frozen=True)
class Origin:
    """Scheme, host and effective port of an address.

    Attributes:
        scheme: ``http`` or ``https``.
        host: In lower case, international names in their ASCII form.
        port: The one that is connected to, written or not.
    """

    scheme: str
    host: str
    port: int

    @property
    def private(self) -> bool:
        """Whether nobody on the way can read along: https, or this machine."""
        return self.scheme == "https" or self.host in LOOPBACK

    def __str__(self) -> str:
        """As a URL without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def origin_of(url: str | httpx.URL) -> Origin:
    """The origin that a request to ``url`` connects to; parsed by what sends the request.

    Raises:
        StoreRefused: not http or https, no host, or a user name or password in the address.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise StoreRefused("not an address that a request can go to") from None
    host = parsed.raw_host.decode("ascii").strip("[]").lower()
    if parsed.scheme not in _PORTS or not host:
        raise StoreRefused("not the address of a server; it starts with http:// or https://")
    if parsed.userinfo or "@" in str(url).partition("://")[2].partition("/")[0]:
        raise StoreRefused("the address holds a user name or password; give them apart from it")
    return Origin(parsed.scheme, host, parsed.port or _PORTS[parsed.scheme])


def warn_of_plain(origin: Origin) -> None:
    """Log a warning, once for each origin, where somebody on the way can read along."""
    if not origin.private and origin not in _warned:
        _warned.add(origin)
        _log.warning(
            "%s is not encrypted: anyone on the way can read and change what is sent. Use https", origin
        )
