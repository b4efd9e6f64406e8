"""Tables from the files that people have: the same cells whatever they lie in, and every fault with its place."""

from __future__ import annotations

import datetime as dt
import gzip
import sqlite3
from zoneinfo import ZoneInfo

import duckdb
import openpyxl
import pytest

from fhir_blina.tabular.declaration import declaration_of
from fhir_blina.tabular.reading import read_table

KINDS = {"id": "string", "born": "date", "hb": "decimal", "n": "integer", "fit": "boolean", "note": "string"}
ROWS = [
    {"id": "007", "born": "1961-02-28", "hb": "7.4", "n": "3", "fit": "true", "note": "Größe"},
    {"id": "008", "born": "", "hb": "14", "n": "-1", "fit": "false", "note": ""},
]


def read(path, kinds=KINDS, zone=None, **settings):
    findings = []
    declared = declaration_of({"file": path.name, **settings})
    content = read_table(path, declared, kinds, findings, where="cohort.yaml:5", zone=zone)
    return content, [str(one).replace(f"{path.parent}/", "") for one in findings]


def cells(path, *args, **settings):
    content, findings = read(path, *args, **settings)
    assert findings == []
    return [dict(row.cells) for row in content.rows]


def workbook(path, *rows, sheet="Labs", more=()):
    book = openpyxl.Workbook()
    book.active.title = sheet
    for row in rows:
        book.active.append(row)
    for name in more:
        book.create_sheet(name)
    book.save(path)
    return path


TEXT = "ID;Born;Hb;N;Fit;Note\n007;28.02.1961;7,4;3;true;Größe\n008;;14;-1;false;NA\n"


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("a.csv", "windows-1252"), ("a.csv", "utf-16"), ("a.txt", "utf-8"), ("a.csv.gz", "utf-8-sig")],
)
def test_text_in_any_encoding_with_decimal_commas(name, encoding, tmp_path):
    data = TEXT.replace("\n", "\r\n").encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    declared = {"separator": ";", "decimal": ",", "dates": "DD.MM.YYYY", "missing": ["NA"]}
    assert cells(tmp_path / name, encoding=encoding, **declared) == ROWS


def test_a_tsv_has_tabs(tmp_path):
    (tmp_path / "a.tsv").write_text("id\tnote\n1\ta,b\n")
    assert cells(tmp_path / "a.tsv", {"id": "string", "note": "string"}) == [{"id": "1", "note": "a,b"}]


def test_a_sheet_is_a_table(tmp_path):
    path = workbook(
        tmp_path / "a.xlsx",
        ["Laboratory, as of June"],
        ["ID", "Born", "Hb", "N", "Fit", "Note"],
        ["007", dt.date(1961, 2, 28), 7.4, 3, True, "Größe"],
        [None] * 6,
        ["008", None, 14.0, -1, False, None],
        more=["Other"],
    )
    assert cells(path, sheet="Labs", header=2) == ROWS
    content, _ = read(path, sheet="Labs", header=2)
    assert content.rows[1].place("hb") == f"{path}!Labs!C5"
    assert content.rows[1].place("") == f"{path}!Labs!5"


def test_numbers_of_a_workbook_have_no_exponent_and_no_noise(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ["id", "x"], [1, 0.1 + 0.2], [2, 1e-7], [3, 123456789012345.0])
    kinds = {"id": "string", "x": "decimal"}
    assert [row["x"] for row in cells(path, kinds)] == ["0.3", "0.0000001", "123456789012345"]


def test_merged_cells_errors_and_formulas_without_value_are_refused_by_cell(tmp_path):
    path = workbook(
        tmp_path / "a.xlsx", ["a title"], ["id", "x"], ["A", "#N/A"], ["B", "=1+1"], ["C", 1], ["C", 2]
    )
    book = openpyxl.load_workbook(path)
    book.active.merge_cells("A1:B1")  # above the titles: no matter
    book.active.merge_cells("A5:A6")
    book.save(path)
    _, findings = read(path, {"id": "string", "x": "decimal"}, header=2)
    assert [one.split(". ")[0] for one in findings] == [
        "a.xlsx!Labs!A5: error: merged cells, of which only the first has a value",
        "a.xlsx!Labs!B3: error: an error of the spreadsheet in place of a value",
        "a.xlsx!Labs!B4: error: a formula whose value is not in the file",
    ]


