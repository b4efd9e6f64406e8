"""A count that is below nothing."""

from tests.hostile.server import answered, ordinary, page

BOUND = "a count is a whole number from 0"
MESSAGE = "does not count its Patient"


def play(path, send):
    if "_summary" in path:
        send(answered({"resourceType": "Bundle", "type": "searchset", "total": -1}))
    else:
        send(ordinary(path) or page([]))
