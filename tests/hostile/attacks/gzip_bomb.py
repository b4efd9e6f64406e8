"""Blanks without end, packed a thousand times."""

import zlib

from tests.hostile.server import answered

BOUND = "unpacked in steps of 64 KiB, up to 100 times the packed size"
MESSAGE = "unpacks to over 100 times its size"
_packer = zlib.compressobj(9, zlib.DEFLATED, 31)
_content = b"".join([_packer.compress(b" " * 2**20) for _ in range(256)] + [_packer.flush()])


def play(path, send):
    send(answered(_content, headers="Content-Encoding: gzip\r\n"))