def test_a_formula_is_its_value(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ["id", "x"], ["A", "=1+1"])
    import zipfile

    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    assert b"<f>1+1</f><v />" in sheet
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>")
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    assert cells(path, {"id": "string", "x": "integer"}) == [{"id": "A", "x": "2"}]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "a.xlsx: error: several sheets, and none is named. Known: Labs, Other"),
        ({"sheet": "Lab"}, 'a.xlsx: error: no sheet "Lab". Did you mean "Labs"?'),
        ({"sheet": "Labs", "keep": ["idd"]}, 'the file has no column "idd". Did you mean "id"?'),
        ({"sheet": "Labs", "unpivot": {"columns": "q{n}"}}, "unpivot names no column of the file"),
        ({"sheet": "Labs", "dates": "DD.MM."}, "names no year of four digits"),
        ({"sheet": "Labs"}, 'a.xlsx!Labs!1: error: unknown column "x"'),
    ],
)
def test_a_wrong_declaration_is_told(settings, message, tmp_path):
    path = workbook(tmp_path / "a.xlsx", ["id", "x"], ["A", 1], more=["Other"])
    _, findings = read(path, {"id": "string", "y": "decimal"}, **settings)
    assert message in findings[0]


def test_a_cell_below_no_title_is_told(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ["id", "x"], ["A", 1, "a remark"])
    _, findings = read(path, {"id": "string", "x": "decimal"})
    assert findings == ["a.xlsx!Labs!C2: error: a cell below no title. Give it a title"]


def test_a_query_over_sqlite_reads_and_nothing_else(tmp_path):
    path = tmp_path / "a.sqlite"
    with sqlite3.connect(path) as base:
        base.execute("create table p (id text, hb real)")
        base.execute("insert into p values ('A', 7.5), ('B', null)")
    base.close()
    kinds = {"id": "string", "hb": "decimal"}
    assert cells(path, kinds, query="select id, hb from p order by id") == [
        {"id": "A", "hb": "7.5"},
        {"id": "B", "hb": ""},
    ]
    for query in ("delete from p", f"attach '{tmp_path}/b.sqlite' as b", "pragma user_version = 3"):
        assert read(path, kinds, query=query)[0] is None
    assert not (tmp_path / "b.sqlite").exists()
    assert read(path, kinds)[1] == ["a.sqlite: error: a database without a query. Add query: to the manifest"]


def test_a_query_over_duckdb_reaches_no_other_file(tmp_path):
    path = tmp_path / "a.duckdb"
    (tmp_path / "secret.csv").write_text("id,hb\nA,1\n")
    with duckdb.connect(str(path)) as base:
        base.execute(
            "create table p as select 'A' as id, 7.50::decimal(5,2) as hb, date '1961-02-28' as born"
        )
    kinds = {"id": "string", "hb": "decimal", "born": "date"}
    assert cells(path, kinds, query="from p") == [{"id": "A", "hb": "7.50", "born": "1961-02-28"}]
    content, findings = read(path, kinds, query=f"from '{tmp_path}/secret.csv'")
    assert content is None
    assert "the query" in findings[0]


def test_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    duckdb.sql("select 'A' as id, 7.5::double as hb, true as fit").write_parquet(str(path))
    assert cells(path, {"id": "string", "hb": "decimal", "fit": "boolean"}) == [
        {"id": "A", "hb": "7.5", "fit": "true"}
    ]


def test_stata_and_spss_keep_codes_and_single_precision(tmp_path):
    import pandas as pd
    import pyreadstat

    frame = pd.DataFrame({"id": ["A", "B"], "sex": [1.0, 2.0], "hb": [7.5, None]})
    pyreadstat.write_sav(frame, str(tmp_path / "a.sav"), variable_value_labels={"sex": {1.0: "male"}})
    frame.astype({"hb": "float32"}).assign(hb=frame.hb.astype("float32") + 0.1).to_stata(
        tmp_path / "a.dta", write_index=False
    )
    kinds = {"id": "string", "sex": "integer", "hb": "decimal"}
    assert cells(tmp_path / "a.sav", kinds)[1] == {"id": "B", "sex": "2", "hb": ""}
    assert cells(tmp_path / "a.dta", kinds)[0] == {"id": "A", "sex": "1", "hb": "7.6"}


def test_a_database_by_url(tmp_path, monkeypatch):
    monkeypatch.setenv("TRIAL_DATABASE", f"sqlite:///{tmp_path}/a.db")
    with sqlite3.connect(tmp_path / "a.db") as base:
        base.execute("create table p as select 'A' as id")
    base.close()
    path = tmp_path / "unused"
    declared = {"url_from": "TRIAL_DATABASE", "query": "select id from p"}
    assert cells(path, {"id": "string"}, **declared) == [{"id": "A"}]
    monkeypatch.setenv("TRIAL_DATABASE", "sqlite:////nowhere/secret-word/a.db")
    _, findings = read(path, {"id": "string"}, **declared)
    assert findings
    assert "secret-word" not in str(findings)


