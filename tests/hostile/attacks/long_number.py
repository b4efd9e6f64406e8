"""A count of a million digits, which takes a minute to read."""

from tests.hostile.server import answered, ordinary

BOUND = "40 digits a number"
MESSAGE = "more than 40 digits"


def play(path, send):
    if "_summary" in path:
        send(answered(b'{"resourceType":"Bundle","type":"searchset","total":' + b"9" * 1_000_000 + b"}"))
    else:
        send(ordinary(path))
