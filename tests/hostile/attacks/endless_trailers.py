"""A body in chunks that is whole, and trailers after it that have no end."""

BOUND = "as for a header"
MESSAGE = "does not answer"


def play(path, send):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nTransfer-Encoding: chunked\r\n\r\n"
    send(head + b"2\r\n{}\r\n0\r\n")
    while True:
        send(b"X-More: 1\r\n" * 1000)
