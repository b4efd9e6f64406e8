"""Cells as they stand, faults with their line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_blina.files.csv import MAX_CELL, read_csv, read_header


@pytest.fixture
def read(tmp_path):
    """Read text or bytes as CSV with the columns a and b: rows, findings with the file called ``f``."""

    def run(text, columns=("a", "b")):
        path = tmp_path / "f.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        findings = []
        rows = list(read_csv(path, columns, findings))
        return rows, [str(finding).replace(str(path), "f") for finding in findings]

    return run


def test_cells_are_text_as_it_stands(read):
    assert read('a,b\n014.00, x \n"1,5","say ""hi"""\n,\n') == (
        [
            (2, {"a": "014.00", "b": " x "}),
            (3, {"a": "1,5", "b": 'say "hi"'}),
            (4, {"a": "", "b": ""}),
        ],
        [],
    )


def test_columns_may_stand_in_any_order(read):
    assert read("b,a\n1,2\n")[0] == [(2, {"b": "1", "a": "2"})]


def test_a_row_is_named_by_its_first_line(read):
    rows, findings = read('a,b\n"one\ntwo",x\n3,y\n4\n')
    assert [line for line, _ in rows] == [2, 4]
    assert rows[0][1]["a"] == "one\ntwo"
    assert findings == [
        "f:5: error: 1 cells where the header has 2. Add or remove a comma, or quote a cell that holds one"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c\n1,2,3\n", 'f:1: error: unknown column "c". Known: a, b'),
        ("a\n1\n", 'f:1: error: column "b" is missing. Add it, or mend its name'),
        ("a,b,b\n1,2,3\n", 'f:1: error: column "b" stands twice'),
        ("a,b\n1,2,3\n", "f:2: error: 3 cells where the header has 2"),
        ("a,b\n\n1,2\n", "f:2: error: an empty line. Delete it"),
        ('a,b\n1,"2\n', "f:2: error: not CSV: unexpected end of data"),
        ('a,b\n1,"2"x\n', "f:2: error: not CSV: "),
        ("", "f:1: error: the file is empty"),
        ("a,b\r\n1,2\r\n", "f:1: error: Windows line ends (CR)"),
        ("a,b\n1,\x00\n", "f:2: error: a NUL character"),
        (b"a,b\n1,\xe9\n", "f:2: error: not UTF-8. Save it as UTF-8"),
        (b"\xef\xbb\xbfa,b\n1,2\n", "f:1: error: starts with a byte order mark"),
        ("a,b\n1," + "x" * (MAX_CELL + 1) + "\n", "f:2: error: not CSV: field larger than field limit"),
    ],
)
def test_a_fault_has_its_line(text, message, read):
    _, findings = read(text)
    assert len(findings) == 1
    assert findings[0].startswith(message)


def test_rows_beside_a_faulty_one_are_still_read(read):
    rows, findings = read("a,b\n1\n2,3\n")
    assert [line for line, _ in rows] == [3]
    assert len(findings) == 1


def test_the_header_alone(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("a,b\n1,2\n")
    assert read_header(path, []) == ["a", "b"]


@pytest.mark.parametrize("text", ["", '"a', "x" * (MAX_CELL + 1)])
def test_a_header_that_cannot_be_read_is_a_finding(text, tmp_path):
    path = tmp_path / "f.csv"
    path.write_text(text)
    findings = []
    assert read_header(path, findings) is None
    assert len(findings) == 1


@given(st.one_of(st.binary(max_size=100), st.text('ab,"\n\r\t\x00;', max_size=60)))
def test_garbage_gives_findings_or_rows_but_never_an_exception(read, text):
    rows, findings = read(text if isinstance(text, bytes) else "a,b\n" + text)
    assert all(set(row) == {"a", "b"} for _, row in rows)
    assert isinstance(findings, list)
