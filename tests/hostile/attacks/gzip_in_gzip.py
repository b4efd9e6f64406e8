"""A gzip inside a gzip: kilobytes on the line, gigabytes in memory."""

import gzip
import zlib

from tests.hostile.server import answered

BOUND = "packed more than once is refused before a byte is unpacked"
MESSAGE = "packed its answer several times"
_packer = zlib.compressobj(9, zlib.DEFLATED, 31)
_once = b"".join([_packer.compress(b" " * 2**20) for _ in range(256)] + [_packer.flush()])


def play(path, send):
    send(answered(gzip.compress(_once), headers="Content-Encoding: gzip, gzip\r\n"))
