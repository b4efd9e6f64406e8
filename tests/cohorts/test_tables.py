"""Tables that the manifest declares: several of one file, none of whose columns is left out without a word."""

from __future__ import annotations

import openpyxl
import pytest

from fhir_blina.cohorts.folder import gather_cohort, read_cohort
from fhir_blina.errors import CohortError
from fhir_blina.mapping.back.roundtrip import round_trip
from fhir_blina.mapping.check import check_cohort
from fhir_blina.mapping.mapping import map_cohort
from fhir_blina.r4.release import R4

TEMPLATE = """\
table: people
resource:
  resourceType: Patient
  id: "{{ id }}"
  birthDate: "{{ born }}"
---
table: labs
resource:
  resourceType: Observation
  id: "{{ id }}-{{ column }}"
  status: final
  code: {text: "{{ column }}"}
  subject: {reference: "Patient/{{ id }}"}
  valueQuantity: {value: "{{ value }}", unit: "{{ column.translate('unit').code }}"}
"""
MANIFEST = """\
tables:
  people: {file: all.xlsx, sheet: Baseline, keep: [id, born], dates: DD.MM.YYYY}
  labs: {file: all.xlsx, sheet: Baseline, keep: [id], unpivot: {columns: [hb, wbc]}, missing: NA}
"""


@pytest.fixture
def folder(made):
    made_folder = made(
        {"people": ["id* born:date", "A,1961-02-28"], "labs": ["id* column*=hb|wbc value:decimal", "A,hb,1"]},
        TEMPLATE,
        manifest=MANIFEST,
        codes="unit,hb,one,g/dL,,\nunit,wbc,one,10*9/L,,\n",
    )
    for path in (made_folder / "data").glob("*.csv"):
        path.unlink()
    fill(made_folder, ["A", "28.02.1961", 7.4, 12], ["B", "1.3.1970", "NA", 3.25], ["C", None, None, 1])
    return made_folder


def fill(folder, *rows, titles=("ID", "Born", "Hb", "WBC")):
    book = openpyxl.Workbook()
    book.active.title = "Baseline"
    for row in (titles, *rows):
        book.active.append(row)
    (folder / "data").mkdir(exist_ok=True)
    book.save(folder / "data" / "all.xlsx")


def told(folder):
    findings = []
    gather_cohort(folder, R4, findings)
    return [str(one).replace(f"{folder}/", "") for one in findings]


def test_one_sheet_becomes_two_tables_and_comes_back_whole(folder):
    fill(folder, ["A", "28.02.1961", 7.4, 12], ["B", "01.03.1970", "NA", 3.25], ["C", None, None, 1])
    assert [str(one) for one in check_cohort(folder)] == []
    cohort = read_cohort(folder)
    rows = [dict(row.text) for row in cohort.tables["labs"].rows]
    assert rows == [
        {"id": "A", "column": "hb", "value": "7.4"},
        {"id": "A", "column": "wbc", "value": "12"},
        {"id": "B", "column": "wbc", "value": "3.25"},
        {"id": "C", "column": "wbc", "value": "1"},
    ]
    mapped = map_cohort(cohort)
    account = round_trip(cohort, mapped, mapped.resources)
    assert (account.lost, account.differences) == (0, ())
    value = {one["id"]: one for one in mapped.resources}["B-wbc"]["valueQuantity"]
    assert (str(value["value"]), value["unit"]) == ("3.25", "10*9/L")


def test_a_fault_names_sheet_and_cell(folder):
    assert told(folder) == [
        'data/all.xlsx!Baseline!B3: error: column "born" is not a date as the manifest has it: DD.MM.YYYY'
    ]
    fill(folder, ["A", 22336, "7,4", 12])
    first, second = told(folder)
    assert first.startswith('data/all.xlsx!Baseline!B2: error: column "born" is not a date')
    assert second.startswith('data/all.xlsx!Baseline!C2: error: column "value" is not a decimal number')


def test_the_number_of_a_day_is_told_as_such(folder):
    manifest = folder / "cohort.yaml"
    manifest.write_text(manifest.read_text().replace(", dates: DD.MM.YYYY", ""))
    fill(folder, ["A", 22336, 7.4, 12])
    (finding,) = told(folder)
    assert "a spreadsheet's number of a day: format it, or say dates: serial" in finding


def test_a_column_in_no_table_is_told(folder):
    fill(folder, ["A", "28.02.1961", 7.4, 12, "x"], titles=("ID", "Born", "Hb", "WBC", "Remark"))
    (finding,) = told(folder)
    assert finding.startswith(
        'cohort.yaml:7: error: no table keeps column "remark" of all.xlsx. Keep it in one'
    )


