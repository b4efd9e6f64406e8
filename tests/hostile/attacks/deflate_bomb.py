"""Blanks without end, packed by deflate."""

import zlib

BOUND = "unpacked in steps of 64 KiB, up to 100 times the packed size"
MESSAGE = "unpacks to over 100 times its size"


def play(path, send):
    send(b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Encoding: deflate\r\n\r\n")
    packer = zlib.compressobj(9)
    while True:
        send(packer.compress(b" " * 2**20))
