"""``new`` with patients, time and event: a folder that runs to a Kaplan-Meier curve, and says what it guessed."""

from __future__ import annotations

import json
import re

import jsonschema
import openpyxl
import pytest

from fhir_blina.cli.parser import main
from fhir_blina.cohorts.folder import read_cohort
from fhir_blina.cohorts.scaffold import new_cohort
from fhir_blina.errors import CohortError
from fhir_blina.files import read_yaml

# The remission times of 6-MP in Freireich et al. 1963; Kaplan-Meier as printed in Kalbfleisch and Prentice.
DAYS = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
EVENTS = 9
SURVIVAL = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}


@pytest.fixture
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def table(path, identifiers, separator=","):
    rows = [["SubjID", "Days", "Status", "WBC_10e9_L", "Born", "Site"]]
    for place, days in enumerate(DAYS):
        status = "2" if place < EVENTS else "1"
        count = "NA" if place == 3 else str(place * 1.5).replace(".", "," if separator == ";" else ".")
        rows.append([identifiers(place), str(days), status, count, f"{place % 28 + 1:02d}.03.1950", "Ward A"])
    path.write_text("\n".join(separator.join(row) for row in rows) + "\n")


def survival(folder):
    results = json.loads((folder / "results.json").read_text())
    return [one for one in results["records"] if one["name"] == "overall_survival.survival"]


@pytest.mark.long
@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize(("separator", "name"), [(",", "SUBJ_{:03}"), (";", "{}")])
def test_one_file_and_three_words_give_a_curve(separator, name, tmp_path, capsys):
    table(tmp_path / "Remission 6-MP.csv", name.format, separator)
    asked = ["--patient", "subjid", "--time", "days", "--event", "status=2"]
    assert main(["new", "mine", "Remission 6-MP.csv", *asked]) == 0
    said = capsys.readouterr().err
    assert "a row is a patient, named by subjid" in said
    assert "days is in days; an event is status = 2" in said
    assert "NA: read as an empty cell" in said
    assert "born: dates written DD.MM.YYYY" in said
    assert "wbc_10e9_l is in 10*9/L, by its name" in said
    endpoints = tmp_path / "mine" / "endpoints.yaml"
    days = ", ".join(map(str, SURVIVAL))
    endpoints.write_text(endpoints.read_text().replace("[365, last]", f"[{days}]"))
    assert main(["run", "mine", "--quiet"]) == 0
    found = {
        one["time_days"]: round(one["value"], 3)
        for one in survival(tmp_path / "out")
        if one["ci_method"] == "log-log"
    }
    assert found == SURVIVAL | {35: 0.448}  # the last follow-up is always there
    assert "1 of 1 published results" in capsys.readouterr().out


@pytest.mark.usefixtures("_here")
def test_rows_that_no_column_names_are_numbered(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("time,dead\n5,true\n5,true\n9,false\n")
    assert main(["new", "mine", "a.csv", "--time", "time", "--event", "dead"]) == 0
    assert "no column names one, so they are numbered" in capsys.readouterr().err
    assert main(["run", "mine", "--quiet"]) == 0
    found = {one["value"] for one in survival(tmp_path / "out")} - {None}
    assert {round(one, 6) for one in found} == {round(1 / 3, 6)}


@pytest.mark.usefixtures("_here")
def test_a_workbook_gives_a_table_for_each_sheet(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "Patients"
    for row in (["id", "age"], ["A", 40], ["B", 50]):
        book.active.append(row)
    labs = book.create_sheet("Labs")
    for row in (["id", "day", "hb"], ["A", 1, 7.5], ["A", 2, 7.25], ["B", 1, 9]):
        labs.append(row)
    book.create_sheet("Empty")
    book.save(tmp_path / "trial.xlsx")
    assert main(["new", "mine", "trial.xlsx"]) == 0
    assert main(["run", "mine", "--quiet"]) == 0
    cohort = read_cohort(tmp_path / "mine")
    assert sorted(cohort.tables) == ["labs", "measurements", "patients"]
    assert cohort.tables["labs"].rows[1].text == {"id": "A", "day": "2", "hb": "7.25"}
    assert cohort.tables["labs"].key == ("id", "day")


def test_whole_numbers_that_name_something_are_no_numbers(tmp_path):
    (tmp_path / "a.csv").write_text(
        "id,zip,n,when,ambiguous\n1,81377,5,2020-01-02,01/02/2020\n2,10115,6,,02/03/2020\n"
    )
    new_cohort(tmp_path / "mine", [tmp_path / "a.csv"])
    lines = (tmp_path / "mine" / "dictionary.csv").read_text().splitlines()
    assert "patients,id,string,yes,yes,,,,," in lines
    assert "measurements,item,string,yes,yes,n,,the column,," in lines
    assert "words,item,string,yes,yes,zip|ambiguous,,the column,," in lines
    assert "dates,item,string,yes,yes,when,,the column,," in lines


def test_outcomes_and_dates_are_no_keys(tmp_path):
    (tmp_path / "a.csv").write_text("born,hb,n\n1950-01-02,7.5,1\n1950-01-03,7.6,2\n")
    _, notes = new_cohort(tmp_path / "mine", [tmp_path / "a.csv"])
    assert "a: no first columns tell the rows apart: they are numbered" in notes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patient": "idd"}, '--patient: no column "idd". Did you mean "id"?'),
        ({"time": "time"}, "--time and --event go together"),
        ({"time": "tim", "event": "dead"}, '--time: no column "tim". Did you mean "time"?'),
        ({"time": "time", "event": "x=1"}, '--event: no column "x"'),
    ],
)
def test_a_column_that_is_not_there_is_told(options, message, tmp_path):
    (tmp_path / "a.csv").write_text("id,time,dead\nA,5,true\n")
    with pytest.raises(CohortError) as error:
        new_cohort(tmp_path / "mine", [tmp_path / "a.csv"], **options)
    assert message in str(error.value)
    assert not (tmp_path / "mine").exists()


