"""Empty pages, each with a next one that was not seen before."""

import itertools

from tests.hostile.server import ordinary, page

BOUND = "20 empty pages one after the other"
MESSAGE = "empty pages of Patient one after the other"
_numbers = itertools.count()


def play(path, send):
    number = next(_numbers)
    send(ordinary(path) or page(["p"] if "page=" not in path else [], f"/fhir?page={number}"))
