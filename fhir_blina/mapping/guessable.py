"""Whether a key looks like one that can be guessed.

Randomness cannot be shown of a key, only its lack, and that only where it is plain: what repeats itself, what
counts up, what is made of words. A key that passes is not proven good. The keys that we make ourselves are 32
bytes from the operating system.
"""

from __future__ import annotations

import itertools
import re
import string
import zlib

_HEX = re.compile(rb"[0-9a-fA-F]{64,}")
_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
LEAST_PACKED = 24
"""Bytes that a key takes when it is packed."""
LEAST_STEPS = 0.3
"""Of the steps from one byte to the next, how many are unlike all others; 32 random bytes have about 0.9."""
LEAST_CHANGES = 0.35
"""Of the steps in a text, how many lead to another class of signs; random text has 0.6, camel case 0.3."""


def why_guessable(key: bytes) -> str:
    """What makes a key one that can be guessed, as the end of "the key …"; empty where nothing does.

    False alarms: fewer than one in 10,000 keys of 32 random bytes, raw, as hex or as base64.
    """
    if len(set(key)) < 8 or len(zlib.compress(key, 9)) < LEAST_PACKED:
        return "repeats itself"
    if _HEX.fullmatch(key):
        return "" if _unlike(bytes.fromhex(key.decode()[: len(key) // 2 * 2])) else "counts or repeats itself"
    if not _unlike(key):
        return "counts or repeats itself"
    if not all(0x20 <= sign < 0x7F for sign in key):
        return ""
    text = key.decode("ascii")
    kinds = [next((n for n, known in enumerate(_CLASSES) if sign in known), len(_CLASSES)) for sign in text]
    changes = sum(one != other for one, other in itertools.pairwise(kinds))
    if " " in text or not {0, 1} <= set(kinds) or changes < LEAST_CHANGES * (len(text) - 1):
        return "is made of words or of one kind of letters"
    return ""


def _unlike(raw: bytes) -> bool:
    """Whether a byte tells little of the next: neither the steps nor the steps of the steps are few."""
    for _ in range(3):
        if len(set(raw)) < LEAST_STEPS * min(len(raw), 64):
            return False
        raw = bytes((other - one) % 256 for one, other in itertools.pairwise(raw))
    return True
