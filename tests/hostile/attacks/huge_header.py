"""A header that has no end, as fast as the line goes."""

BOUND = "a header of more than 100 kB ends at once"
MESSAGE = "does not answer"


def play(path, send):
    send(b"HTTP/1.1 200 OK\r\n")
    while True:
        send(b"X-More: 1\r\n" * 1000)
