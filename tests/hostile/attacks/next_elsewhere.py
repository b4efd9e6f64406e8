"""A next page on another host."""

from tests.hostile.server import ordinary, page

BOUND = "only path and query of a link are used, at the configured server"
MESSAGE = "is not followed"


def play(path, send):
    send(ordinary(path) or page(["p"], "http://127.0.0.2:1/../../steal"))
