"""Lists in lists, a hundred thousand deep."""

from tests.hostile.server import answered

BOUND = "64 levels"
MESSAGE = "nested"


def play(path, send):
    send(answered(b'{"resourceType":' + b"[" * 100_000 + b"]" * 100_000 + b"}"))
