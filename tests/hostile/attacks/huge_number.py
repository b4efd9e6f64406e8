"""A count of 1e999999999, which takes a gigabyte when it is written out."""

from tests.hostile.server import answered, ordinary

BOUND = "40 digits a number, its exponent too"
MESSAGE = "a number is out of range"


def play(path, send):
    if "_summary" in path:
        send(answered(b'{"resourceType":"Bundle","type":"searchset","total":1e999999999}'))
    else:
        send(ordinary(path))
