"""503 for ever, each time with a request to come back in thirty years."""

from tests.hostile.server import answered

BOUND = "8 tries and 10 minutes; a pause of 2 minutes at most"
MESSAGE = "is busy"


def play(path, send):
    send(answered(b"", "503 Service Unavailable", "Retry-After: 1000000000\r\n"))
