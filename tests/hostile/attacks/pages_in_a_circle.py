"""Two pages that lead to each other."""

from tests.hostile.server import ordinary, page

BOUND = "no page is asked for twice"
MESSAGE = "go in a circle"


def play(path, send):
    name = "a" if "page=1" in path else "b" if "page=2" in path else ""
    send(
        ordinary(path)
        or page([f"p{name}"] if not name else [], "/fhir?page=2" if name == "a" else "/fhir?page=1")
    )
