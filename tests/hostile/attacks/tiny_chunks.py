"""A body in chunks of one byte, without end."""

BOUND = "512 MiB an answer, and 5 minutes"
SLOW = True
MESSAGE = "does not answer"


def play(path, send):
    send(b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        send(b"1;a=b\r\n \r\n" * 100)
