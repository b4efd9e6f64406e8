"""New patients without end, as many as were counted: the disk is what they fill."""

import itertools

from tests.hostile.server import answered, ordinary, page

BOUND = "64 MiB of the disk stay free; what came is kept, and the same pull goes on from there"
MESSAGE = "MiB of the disk are free. Make room"
DISK = 2**19
_names = itertools.count()


def play(path, send):
    if "_summary" in path:
        send(answered({"resourceType": "Bundle", "type": "searchset", "total": 2**31 - 1}))
    else:
        number = next(_names)
        send(ordinary(path) or page([f"p{number}x{one}" for one in range(1000)], f"/fhir?page={number}"))
