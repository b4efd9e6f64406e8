"""A redirect to another host, where the token would be read."""

from tests.hostile.server import answered

BOUND = "no redirect is followed"
MESSAGE = "sends us elsewhere"


def play(path, send):
    send(answered(b"", "307 Temporary Redirect", "Location: http://127.0.0.2:1/steal\r\n"))
