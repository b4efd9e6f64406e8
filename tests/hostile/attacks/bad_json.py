"""JSON that is whole and bad: the same key twice."""

from tests.hostile.server import answered

BOUND = "told after one request, not tried again as if it were cut off"
MESSAGE = "an object has the same key twice"


def play(path, send):
    send(answered(b'{"resourceType": "Bundle", "resourceType": "Bundle"}'))
