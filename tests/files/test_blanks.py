"""Texts with blanks are taken apart in one way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_blina.files.blanks import Gap, fill_constants, gaps_of, pieces_of


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", ()),
        ("plain", ("plain",)),
        ("{{a}}", (Gap("a", "{{a}}"),)),
        ("x {{ a }}{{b}} y", ("x ", Gap("a", "{{ a }}"), Gap("b", "{{b}}"), " y")),
        ("{{\n a\t}}", (Gap("a", "{{\n a\t}}"),)),
        ("{{ a", ("{{ a",)),
        ("a }}", ("a }}",)),
    ],
)
def test_pieces_and_blanks(text, pieces):
    assert pieces_of(text) == pieces


@given(st.text(alphabet="{} a%\n", max_size=30))
def test_no_character_is_lost(text):
    assert "".join(one if isinstance(one, str) else one.text for one in pieces_of(text)) == text


def test_what_stands_in_the_blanks():
    assert gaps_of("{{a}} {{ %b }} c {{ a }}") == {"a", "%b"}


def test_constants_are_filled_however_the_blank_is_written():
    constants = {"a": "1", "b": "2"}
    assert fill_constants("{{%a}}-{{ %b }}-{{\t%a }}", constants) == "1-2-1"
    assert fill_constants("{{ %c }} {{ a }} {{ %a", constants) == "{{ %c }} {{ a }} {{ %a"
