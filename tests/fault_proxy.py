"""A bad line: a proxy on this machine that resets, cuts, delays, refuses and garbles, and counts what it did.

``served(fake)`` puts the server in memory on a socket, so that another process can talk to it.
"""

from __future__ import annotations

import email.utils
import http.client
import random
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx

# What CI must survive: shares of the POSTed bundles.
LINE = {"before the answer": 0.08, "in the request": 0.06, "cut off": 0.04}
STORM = {
    "503 seconds": 0.06,
    "503 date": 0.04,
    "429 seconds": 0.06,
    "slow": 0.04,
    "garbage": 0.05,
    "half json": 0.05,
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """Resets are what is wanted."""


@contextmanager
def _listening(handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def served(
    fake: Any,
    watch: Callable[[str, httpx.Request], None] = lambda *_: None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[str]:
    """Base URL of a ``FakeFhir`` on a socket; ``watch("before" or "after", request)`` sees every request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(size)
            if len(body) < size:
                self.close_connection = True
                return
            request = httpx.Request(
                self.command,
                f"http://{self.headers['Host']}{self.path}",
                headers=list(self.headers.items()),
                content=body,
            )
            watch("before", request)
            response = fake.handle(request)
            watch("after", request)
            self.send_response_only(response.status_code)  # its Date is the fake's own
            for name, value in response.headers.items():
                if name not in {"content-length", "transfer-encoding"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.content)))
            self.end_headers()
            self.wfile.write(response.content)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with _listening(Handler, tls) as url:
        fake.host = f"{url}/fhir"
        yield f"{url}/fhir"


@contextmanager
def bad_line(base: str, faults: Mapping[str, float], *, seed: int = 7) -> Iterator[tuple[str, Counter[str]]]:
    """Base URL of a proxy before ``base``, and how often it did what."""
    target = urlsplit(base)
    luck, lock, done = random.Random(seed), threading.Lock(), Counter[str]()

    def drawn() -> str:
        with lock:
            point = luck.random()
            for name, share in faults.items():
                point -= share
                if point < 0:
                    done[name] += 1
                    return name
            done[""] += 1
            return ""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def pass_on(self) -> None:
            fault = drawn()
            size = int(self.headers.get("Content-Length", 0))
            if fault == "in the request":
                self.rfile.read(size // 2)
                self.reset()
                return
            body = self.rfile.read(size)
            if fault[:3] in {"429", "503"}:
                date = email.utils.formatdate(time.time() + 1, usegmt=True)
                self.say(int(fault[:3]), b"{}", "1" if fault.endswith("seconds") else date)
                return
            if fault == "garbage":
                self.wfile.write(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
                self.close_connection = True
                return
            line = http.client.HTTPConnection(target.hostname, target.port, timeout=120)
            try:
                headers = {
                    name: value for name, value in self.headers.items() if name.lower() != "connection"
                }
                line.request(self.command, self.path, body or None, headers)
                found = line.getresponse()
                content = found.read()
            finally:
                line.close()
            if fault == "before the answer":
                self.reset()
                return
            if fault == "half json":
                content = content[: len(content) // 2]
            self.send_response(found.status)
            for name, value in found.getheaders():
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if fault == "slow":
                for start in range(0, len(content), 1 + len(content) // 10):
                    self.wfile.write(content[start : start + 1 + len(content) // 10])
                    self.wfile.flush()
                    time.sleep(0.01)
            elif fault == "cut off":
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                self.reset()
            else:
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = pass_on  # noqa: N815

        def say(self, status: int, body: bytes, wait: str) -> None:
            self.send_response(status)
            self.send_header("Retry-After", wait)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def reset(self) -> None:
            """Close with RST, as a dying server does."""
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

        def log_message(self, *_: Any) -> None:
            pass

    with _listening(Handler) as url:
        yield f"{url}{target.path}", done
