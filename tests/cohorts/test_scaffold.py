"""``new``: a cohort folder from CSV files that passes ``check`` and comes back whole."""

from __future__ import annotations

import csv
import io
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fhir_blina.cli.parser import main
from fhir_blina.cohorts.dictionary import MISSING_WORDS
from fhir_blina.cohorts.folder import read_cohort
from fhir_blina.cohorts.scaffold import new_cohort
from fhir_blina.errors import CohortError
from fhir_blina.files.json import dumps, loads
from fhir_blina.mapping.back.roundtrip import round_trip
from fhir_blina.mapping.check import check_cohort
from fhir_blina.mapping.mapping import map_cohort


@pytest.fixture(autouse=True)
def _key(tmp_path_factory, monkeypatch):
    """A new cohort is not published, so its ids are hashes."""
    monkeypatch.setenv("FHIR_BLINA_ID_KEY_FILE", str(tmp_path_factory.mktemp("key") / "key"))
    monkeypatch.setattr("os.fsync", lambda handle: None)  # hundreds of folders that no power cut will meet


@pytest.fixture
def new(tmp_path):
    """Start a cohort from texts or bytes by file name; its folder."""

    def run(name="demo", **files):
        paths = []
        for stem, content in files.items():
            path = tmp_path / f"{stem}.csv"
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            paths.append(path)
        folder = tmp_path / "mappings" / name
        new_cohort(folder, paths)
        return folder

    return run


def dictionary(folder):
    """``table.column``: (type, key, values, description) of each line."""
    rows = csv.DictReader(io.StringIO((folder / "dictionary.csv").read_text("utf-8")))
    return {f"{r['table']}.{r['column']}": (r["type"], r["key"], r["values"], r["description"]) for r in rows}


def lost(folder):
    """Cells that do not come back, and why, after a way through JSON text."""
    cohort = read_cohort(folder)
    mapped = map_cohort(cohort)
    account = round_trip(cohort, mapped, loads(dumps(mapped.resources)))
    return account.lost, [str(one) for one in account.differences]


def test_a_table_becomes_a_folder_that_passes_check(new):
    folder = new(labs="Patient ID,Day,Blasts (%),Fit\nP1,0,14.00,true\nP1,29,,false\nP2,0,0.100,true\n")
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == [
        "README.md",
        "claims.csv",
        "codes.csv",
        "cohort.yaml",
        "data/labs.csv",
        "dictionary.csv",
        "endpoints.yaml",
        "resources/labs.yaml",
        *(
            f"schemas/{name}.schema.json"
            for name in ("cohort", "endpoints", "findings", "report", "template")
        ),
    ]
    assert dictionary(folder) == {
        "labs.patient_id": ("string", "yes", "", "Patient ID"),
        "labs.day": ("integer", "yes", "", "Day"),
        "labs.blasts": ("decimal", "", "", "Blasts (%)"),
        "labs.fit": ("boolean", "", "", "Fit"),
    }
    assert check_cohort(folder) == []
    assert lost(folder) == (0, [])
    cohort = read_cohort(folder)
    assert not cohort.readable_ids
    first = map_cohort(cohort).resources[0]
    assert first["code"] == {"text": "labs"}
    assert str(first["component"][2]["valueQuantity"]["value"]) == "14.00"


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfid,a\nA,1\n",  # byte order mark
        b"id,a\r\nA,1\r\nB,2\r\n",  # Windows line ends
        b"id,a\rA,1\rB,2\r",  # line ends of old Macs
        b'id,a\r\nA,"two\r\nlines"\r\n',
        "My Id, Größe (cm) ,Größe (cm)\nA,1,2\n",  # names with spaces, twice
        "编号,年龄\nA,1\nB,2\n",  # names without a letter a-z
        ",a\n1,x\n2,y\n",  # R's column of row names
        "id,and,or,true,day,null,is\nA,1,2,3,4,5,6\n",  # words of FHIRPath and YAML
        "id,status\nA,NA\nB,done\nC,#N/A\nD,\n",  # a spreadsheet's words for missing
        "id,n\nA,NA\nB,2.50\n",
        "a,b\nx,1\nx,1\nx,1\n",  # rows alike
        "a,b\n,\n,\n",  # empty rows
        "name,b\nLi Wei,1\nWang Fang,2\n",  # keys that cannot stand in an id
        "name,b\nP_1,1\nP_2,2\n",
        "name,row\n张,1\n李,2\n",
        "a,b\nP-1,1-2\nP-1,2\nP,1-1-2\n",  # keys with the sign that joins them
        "a,b,c\nP-1,1,x\nP,1-1,y\n",
        "id,n\n" + "x" * 60 + ",1\n",  # keys too long for an id
        "id,d\n1.0,0.0000001\n1.00,-0.0\n1,-0\n",  # numbers that are alike but for their digits
        "id,n\n007,1\n7,2147483648\n",
        "id,t\nA,{{ id }}\nB,%cohort\nC,'\"quoted\n",
        'id,t\nA,"a, ""b"" | c"\n',
        "id;a\n1;2\n".replace(";", ","),
        "id,a\nA," + "x" * 200_000 + "\n",
    ],
)
def test_what_real_files_bring_passes_check_and_comes_back(content, new):
    folder = new(people=content)
    assert [str(finding) for finding in check_cohort(folder)] == []
    assert lost(folder) == (0, [])


