"""A FHIR server that plays one attack by name, byte for byte, over a socket.

Each attack is a file in ``attacks/``. Its docstring says what it does, ``BOUND`` what holds, ``MESSAGE`` what the
person reads, and ``play(path, send)`` answers a request. Nothing else is needed for the next one::

    from tests.hostile.server import hostile

    with hostile("slow_bytes") as url:
        ...

``python -m tests.hostile.server slow_bytes 8080`` plays it for a person to look at.
"""

from __future__ import annotations

import importlib
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

ATTACKS = Path(__file__).parent / "attacks"
TAG = {"system": "https://fhir-blina.example/CodeSystem/cohort", "code": "c"}

Send = Callable[[bytes], None]


def attacks() -> list[str]:
    """The names of all attacks."""
    return sorted(path.stem for path in ATTACKS.glob("*.py") if path.stem != "__init__")


def attack(name: str) -> ModuleType:
    """One of them."""
    return importlib.import_module(f"tests.hostile.attacks.{name}")


def answered(body: Any, status: str = "200 OK", headers: str = "") -> bytes:
    """A whole answer of JSON, or of bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/fhir+json\r\n{headers}"
    return f"{head}Content-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode() + content


def ordinary(path: str) -> bytes | None:
    """What any server would answer: its capabilities and a count of two patients; None for a search."""
    if "metadata" in path:
        rest = [{"mode": "server", "resource": [{"type": "Patient"}]}]
        return answered({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": rest})
    if "_summary" in path:
        return answered({"resourceType": "Bundle", "type": "searchset", "total": 2})
    return None


def page(names: list[str], following: str = "") -> bytes:
    """A page of patients."""
    link = [{"relation": "next", "url": following}] if following else []
    entries = [{"resource": {"resourceType": "Patient", "id": one, "meta": {"tag": [TAG]}}} for one in names]
    return answered({"resourceType": "Bundle", "type": "searchset", "link": link, "entry": entries})


@contextmanager
def hostile(name: str) -> Iterator[str]:
    """Base URL of a server that plays an attack."""
    play = attack(name).play
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        thread = threading.Thread(target=_listen, args=(listening, play), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/fhir"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _listen(listening: socket.socket, play: Callable[[str, Send], None]) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_converse, args=(connection, play), daemon=True).start()


def _converse(connection: socket.socket, play: Callable[[str, Send], None]) -> None:
    with connection:
        try:
            request = b""
            while b"\r\n\r\n" not in request:
                part = connection.recv(65536)
                if not part:
                    return
                request += part
            head, _, body = request.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            length = next((int(one[15:]) for one in lines if one.lower().startswith("content-length:")), 0)
            while len(body) < length:
                body += connection.recv(65536)
            play("\n".join([lines[0], *lines[1:], body.decode("latin-1")]), connection.sendall)
        except OSError:  # the other side has had enough
            return


if __name__ == "__main__":
    chosen, port = sys.argv[1], int(sys.argv[2])
    with socket.create_server(("127.0.0.1", port)) as open_to_all:
        _listen(open_to_all, attack(chosen).play)