def test_columns_that_repeat_become_rows(tmp_path):
    (tmp_path / "a.csv").write_text("ID,mrd_d15,mrd_d29,sex\nA,0.1,,f\nB,0.2,0.3,m\n")
    kinds = {"id": "string", "day": "integer", "mrd": "decimal"}
    declared = {"keep": ["id"], "unpivot": {"columns": "mrd_d{day}", "value": "mrd"}}
    content, _ = read(tmp_path / "a.csv", kinds, **declared)
    assert [tuple(row.cells.values()) for row in content.rows] == [
        ("A", "15", "0.1"),
        ("B", "15", "0.2"),
        ("B", "29", "0.3"),
    ]
    assert content.taken == {"id", "mrd_d15", "mrd_d29"}
    assert len({row.number for row in content.rows}) == 3


def test_a_table_of_patients_out_of_a_table_of_visits(tmp_path):
    (tmp_path / "a.csv").write_text("id,sex,hb\nA,f,1\nA,f,2\nB,m,3\n")
    kinds = {"number": "integer", "id": "string", "sex": "string"}
    assert cells(tmp_path / "a.csv", kinds, keep=["id", "sex"], distinct=True, number="number") == [
        {"number": "1", "id": "A", "sex": "f"},
        {"number": "2", "id": "B", "sex": "m"},
    ]


@pytest.mark.parametrize(
    ("kind", "cell", "settings", "message"),
    [
        ("decimal", "1.5", {"decimal": ","}, 'has a point, where the manifest says ","'),
        ("date", "31.02.2020", {"dates": "DD.MM.YYYY"}, "is not a date as the manifest has it"),
        ("date", "02/28/2020", {"dates": "DD/MM/YYYY"}, "is not a date as the manifest has it"),
    ],
)
def test_a_cell_that_is_not_as_declared_is_told(kind, cell, settings, message, tmp_path):
    (tmp_path / "a.csv").write_text(f"id,c\nA,{cell}\n")
    _, (finding,) = read(tmp_path / "a.csv", {"id": "string", "c": kind}, **settings)
    assert finding.startswith('a.csv:2: error: column "c"')
    assert message in finding
    assert cell not in finding


@pytest.mark.parametrize(
    ("cell", "written", "read_as"),
    [
        ("3.2.2020", "D.M.YYYY", "2020-02-03"),
        ("2/3/2020", "M/D/YYYY", "2020-02-03"),
        ("03-Feb-2020", "DD-MMM-YYYY", "2020-02-03"),
        ("20200203", "YYYYMMDD", "2020-02-03"),
        ("02.2020", ["DD.MM.YYYY", "MM.YYYY", "YYYY"], "2020-02"),
        ("2020", ["DD.MM.YYYY", "MM.YYYY", "YYYY"], "2020"),
        ("2020-02-03", "DD.MM.YYYY", "2020-02-03"),
    ],
)
def test_dates_as_they_are_written(cell, written, read_as, tmp_path):
    (tmp_path / "a.csv").write_text(f"id,c\nA,{cell}\n")
    assert cells(tmp_path / "a.csv", {"id": "string", "c": "date"}, dates={"c": written})[0]["c"] == read_as


def test_a_time_gets_the_offset_that_its_zone_had(tmp_path):
    (tmp_path / "a.csv").write_text("id,c\nA,03.02.2020 7:05\nB,2020-07-03 07:05\nC,2020-07-03\n")
    kinds, zone = {"id": "string", "c": "dateTime"}, ZoneInfo("Europe/Berlin")
    found = cells(tmp_path / "a.csv", kinds, zone, dates="DD.MM.YYYY h:mm")
    assert [row["c"] for row in found] == [
        "2020-02-03T07:05:00+01:00",
        "2020-07-03T07:05:00+02:00",
        "2020-07-03",
    ]


@pytest.mark.parametrize(
    ("cell", "why"), [("2020-03-29 02:30", "left out"), ("2020-10-25 02:30", "showed twice")]
)
def test_a_time_that_a_clock_left_out_or_showed_twice_is_told(cell, why, tmp_path):
    (tmp_path / "a.csv").write_text(f"id,c\nA,{cell}\n")
    kinds = {"id": "string", "c": "dateTime"}
    _, findings = read(tmp_path / "a.csv", kinds, ZoneInfo("Europe/Berlin"), separator=",")
    assert why in findings[0]