def test_two_rows_with_one_key_are_told_by_their_places(folder):
    fill(folder, ["A", "28.02.1961", 7.4, 12], ["A", "28.02.1961", 7.4, 12])
    assert told(folder)[0] == (
        f"data/all.xlsx!Baseline!3: error: the same id as in {folder}/data/all.xlsx!Baseline!2"
    ).replace(f"{folder}/", "")


def test_a_warning_does_not_stop_the_cohort(folder):
    fill(folder, ["A", "28.02.1961", 7.4, 12], ["1.23457E+14", None, 1, 2])
    (finding,) = told(folder)
    assert finding.startswith('data/all.xlsx!Baseline!A3: warning: column "id" looks like a long number')
    assert read_cohort(folder).tables["people"].rows[1].text["id"] == "1.23457E+14"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("file: ../all.xlsx", "file leads out of the data folder. Put the file into data/"),
        ("file: /etc/passwd", "file leads out of the data folder. Put the file into data/"),
        ("fil: all.xlsx", 'unknown key "fil". Did you mean "file"?'),
        ("file: all.xlsx, thousands: x", "tables.people.thousands: must be one of"),
    ],
)
def test_a_wrong_setting_is_told(setting, message, folder):
    manifest = folder / "cohort.yaml"
    manifest.write_text(manifest.read_text().replace("people: {file: all.xlsx", f"people: {{{setting}"))
    with pytest.raises(CohortError, match="error") as error:
        read_cohort(folder)
    assert message in str(error.value)


def test_a_zone_that_nobody_knows_is_told(folder):
    with (folder / "cohort.yaml").open("a") as file:
        file.write("zone: Europe/Nowhere\n")
    assert any('zone: nobody knows "Europe/Nowhere"' in one for one in told(folder))


@pytest.mark.parametrize(
    ("kind", "cell", "right"),
    [
        ("date", "2020-02-29", True),
        ("date", "2020-02", True),
        ("date", "2020", True),
        ("date", "2019-02-29", False),
        ("date", "20200229", False),
        ("date", "2020-13", False),
        ("dateTime", "2020-02-29T10:00:00+01:00", True),
        ("dateTime", "2020-02-29T10:00:00", False),
        ("dateTime", "2020-02-29", True),
        ("time", "23:59:59", True),
        ("time", "24:00:00", False),
    ],
)
def test_dates_have_a_type(kind, cell, right, made):
    folder = made(
        {"people": [f"id* c:{kind}", f"A,{cell}"]},
        'table: people\nresource: {resourceType: Patient, id: "{{ id }}", birthDate: "{{ c }}"}\n',
    )
    findings = told(folder)
    assert bool(findings) is not right
    if not right:
        assert findings[0].startswith('data/people.csv:2: error: column "c" is n')


def test_a_cohort_of_real_dates_needs_no_anchor(made):
    template = 'table: people\nresource: {resourceType: Patient, id: "{{ id }}", birthDate: "{{ c }}"}\n'
    folder = made({"people": ["id* c:date d:integer", "A,2020-02-29,3"]}, template)
    manifest = folder / "cohort.yaml"
    manifest.write_text(manifest.read_text().replace("anchor: 2000-01-01\n", ""))
    (folder / "resources" / "t0.yaml").write_text(
        template.replace("}}", "}}", 1).replace(
            ', birthDate: "{{ c }}"', ', birthDate: "{{ c }}", deceasedDateTime: "{{ d.studyDate() }}"'
        )
    )
    findings = [str(one) for one in check_cohort(folder)]
    assert "studyDate() needs anchor: in cohort.yaml, the synthetic date of study day 0" in findings[0]
    (folder / "resources" / "t0.yaml").write_text(template)
    (folder / "dictionary.csv").write_text(
        (folder / "dictionary.csv")
        .read_text()
        .replace("people,d,integer,,,,,,,", "people,d,integer,,,,,,not wanted,")
    )
    assert [str(one) for one in check_cohort(folder)] == []


def test_cells_that_no_table_takes_in_some_rows_are_told(made):
    manifest = "tables:\n  p: {file: all.csv, keep: [id, hb, note], rows_with: {hb: []}}\n"
    folder = made({"p": ["id* hb:decimal note", "A,1,x"]}, TEMPLATE, manifest=manifest)
    (folder / "data" / "p.csv").unlink()
    (folder / "data" / "all.csv").write_text("id,hb,note\nA,1,x\nB,,kept by nobody\nC,,\n")
    findings = []
    cohort = gather_cohort(folder, R4, findings)
    assert [row.cells["id"] for row in cohort.tables["p"].rows] == ["A"]
    (said,) = [str(one) for one in findings]
    assert 'warning: no table takes column "note" in 1 rows of all.csv. The first is row 3' in said
    assert "nobody" not in said
