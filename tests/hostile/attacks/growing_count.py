"""New patients without end, and a count that grows with each recount."""

import itertools

from tests.hostile.server import answered, ordinary, page

BOUND = "3 recounts a search; 64 MiB of the disk stay free whatever comes"
MESSAGE = "counts more Patient each time it is asked"
_names = itertools.count()
_counts = itertools.count(2, 3)


def play(path, send):
    if "_summary" in path:
        send(answered({"resourceType": "Bundle", "type": "searchset", "total": next(_counts)}))
    else:
        number = next(_names)
        send(ordinary(path) or page([f"p{number}{letter}" for letter in "abc"], f"/fhir?page={number}"))
