"""A size of a chunk that has no end."""

BOUND = "as for a header"
MESSAGE = "does not answer"


def play(path, send):
    send(b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nTransfer-Encoding: chunked\r\n\r\n0")
    while True:
        send(b"0" * 65536)
