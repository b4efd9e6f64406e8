"""Texts with gaps, read backwards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_blina.mapping.back.texts import MAX_READINGS, Gap, TextPattern

ANY, NUMBER = Gap(), Gap(integer=True)


@pytest.mark.parametrize(
    ("pieces", "text", "readings"),
    [
        (["P-", ANY], "P-7", [("7",)]),
        (["P-", ANY], "Q-7", []),
        (["P-", ANY], "P-", []),
        (["day ", NUMBER], "day -3", [("-3",)]),
        (["day ", NUMBER], "day three", []),
        ([Gap(("a", "b.c"))], "b.c", [("b.c",)]),
        ([Gap(("a", "b.c"))], "bxc", []),
        ([ANY, "-", ANY], "P-1-2", [("P", "1-2"), ("P-1", "2")]),
        ([ANY, "-", NUMBER], "P-1-2", [("P-1", "2")]),
        ([Gap(("a", "a-b")), "-", Gap(("c", "b-c"))], "a-b-c", [("a", "b-c"), ("a-b", "c")]),
        ([ANY, ANY], "abc", [("a", "bc"), ("ab", "c")]),
        (["x"], "x", [()]),
        ([ANY], "two\nlines", [("two\nlines",)]),
    ],
)
def test_every_way_to_fill_the_gaps_is_found(pieces, text, readings):
    assert sorted(TextPattern(pieces).readings(text)) == readings
    assert TextPattern(pieces).fits(text) == bool(readings)


def test_too_many_ways_say_nothing():
    assert TextPattern([ANY, ANY]).readings("x" * (MAX_READINGS + 1)) is not None
    assert TextPattern([ANY, ANY]).readings("x" * (MAX_READINGS + 2)) is None


@given(st.lists(st.text("a-1", min_size=1, max_size=5), min_size=1, max_size=3))
def test_what_was_written_is_among_the_readings(words):
    pieces = [piece for word in words for piece in (ANY, "-")][:-1]
    assert tuple(words) in TextPattern(pieces).readings("-".join(words))
