"""A codebook's texts and units stand in the dictionary and the codes of a new cohort, and what is missing is said."""

from __future__ import annotations

import csv

import openpyxl
import pytest

from fhir_blina.cli.parser import main
from fhir_blina.cohorts.scaffold import new_cohort
from fhir_blina.errors import CohortError

DATA = "ID,Hb.g,stage,x\nA,7.4,1,1\nB,8.5,2,2\n"
BOOK = [
    ("Variable", "Label", "Units", "Values"),
    ("Hb.g", "Haemoglobin,\nvenous", "g/dL", ""),
    ("stage", "Stage of the disease", "", "1=early 2=late"),
    ("x", "Something", "furlongs", ""),
    ("gone", "Not exported", "", ""),
]


@pytest.fixture(params=["csv", "xlsx"])
def book(request, tmp_path):
    path = tmp_path / f"codebook.{request.param}"
    if request.param == "csv":
        with path.open("w", newline="") as file:
            csv.writer(file, delimiter=";").writerows(BOOK)
    else:
        made = openpyxl.Workbook()
        for row in BOOK:
            made.active.append(row)
        made.save(path)
    return path


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_codebook_describes_the_columns(book, tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text(DATA)
    made = new_cohort(tmp_path / "mine", [tmp_path / "a.csv"], patient="id", codebook=book)
    codes = {(row["map"], row["value"]): row for row in rows(tmp_path / "mine" / "codes.csv")}
    assert codes["item", "hb_g"]["display"] == "Haemoglobin, venous"
    assert codes["item", "stage"]["display"] == "Stage of the disease; 1=early 2=late"
    assert codes["unit", "hb_g"]["code"] == "g/dL"
    assert not codes["unit", "x"]["code"]
    assert made.notes[:3] == [
        f"{book.name} describes 3 of 4 columns",
        f"not in {book.name}: id",
        f"in {book.name} and no column: gone",
    ]
    assert any("x: the codebook's unit is none of UCUM" in note for note in made.notes)
    monkeypatch.chdir(tmp_path)
    assert main(["check", "mine", "--quick"]) == 0


def test_a_file_that_is_no_codebook_is_told(tmp_path):
    (tmp_path / "a.csv").write_text(DATA)
    with pytest.raises(CohortError, match="no codebook: it has no column of variables"):
        new_cohort(tmp_path / "mine", [tmp_path / "a.csv"], codebook=tmp_path / "a.csv")
