"""The one rule of what is sent again."""

from __future__ import annotations

import email.utils
import time

import pytest

from fhir_blina.http.retry import TRIES, Retry, Verdict

# RFC 9110 and HAPI's habits (docs/reliability.md): what a try again can change. A status that is added to the
# rule must be added here, with its reason.
TRIED_AGAIN = {
    408: TRIES - 1,  # the request took too long
    409: 2,  # a version or a key that somebody else just wrote
    429: TRIES - 1,  # too many requests
    500: 2,  # a fault of the moment, or of the resource
    502: TRIES - 1,  # a proxy that lost the server
    503: TRIES - 1,  # not now
    504: TRIES - 1,  # a proxy that waited too long
}


def tries_again(status, content=b"", **settings):
    """How often an answer that stays the same is asked for again."""
    retry = Retry(lambda _: None, **settings)
    count = 0
    while retry.answered(status, {}, content) is Verdict.AGAIN:
        count += 1
    return count


def test_exactly_these_statuses_are_tried_again():
    assert {status: n for status in range(100, 600) if (n := tries_again(status))} == TRIED_AGAIN


def test_a_caller_that_can_send_halves_decides_itself():
    tried = {status: n for status in range(100, 600) if (n := tries_again(status, divisible=True))}
    assert tried == {key: n for key, n in TRIED_AGAIN.items() if key not in {408, 504}}


@pytest.mark.parametrize(
    ("status", "content", "tries"),
    [
        (409, b"HAPI-0825: the resource was changed", 5),
        (409, b"could not execute: HFJ_RES_SEARCH_URL", 5),
        (500, b"Unable to acquire JDBC Connection", TRIES - 1),
        (400, b"HAPI-0825", 0),
        (400, b'{"__type":"ThrottlingException","message":"Rate exceeded"}', TRIES - 1),
    ],
)
def test_what_the_content_says_counts(status, content, tries):
    assert tries_again(status, content) == tries


@pytest.mark.parametrize("status", [429, 503])
def test_a_date_is_waited_for_as_seconds_are(status):
    pauses = []
    retry = Retry(pauses.append)
    until = email.utils.formatdate(time.time() + 40, usegmt=True)
    assert retry.answered(status, {"retry-after": until}, b"") is Verdict.AGAIN
    assert retry.answered(status, {"retry-after": "11"}, b"") is Verdict.AGAIN
    assert 37 <= pauses[0] <= 40
    assert pauses[1] == 11


def test_pauses_of_our_own_grow_and_are_bounded(monkeypatch):
    monkeypatch.setattr("fhir_blina.http.retry.random.random", lambda: 1.0)
    pauses = []
    retry = Retry(pauses.append)
    while retry.unanswered() is Verdict.AGAIN:
        pass
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]


def test_a_refusal_waits_as_long_as_the_rate_limit_says():
    pauses = []
    assert Retry(pauses.append).answered(429, {"ratelimit": '"x";r=3;t=9'}, b"") is Verdict.AGAIN
    assert pauses == [9]