def test_the_key_is_the_shortest_run_of_first_columns(new):
    folder = new(t="a,b,c\nx,1,p\nx,2,p\ny,1,p\n")
    assert [name for name, line in dictionary(folder).items() if line[1]] == ["t.a", "t.b"]
    assert 'id: "{{ %cohort }}-t-{{ a }}-{{ b }}"' in (folder / "resources" / "t.yaml").read_text()


def test_rows_without_a_key_are_numbered(new):
    folder = new(t="row,b\nx y,1\nx y,1\n")
    assert dictionary(folder)["t.row_2"] == ("integer", "yes", "", "number of the row")
    assert (folder / "data" / "t.csv").read_text() == "row,b\nx y,1\nx y,1\n"
    assert [row.text["row_2"] for row in read_cohort(folder).tables["t"].rows] == ["1", "2"]


def test_tables_of_similar_names_share_no_id(new):
    folder = new(a="k\nb-1\n", a_b="k\n1\n", ab="k\n1\n")
    assert check_cohort(folder) == []


def test_long_names_still_give_ids_of_64_characters(new):
    stem = "a_table_with_quite_a_long_name_indeed"
    folder = new(name="a" * 20, **{stem: "k,v\n" + "x" * 12 + ",1\n"})
    assert check_cohort(folder) == []
    ids = [one["identifier"][0]["value"] for one in map_cohort(read_cohort(folder)).resources]
    assert max(map(len, ids)) <= 64


def test_a_folder_may_be_called_like_a_word_of_yaml(new):
    assert check_cohort(new(name="null", true="a\n1\n")) == []


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a": ""}, "no header line"),
        ({"a": "x,y\n"}, "needs a header line and at least one row"),
        ({"a": "x,y\n1,2\n\n1\n"}, "a.csv:4: error: 1 cells where the header has 2"),
        ({"a": "x,y\n1,2,3\n"}, "a.csv:2: error: 3 cells where the header has 2"),
        ({"a": "x,y\n1,\x00\n"}, "a.csv:2: error: a NUL character"),
        ({"a": "x\n" + "y" * 1_000_001 + "\n"}, "a.csv:2: error: not CSV: field larger than field limit"),
        ({"a_b": "x\n1\n", "a-b": "x\n1\n"}, "two files give the same table name. Rename one"),
        ({}, "no file. Name one or more"),
    ],
)
def test_a_file_that_is_no_table_is_named_and_nothing_is_written(files, message, new, tmp_path):
    with pytest.raises(CohortError) as error:
        new(**files)
    assert message in str(error.value)
    assert not (tmp_path / "mappings").exists()


