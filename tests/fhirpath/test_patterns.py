"""Regular expressions: in time that grows with the text, with groups as FHIRPath has them."""

from __future__ import annotations

import time

import pytest

from fhir_blina.fhirpath.patterns import matches, replaced_matches


@pytest.mark.parametrize(
    "pattern", ["^(a+)+$", "(a|aa)+$", "(a|a)*$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)*x", "(a?){30}a{30}$"]
)
def test_a_pattern_that_explodes_elsewhere_ends_here(pattern):
    began = time.monotonic()
    matches("a" * 50_000 + "!", pattern)
    replaced_matches("a" * 2_000 + "!", pattern, "")
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("pattern", ["(", r"(a)\1", "(?=a)", "a{1000000}", "((a{100}){100}){100}", "\ud800"])
def test_what_re2_does_not_take_is_refused(pattern):
    with pytest.raises(ValueError, match="not a regular expression that RE2 takes"):
        matches("a", pattern)


@pytest.mark.parametrize(
    ("text", "pattern", "new", "found"),
    [
        # the example of FHIRPath N1, 5.6.9
        (
            "11/30/1972",
            r"\b(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{2,4})\b",
            "$2-$1-$3",
            "30-11-1972",
        ),
        ("aab", "a", "<$0>", "<a><a>b"),
        ("ab", "", "x", "xaxbx"),
        ("café é", "é", "e", "cafe e"),
        ("a\nb", "a.b", r"\n", r"\n"),
        ("ab", "(a)|(b)", "[$1$2]", "[a][b]"),
    ],
)
def test_matches_are_replaced(text, pattern, new, found):
    assert replaced_matches(text, pattern, new) == found


def test_a_group_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="names a group"):
        replaced_matches("a", "(a)", "$2")
