"""A header that has no end, a line now and then."""

import time

BOUND = "the same; a header of more than 100 kB ends at once"
SLOW = True
MESSAGE = "does not answer"


def play(path, send):
    send(b"HTTP/1.1 200 OK\r\n")
    while True:
        send(b"X-More: 1\r\n")
        time.sleep(0.02)