def test_thousands_in_groups(tmp_path):
    (tmp_path / "a.csv").write_text("id;c\nA;1.234.567,50\nB;12,5\n")
    kinds = {"id": "string", "c": "decimal"}
    found = cells(tmp_path / "a.csv", kinds, separator=";", decimal=",", thousands=".")
    assert [row["c"] for row in found] == ["1234567.50", "12.5"]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.doc", b"x", "a kind of file that nothing reads"),
        ("a.xlsx", b"PK\x03\x04nonsense", "no workbook that can be read"),
        ("a.parquet", b"PAR1", "not Parquet that can be read"),
        ("a.csv.gz", b"\x1f\x8b\x08\x00", "gzip that ends too early or is damaged"),
        ("a.csv.gz", b"id\n1\n", "not gzip"),
        ("a.csv", b"id\n\xe4\n", "a.csv:2: error: not utf-8-sig"),
        ("a.csv", b"id\n1,2\n", "a.csv:2: error: 2 cells where the header has 1"),
        ("a.sav", b"$FL2nonsense", "cannot be read as what its name says"),
    ],
)
def test_a_file_that_is_not_what_it_seems_is_told(name, data, message, tmp_path):
    (tmp_path / name).write_bytes(data)
    content, findings = read(tmp_path / name, {"id": "string"})
    assert content is None
    assert message in findings[0]


def test_a_file_that_is_not_there_is_told(tmp_path):
    for name in ("a.xlsx", "a.csv", "a.parquet", "a.sav"):
        content, findings = read(tmp_path / name)
        assert content is None
        assert "cannot be read: No such file" in findings[0], name


# A hospital's sheet: a number typed as text among numbers, zeros lost, a subject named once, a sum below.
def test_numbers_typed_as_text_lost_zeros_and_cells_as_above(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ["No.", "Hb"], ["007", 7.4], [None, "12,5"], [8, 11], ["Total: 3"])
    declared = {"decimal": ",", "digits": {"no": 3}, "fill_down": ["no"], "end": "Total"}
    assert [tuple(row.values()) for row in cells(path, {"no": "string", "hb": "decimal"}, **declared)] == [
        ("007", "7.4"),
        ("007", "12.5"),
        ("008", "11"),
    ]


def test_a_table_that_does_not_end_where_it_was_said_to_is_told(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ["No."], ["1"])
    content, (finding,) = read(path, {"no": "string"}, end="Total")
    assert content is None
    assert finding.startswith('cohort.yaml:5: error: no row begins with "Total"')


@pytest.mark.parametrize("setting", [{"digits": {"nr": 3}}, {"fill_down": ["nr"]}])
def test_a_column_that_is_not_there_is_told(setting, tmp_path):
    path = workbook(tmp_path / "a.xlsx", ["No."], ["1"])
    _, (finding,) = read(path, {"no": "string"}, **setting)
    assert 'the file has no column "nr". Known: no' in finding


@pytest.mark.parametrize(("cell", "day"), [("43599", "2019-05-14"), ("36526", "2000-01-01")])
def test_a_spreadsheets_number_of_a_day_is_a_date_where_that_is_declared(cell, day, tmp_path):
    (tmp_path / "a.csv").write_text(f"id,c\nA,{cell}\nB,03.02.2020\n")
    found = cells(tmp_path / "a.csv", {"id": "string", "c": "date"}, dates={"c": ["DD.MM.YYYY", "serial"]})
    assert [row["c"] for row in found] == [day, "2020-02-03"]


@pytest.mark.parametrize("cell", ["43599.5", "9999", "70000"])
def test_another_number_is_no_day(cell, tmp_path):
    (tmp_path / "a.csv").write_text(f"id,c\nA,{cell}\n")
    _, (finding,) = read(tmp_path / "a.csv", {"id": "string", "c": "date"}, dates={"c": "serial"})
    assert "is not a date as the manifest has it" in finding


def test_rows_of_one_form_out_of_a_sheet_of_many(tmp_path):
    (tmp_path / "a.csv").write_text("id,n,hb,box,sex\nA,,,0,f\nA,1,7.4,0,\nA,2,,1,\nB,,0,,m\n")
    kinds = {"id": "string", "n": "integer", "hb": "decimal", "box": "integer"}
    declared = {"keep": list(kinds), "rows_with": {"hb": [], "box": [0]}, "empty_is": {"n": 1}}
    assert [tuple(row.values()) for row in cells(tmp_path / "a.csv", kinds, **declared)] == [
        ("A", "1", "7.4", "0"),
        ("A", "2", "", "1"),
        ("B", "1", "0", ""),
    ]


def test_a_row_that_is_left_out_still_names_the_rows_below(tmp_path):
    (tmp_path / "a.csv").write_text("id,hb\nA,\n,7.4\nB,8\n")
    declared = {"fill_down": ["id"], "rows_with": {"hb": []}}
    found = cells(tmp_path / "a.csv", {"id": "string", "hb": "decimal"}, **declared)
    assert [tuple(row.values()) for row in found] == [("A", "7.4"), ("B", "8")]


def test_data_below_the_row_that_ends_a_table_is_told(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ["No.", "Hb"], ["1", 7], ["Total", 7], ["2", 8], ["Legend"])
    _, (finding,) = read(path, {"no": "string", "hb": "decimal"}, end="Total")
    assert "a.xlsx!Labs!4: error: looks like a row of the table, below the row that ends it" in finding
