"""Bytes that are no HTTP."""

BOUND = "8 tries, then an error"
MESSAGE = "does not answer"


def play(path, send):
    send(b"\x00\xff\x1b]0;owned\x07" * 1000)
