"""What a file seems to be: encoding, separator, decimal sign, types."""

from __future__ import annotations

import gzip

import pytest

from fhir_blina.cohorts.guesses import guessed


def guess(path, data):
    path.write_bytes(data)
    findings = []
    found = guessed(path, findings)
    assert findings == []
    return found[0]


@pytest.mark.parametrize(
    ("name", "data", "declared"),
    [
        ("a.csv", b"id,x\nA,1\n", {}),
        ("a.csv", b"id;x\nA;1,5\nB;2\n", {"separator": ";", "decimal": ","}),
        ("a.csv", b"id;x\nA;1.5\nB;2\n", {"separator": ";"}),
        ("a.csv", "id\tx\nA\t1\n".encode("utf-16"), {"encoding": "utf-16", "separator": "\t"}),
        ("a.tsv", b"id\tx\nA\t1\n", {}),
        ("a.csv", "id,größe\nA,1\n".encode("windows-1252"), {"encoding": "windows-1252"}),
        ("a.csv.gz", gzip.compress(b"id,x\nA,NA\nB,1\n", mtime=0), {"missing": ["NA"]}),
        ("a.csv", b"id,x\nA,28.02.2020\nB,1.3.2020\n", {"dates": {"x": "D.M.YYYY"}}),
    ],
)
def test_what_is_not_usual_is_declared(name, data, declared, tmp_path):
    assert guess(tmp_path / name, data).declared == declared


def test_types_with_decimal_commas(tmp_path):
    found = guess(tmp_path / "a.csv", b"id;x;n;w\nA;1,5;3;a,b\nB;2;4;c\n")
    assert found.kinds == {"id": "string", "x": "decimal", "n": "integer", "w": "string"}


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["1,5", "2", "<0,01"], "text, because 1 of 3 cells are bounds (a comparator keeps them)"),
        (["1.5", "2", "not done"], "text, because 1 of 3 cells are no numbers"),
        (["low", "2", "high"], ""),
        (["1.5", "2", "3"], ""),
    ],
)
def test_a_column_that_a_few_cells_make_text_is_told(cells, said, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id;crp\n" + "".join(f"P{n};{cell}\n" for n, cell in enumerate(cells)))
    (table,) = guessed(path, [])
    assert [note for note in table.notes if note.startswith("crp")] == ([f"crp: {said}"] if said else [])
