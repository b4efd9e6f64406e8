"""One byte now and then, for ever: no read ever times out."""

import time

BOUND = "an answer must be whole within 5 minutes (a file of an export within an hour)"
SLOW = True
MESSAGE = "does not answer"


def play(path, send):
    send(b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: 100000\r\n\r\n{")
    while True:
        send(b" ")
        time.sleep(0.05)
