"""One request and its whole answer, bounded in time and size, unpacked step by step.

A read that brings a byte now and then never times out, so each exchange has one deadline for everything:
connecting, interim answers (1xx), the header, the body. Bodies come as they are or packed once, by gzip or
deflate.
"""

from __future__ import annotations

import contextvars
import ssl
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import httpcore
import httpx

from fhir_blina.errors import StoreIncomplete, StoreRefused

ANSWER_SECONDS = 300.0
"""Until an answer must be whole."""
FILE_SECONDS = 3600.0
"""The same for a file of an export."""
MOST_BYTES = 512 * 2**20
MOST_RATIO = 100
MOST_SMALL = 2**20
MOST_COOKIE_CHARACTERS = 4096
STEP = 2**16
PACKINGS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}

_ends: contextvars.ContextVar[float] = contextvars.ContextVar("ends", default=float("inf"))


def _left(timeout: float | None) -> float | None:
    """Seconds that the next step may take."""
    end = _ends.get()
    if end == float("inf"):
        return timeout
    left = end - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the answer was not whole in time")
    return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    """A connection whose every step looks at the deadline."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """See httpcore."""
        return self._inner.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """See httpcore."""
        self._inner.write(buffer, _left(timeout))

    def close(self) -> None:
        """See httpcore."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """See httpcore."""
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        """See httpcore."""
        return self._inner.get_extra_info(info)


class _Network(httpcore.NetworkBackend):
    """Connections that keep the deadline."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """See httpcore."""
        return _Stream(self._inner.connect_tcp(host, port, _left(timeout), local_address, socket_options))

    def sleep(self, seconds: float) -> None:
        """See httpcore."""
        self._inner.sleep(seconds)


def keep_deadlines(client: httpx.Client) -> None:
    """Let every connection of a client, through a proxy or not, obey the deadline of :func:`exchange`."""
    # httpx has no option for it; tests/hostile holds that it works
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001
        pool = getattr(transport, "_pool", None)
        if isinstance(pool, httpcore.ConnectionPool):
            pool._network_backend = _Network()  # noqa: SLF001


@dataclass(frozen=True)
class Received:
    """A whole answer.

    Attributes:
        response: Status and headers.
        content: The body unpacked; empty where it went into a file.
    """

    response: httpx.Response
    content: bytes


def exchange(
    client: httpx.Client,
    request: httpx.Request,
    whose: str,
    *,
    into: BinaryIO | None = None,
    most: int | None = None,
    **options: Any,
) -> Received:
    """Send a request and receive all of the answer.

    Args:
        client: Sends it.
        request: What is sent.
        whose: Begins the message where the answer is refused.
        into: A file that takes the body of a success, in place of what it holds.
        most: Bytes that the body may have; 512 MiB where not said.
        options: As ``httpx.Client.send`` has them.

    Raises:
        httpx.TransportError: no whole answer in time.
        StoreIncomplete: too large, or packed more than a hundred times.
        StoreRefused: packed in a way that is not taken.
    """
    most = MOST_BYTES if most is None else most
    request.headers["Accept-Encoding"] = "gzip, deflate"
    kept = _ends.set(time.monotonic() + (FILE_SECONDS if into is not None else ANSWER_SECONDS))
    try:
        response = client.send(request, stream=True, follow_redirects=False, **options)
        if sum(len(one.name) + len(one.value or "") for one in client.cookies.jar) > MOST_COOKIE_CHARACTERS:
            client.cookies.clear()  # else every request grows by what every answer sets
        content = bytearray()
        filed = into if response.is_success else None
        if filed is not None:
            filed.seek(0)
            filed.truncate()
        size = 0
        try:
            for part in _unpacked(response, whose):
                size += len(part)
                if size > most:
                    raise StoreIncomplete(f"{whose} sent more than {most // 2**20} MiB at once")
                if filed is None:
                    content += part
                else:
                    filed.write(part)
        finally:
            response.close()
    finally:
        _ends.reset(kept)
    return Received(response, bytes(content))


def _unpacked(response: httpx.Response, whose: str) -> Iterator[bytes]:
    """The body in steps of bounded size, however well it was packed."""
    said = response.headers.get("content-encoding", "").lower()
    names = [one.strip() for one in said.split(",") if one.strip() not in {"", "identity"}]
    if response.is_stream_consumed:  # held in memory already, unpacked
        yield from response.iter_bytes()
        return
    if not names:
        yield from response.iter_raw()
        return
    if len(names) > 1 or names[0] not in PACKINGS:
        how = "several times" if len(names) > 1 else "in a way we do not unpack"
        raise StoreRefused(f"{whose} packed its answer {how}; gzip or deflate, once, is taken")
    yield from _steps(response.iter_raw(), PACKINGS[names[0]], whose)


def _steps(parts: Iterable[bytes], window: int, whose: str) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(window)
    packed = size = 0
    try:
        for part in parts:
            packed += len(part)
            rest = part
            while rest and not unpacker.eof:
                step = unpacker.decompress(rest, STEP)
                rest = unpacker.unconsumed_tail
                size += len(step)
                if size > MOST_SMALL and size > MOST_RATIO * packed:
                    raise StoreIncomplete(f"{whose} sent what unpacks to over {MOST_RATIO} times its size")
                yield step
        while step := unpacker.decompress(unpacker.unconsumed_tail, STEP):
            size += len(step)
            if size > MOST_SMALL and size > MOST_RATIO * packed:
                raise StoreIncomplete(f"{whose} sent what unpacks to over {MOST_RATIO} times its size")
            yield step
    except zlib.error:
        raise httpx.ReadError("the packed answer cannot be unpacked") from None
    if packed and not unpacker.eof:
        raise httpx.ReadError("the packed answer is cut off")
