"""What is sent again, how often and after which pause: one rule for FHIR servers and token endpoints.

==========================  ==============================================================
no or half an answer        the same bytes again: 8 tries, 10 minutes, random growing pauses
408 429 502 503 504         the same, and as long as ``Retry-After``, ``RateLimit`` or ``RateLimit-Reset``
                            says, up to 2 minutes
400 that says throttling    the same: AWS answers so (``ThrottlingException``)
500 without a database      as no answer: HAPI says so when its database is away
409 of a race inside HAPI   the same, 5 tries
409 otherwise, 500          twice
a success that is no answer twice: a page of a proxy, or nothing where JSON was asked for
everything else             never
==========================  ==============================================================
"""

from __future__ import annotations

import email.utils
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from fhir_blina.http.limits import LONGEST_PAUSE_OF_LIMIT, pause_of_limit

TRIES = 8
BUDGET_SECONDS = 600.0
LONGEST_PAUSE = 30.0
LONGEST_RETRY_AFTER = LONGEST_PAUSE_OF_LIMIT
RACE_TRIES = 5
DOUBT_TRIES = 2

BUSY = frozenset({408, 429, 502, 503, 504})
"""Statuses by which a server says that it could not, this time."""
SLOWER = frozenset({429, 503})
"""Those that ask for less at once."""
TOO_LARGE = frozenset({408, 413, 504})
"""Those that a smaller bundle may mend."""
DOUBTFUL = frozenset({409, 500})
"""Those that may be the request's fault or the moment's."""
_THROTTLED = re.compile(rb"ThrottlingException|TooManyRequestsException")
_RACE = re.compile(rb"HAPI-(0823|0825|0826|0989|2745)|HFJ_RES_SEARCH_URL")
# What HAPI's 500 says while its database is away: words of Spring, Hibernate, their pool and the driver.
# No resource is at fault then, and none may end among the refused.
_NO_DATABASE = re.compile(
    rb"JDBC Connection|JDBCConnection|Could not open JPA EntityManager|CannotCreateTransaction|HikariPool"
    rb"|Connection (is not available|refused|reset|has been closed)|connection (has been|is) closed"
    rb"|I/O error occurred while sending to the backend|terminating connection|the database system is "
)


class Verdict(Enum):
    """What follows from an answer, or from none."""

    TAKE = auto()
    """The answer stands; another try would not change it."""
    AGAIN = auto()
    """Send the same again; the pause is over."""
    GIVE_UP = auto()
    """Tries or time are spent."""


@dataclass
class Retry:
    """The tries of one request.

    Args:
        sleep: Waits that many seconds.
        divisible: Whether the caller can send it in halves: 408, 413 and 504 then stand.
        doubt_tries: How often a 500 or an unknown 409 is tried again.

    Attributes:
        failures: How often there was no answer, or one that says that the server is busy.
    """

    sleep: Callable[[float], None]
    divisible: bool = False
    doubt_tries: int = DOUBT_TRIES
    failures: int = 0
    _doubts: int = 0
    _odd: int = 0
    _races: int = 0
    _end: float = field(default_factory=lambda: time.monotonic() + BUDGET_SECONDS)

    def unanswered(self, pause: float = 0.0) -> Verdict:
        """There was no whole answer, or a busy server's; waits before ``AGAIN``.

        Args:
            pause: Seconds that the server asked for; 0 for a pause of our own.
        """
        self.failures += 1
        if self.failures >= TRIES or time.monotonic() > self._end:
            return Verdict.GIVE_UP
        return self._again(pause)

    def answered(self, status: int, headers: Mapping[str, str], content: bytes) -> Verdict:
        """There was an answer; waits before ``AGAIN``."""
        if status in TOO_LARGE and self.divisible:
            return Verdict.TAKE
        if busy(status, content) or (status == 500 and _NO_DATABASE.search(content)):
            return self.unanswered(retry_after(headers) or pause_of_limit(headers, refused=True))
        if status == 409 and _RACE.search(content):
            self._races += 1
            return Verdict.TAKE if self._races > RACE_TRIES else self._again()
        if status in DOUBTFUL:
            self._doubts += 1
            return Verdict.TAKE if self._doubts > self.doubt_tries else self._again()
        return Verdict.TAKE

    def odd(self) -> Verdict:
        """There was a success that is no answer to what was asked; waits before ``AGAIN``."""
        self._odd += 1
        return Verdict.TAKE if self._odd > DOUBT_TRIES else self._again()

    def _again(self, pause: float = 0.0) -> Verdict:
        tried = self.failures + self._doubts + self._races + self._odd
        self.sleep(pause or random.random() * min(LONGEST_PAUSE, 0.25 * 2**tried))
        return Verdict.AGAIN


def busy(status: int, content: bytes) -> bool:
    """Whether a server says that it could not, this time."""
    return status in BUSY or throttled(status, content)


def throttled(status: int, content: bytes) -> bool:
    """Whether a server says that it was asked too much, by 429, by 503, or by a 400 in words."""
    return status in SLOWER or (status == 400 and _THROTTLED.search(content) is not None)


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds to wait, at most two minutes; 0 where the header is missing or makes no sense.

    ``Retry-After`` is a number of seconds or a date (RFC 9110, 10.2.3).
    """
    said = headers.get("retry-after", "").strip()
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(said).timestamp() - time.time()
        except (ValueError, TypeError):
            return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER) if seconds == seconds else 0.0
