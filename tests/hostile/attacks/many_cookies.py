"""Ten thousand cookies with every answer, to be sent back with every request."""

from tests.hostile.server import answered

BOUND = "a header of more than 100 kB ends at once; 4 kB of cookies are kept"
MESSAGE = "does not answer"


def play(path, send):
    cookies = "".join(f"Set-Cookie: c{number}={'x' * 100}\r\n" for number in range(10_000))
    send(answered(b"{}", headers=cookies))
