"""An answer packed in a way that nobody asked for."""

from tests.hostile.server import answered

BOUND = "gzip and deflate are taken, nothing else"
MESSAGE = "packed its answer in a way we do not unpack"


def play(path, send):
    send(answered(b"{}", headers="Content-Encoding: br\r\n"))
