"""A body without end, as fast as the line goes."""

BOUND = "512 MiB an answer"
MESSAGE = "at once"


def play(path, send):
    send(b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n\r\n")
    while True:
        send(b" " * 2**16)