@pytest.mark.parametrize("name", ["Demo", "1st", "my_cohort", "a" * 21, "ä", "-a", ".."])
def test_a_name_that_cannot_begin_an_id_is_refused_and_nothing_is_written(name, new, tmp_path):
    with pytest.raises(CohortError, match="cannot begin an id"):
        new(name=name, a="x\n1\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv"]


def test_a_folder_that_exists_is_left_as_it_is(new, tmp_path):
    folder = new(a="x\n1\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(CohortError, match=r"exists already\. Choose another name"):
        new_cohort(folder, [tmp_path / "a.csv"])
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(CohortError, match=r"absent\.csv: error: cannot be read: No such file or directory"):
        new_cohort(tmp_path / "demo", [tmp_path / "absent.csv"])
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_a_folder_that_the_next_one_checks(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_text("id,n\nA,1\n")
    assert main(["new", "mine", "people.csv"]) == 0
    assert main(["check", "mine"]) == 0
    assert main(["new", "mine", "people.csv"]) == 2
    assert "mine: error: exists already" in capsys.readouterr().err


# Any table ---------------------------------------------------------------------------------------

PRINTABLE = st.text(
    st.one_of(
        st.sampled_from(string.printable.replace("\x0b", "").replace("\x0c", "")),
        st.characters(exclude_categories=["C"]),
    ),
    max_size=12,
)
CELL = st.one_of(
    PRINTABLE,
    st.sampled_from(
        [*sorted(MISSING_WORDS), "true", "false", "", "-0", "0.0", "14.00", "P-1", "1", "-1", "00"]
    ),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.integers().map(str),
)


@st.composite
def tables(draw):
    """A header and rows of any printable cells."""
    width = draw(st.integers(1, 4))
    header = draw(st.lists(PRINTABLE, min_size=width, max_size=width))
    rows = draw(st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=5))
    return [header, *rows]


def as_csv(rows):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()


def refusal(folder, *files):
    """What ``new`` says against the files, empty if it writes the folder."""
    try:
        new_cohort(folder, files)
    except CohortError as error:
        return str(error)
    return ""


@given(tables())
@example([["a", "b"], ["-", "-"], ["-", "--"]])
def test_any_table_of_printable_cells_comes_back_with_no_cell_lost(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("any")
    (folder / "table.csv").write_text(as_csv(rows), "utf-8", newline="")
    refused = refusal(folder / "demo", folder / "table.csv")
    if refused:
        assert "cells where the header has" in refused  # another separator fitted the first lines better
        assert not (folder / "demo").exists()
        return
    assert [str(finding) for finding in check_cohort(folder / "demo")] == []
    assert lost(folder / "demo") == (0, [])
    kept = read_cohort(folder / "demo").tables["table"].rows
    width = len(rows[0])
    wanted = [[cell.replace("\r\n", "\n").replace("\r", "\n").strip() for cell in row] for row in rows[1:]]
    wanted = [["" if cell in MISSING_WORDS else cell for cell in row] for row in wanted]
    assert [list(row.text.values())[-width:] for row in kept] == wanted


@given(st.binary(max_size=120))
def test_garbage_gives_a_cohort_or_findings_but_never_another_exception(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("any")
    (folder / "table.csv").write_bytes(content)
    refused = refusal(folder / "demo", folder / "table.csv")
    assert (folder / "demo").exists() == (not refused)
    assert refused or check_cohort(folder / "demo") == []


def test_a_table_of_very_many_columns_is_refused_at_once(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text(",".join(["a"] * 100_000) + "\n" + ",".join(["1"] * 100_000) + "\n")
    with pytest.raises(CohortError, match="at most 2000"):
        new_cohort(tmp_path / "c", [path])