WIDE = "id,age,arm,mrd_d15,mrd_d29,ae_v1_grade,ae_v2_grade,months,dead\n" + "".join(
    f"P{n},{40 + n},{'a' if n % 2 else 'b'},{n}.5,{'' if n == 2 else n},{n % 3},1,{n},{n % 2}\n"
    for n in range(1, 7)
)


@pytest.mark.long
@pytest.mark.usefixtures("_here")
def test_columns_that_repeat_become_rows_on_request_and_months_are_months(tmp_path, capsys):
    (tmp_path / "a.csv").write_text(WIDE)
    asked = ["--patient", "id", "--time", "months", "--time-unit", "mo", "--event", "dead=1"]
    asked += ["--unpivot", "mrd_d{day}", "--unpivot", "ae_v{visit}_grade"]
    assert main(["new", "mine", "a.csv", *asked]) == 0
    said = capsys.readouterr().err
    assert "2 columns like mrd_d{day} are rows of mrd" in said
    assert "months is in months; an event is dead = 1" in said
    assert main(["check", "mine"]) == 0
    assert main(["run", "mine", "--quiet"]) == 0
    assert "0 lost" in capsys.readouterr().out
    cohort = read_cohort("mine")
    assert [(row.cells["day"], str(row.cells["mrd"])) for row in cohort.tables["mrd"].rows[:4]] == [
        (15, "1.5"),
        (29, "1"),
        (15, "2.5"),
        (15, "3.5"),
    ]
    # Deaths in months 1, 3 and 5 of 6: 5/6 after the first, which is 30.4375 days.
    first = min(
        json.loads((tmp_path / "out" / "results.json").read_text())["derivation"],
        key=lambda one: one["duration_days"],
    )
    assert first["duration_days"] == 30.4375
    at = {one["time_days"]: one["value"] for one in survival(tmp_path / "out") if one["ci_method"] == "log"}
    assert at[182.625] == pytest.approx(5 / 6 * 3 / 4 * 1 / 2)
    groups = (tmp_path / "mine" / "endpoints.yaml").read_text()
    assert 'arm: {measure: arm, labels: {"a": "a", "b": "b"}}' in groups


@pytest.mark.usefixtures("_here")
def test_a_pattern_that_no_column_is_like_is_told(tmp_path):
    (tmp_path / "a.csv").write_text(WIDE)
    with pytest.raises(CohortError, match=re.escape('no column is like "hb_d{day}"')):
        new_cohort(tmp_path / "mine", [tmp_path / "a.csv"], patient="id", unpivot=["hb_d{day}"])
    assert not (tmp_path / "mine").exists()


@pytest.mark.usefixtures("_here")
def test_a_new_folder_has_the_schemas_that_its_files_name(tmp_path):
    (tmp_path / "a.csv").write_text(WIDE)
    new_cohort(tmp_path / "mine", [tmp_path / "a.csv"], patient="id", time="months", event="dead=1")
    files = list((tmp_path / "mine").rglob("*.yaml"))
    assert len(files) >= 4
    for path in files:
        named = path.read_text().splitlines()[0].partition("$schema=")[2]
        documents = read_yaml(path, [])
        wanted = json.loads((path.parent / named).resolve(strict=True).read_text())
        for one in documents:
            jsonschema.validate(one.data, wanted)
