"""An id that is a path, and would be written over a file."""

from tests.hostile.server import ordinary, page

BOUND = "ids and types are as FHIR R4 has them"
MESSAGE = "id"


def play(path, send):
    send(ordinary(path) or page(["../../../../tmp/owned", "p"]))
