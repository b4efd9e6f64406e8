"""Interim answers (103) without end and never a final one."""

import time

BOUND = "an answer must be whole within 5 minutes"
SLOW = True
MESSAGE = "does not answer"


def play(path, send):
    while True:
        send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10)
        time.sleep(0.02)
