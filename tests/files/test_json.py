from __future__ import annotations

import os
import stat
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_blina.errors import StoreIncomplete
from fhir_blina.files.json import check_text, depth, dumps, loads, read_ndjson, write_ndjson, write_whole


@pytest.mark.parametrize(
    "text", ["14.00", "0.100", "1E+2", "-0.0", "7.50e-3", "0.12345678901234567890", "126"]
)
def test_a_number_keeps_every_digit(text):
    value = loads(text)
    assert isinstance(value, int if text == "126" else Decimal)
    assert Decimal(dumps(value)) == Decimal(text)
    assert Decimal(dumps(value)).as_tuple() == Decimal(text).as_tuple()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "NaN is not a JSON number"),
        ("[-Infinity]", "-Infinity is not"),
        ('{"a": 1, "a": 2}', "the same key twice"),
        ('"\\u0000"', "NUL"),
        ('{"\\u0000": 1}', "NUL"),
        ('"\\ud800"', "lone surrogate"),
        ("1" * 41, "more than 40 digits"),
        ("0." + "1" * 41, "more than 40 digits"),
        ("1e999", "out of range"),
        ("[" * 65 + "]" * 65, "nested deeper than 64"),
        ("[" * 100_000 + "]" * 100_000, "nested"),
        ("{'a': 1}", "property name"),
        ("", "Expecting value"),
    ],
)
def test_what_is_not_fhir_json_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        loads(text)


def test_a_surrogate_pair_is_one_character():
    assert loads('"\\ud83d\\ude00"') == "\U0001f600"


def test_depth_counts_containers():
    assert depth(1) == 0
    assert depth({"a": [{"b": 1}]}) == 3


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**30), 10**30)
        | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4)
        ),
        max_leaves=20,
    )
)
def test_what_is_written_is_read_back(value):
    check_text(value)
    assert loads(dumps(value)) == value
    assert "\n" not in dumps(value)


def read(tmp_path, data):
    path = tmp_path / "Patient.ndjson"
    path.write_bytes(data)
    return list(read_ndjson(path))


GOOD = b'{"resourceType":"Patient","id":"a"}\n'


def test_lines_are_numbered_from_one(tmp_path):
    assert [number for number, _ in read(tmp_path, GOOD * 2)] == [1, 2]
    assert read(tmp_path, b"") == []


@pytest.mark.parametrize(
    ("data", "where", "reason"),
    [
        (GOOD + GOOD[:-8], 2, "cut off"),
        (GOOD + GOOD[:-1], 2, "cut off"),
        (b"\xef\xbb\xbf" + GOOD, 1, "not readable as JSON"),
        (b'{"resourceType":"Patient","id":"\xff"}\n', 1, "not UTF-8"),
        (GOOD + b"\n", 2, "not readable as JSON"),
        (b"[]\n", 1, "not a FHIR resource"),
        (b'{"id":"a"}\n', 1, "not a FHIR resource"),
        (b'"' + b"a" * 2**24 + b'"\n', 1, "longer than 16 MiB"),
    ],
)
def test_a_bad_line_is_named(tmp_path, data, where, reason):
    with pytest.raises(StoreIncomplete, match=rf"Patient\.ndjson:{where}: .*{reason}"):
        read(tmp_path, data)


def test_a_file_is_whole_or_as_before(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    write_whole(path, "old")

    def parts():
        yield "new"
        raise RuntimeError("the pen broke")

    with pytest.raises(RuntimeError):
        write_whole(path, parts())
    assert path.read_text() == "old"
    assert [left.name for left in path.parent.iterdir()] == ["a.txt"]


def test_files_are_private(tmp_path):
    before = os.umask(0)
    try:
        write_ndjson(tmp_path / "out" / "Patient.ndjson", [{"resourceType": "Patient"}])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "out" / "Patient.ndjson").stat().st_mode) == 0o600


def test_a_symbolic_link_is_not_written_through(tmp_path):
    (tmp_path / "target").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="symbolic link"):
        write_whole(tmp_path / "link", "x")
    assert (tmp_path / "target").read_text() == "precious"
