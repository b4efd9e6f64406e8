"""Starters by kind: what they guess, that they keep every cell, and that their comments can be taken."""

from __future__ import annotations

import json
import re

import pytest

from fhir_blina.cli.parser import main
from fhir_blina.cohorts.folder import read_cohort
from fhir_blina.cohorts.kind_texts import COMMENTED, TYPES, commented
from fhir_blina.cohorts.kinds import KINDS
from fhir_blina.mapping import check_cohort, map_cohort
from fhir_blina.r4 import R4

FILES = {
    "patients": "id,days,status,sex,born,hb\n1,10,2,M,1960-02-01,12.1\n2,20,1,F,,11.1\n",
    "labs": (
        "id,visit,test,value,unit,date,comment\n1,1,Hb,12.10,g/dL,2020-01-02,ok\n1,2,WBC,3,10*9/L,2020-02,\n"
        "2,1,Hb,9.5,,,\n"
    ),
    "meds": (
        "id,nr,drug,dose,dose_unit,route,start,stop,line\n1,1,Aspirin,100,mg,oral,2020-01-02,2020-03-01,1\n"
        "1,2,Ibuprofen,,mg,,2020-01-02,,2\n"
    ),
    "diagnoses": "id,nr,icd10,day,certain\n1,1,C91.0,5,true\n1,2,I10,-3,false\n",
    "ops": "id,nr,procedure,day,surgeon\n1,1,Biopsy,5,x\n1,2,HSCT,,y\n",
    "outcomes": "id,nr,outcome,date,grade\n1,1,relapse,2020-01-02,3\n1,2,death,2021-01-01,1.50\n",
}


@pytest.fixture
def start(tmp_path, capsys):
    def run(files, *options):
        for name, text in files.items():
            (tmp_path / f"{name}.csv").write_text(text, "utf-8")
        folder = tmp_path / "demo"
        paths = [str(tmp_path / f"{name}.csv") for name in files]
        code = main(["new", str(folder), *paths, *options, "--json"])
        out, err = capsys.readouterr()
        return folder, (json.loads(out)["guessed"] if code == 0 else err)

    return run


def test_each_kind_becomes_its_resource_and_no_cell_is_lost(start):
    folder, guessed = start(
        FILES, "--patient", "id", "--time", "days", "--event", "status=2", "--kind", "ops=procedures"
    )
    assert check_cohort(folder) == []
    by_type = {}
    for one in map_cohort(read_cohort(folder)).resources:
        by_type.setdefault(one["resourceType"], []).append(one)
    lab = next(one for one in by_type["Observation"] if one["code"].get("text") == "Hb")
    assert lab["effectiveDateTime"] == "2020-01-02"
    assert (str(lab["valueQuantity"]["value"]), lab["valueQuantity"]["unit"]) == ("12.10", "g/dL")
    aspirin, ibuprofen = by_type["MedicationStatement"]
    assert aspirin["medicationCodeableConcept"] == {"text": "Aspirin"}
    assert aspirin["effectivePeriod"] == {"start": "2020-01-02", "end": "2020-03-01"}
    assert aspirin["dosage"][0]["doseAndRate"] == [{"doseQuantity": {"value": 100, "unit": "mg"}}]
    assert aspirin["dosage"][0]["route"] == {"text": "oral"}
    assert "end" not in ibuprofen["effectivePeriod"]
    diagnosis = next(one for one in by_type["Condition"] if one["code"]["text"] == "C91.0")
    assert diagnosis["onsetDateTime"] == "2000-01-06"
    assert {"text": "certain: true"} in diagnosis["note"]
    assert [one.get("performedDateTime") for one in by_type["Procedure"]] == ["2000-01-06", None]
    relapse = next(one for one in by_type["Observation"] if one.get("valueString") == "relapse")
    assert relapse["effectiveDateTime"] == "2020-01-02"
    assert [(one.get("gender"), one.get("birthDate")) for one in by_type["Patient"]] == [
        ("male", "1960-02-01"),
        ("female", None),
    ]
    assert any(one.startswith("meds: medications, by its name and columns") for one in guessed)
    assert any(one.startswith("ops: procedures, as said") for one in guessed)
    assert "patients: sex is the gender, F is female, M is male" in guessed


@pytest.mark.long
def test_a_starter_of_every_kind_runs(start, tmp_path):
    folder, _ = start(FILES, "--patient", "id", "--time", "days", "--event", "status=2")
    assert main(["run", str(folder), "--out", str(tmp_path / "out"), "--quiet"]) == 0


def test_a_table_that_nothing_speaks_of_stays_rows_and_can_be_said(start):
    files = {"patients": FILES["patients"], "zzz": "id,nr,abc\n1,1,x\n2,1,y\n"}
    folder, guessed = start(files, "--patient", "id")
    assert "component:" in (folder / "resources" / "zzz.yaml").read_text("utf-8")
    assert not any(one.startswith("zzz: rows") for one in guessed)


@pytest.mark.parametrize("kind", [one for one in KINDS if one != "rows"])
def test_any_table_can_be_said_to_be_of_any_kind(start, kind):
    files = {
        "patients": FILES["patients"],
        "zzz": "id,nr,abc,n,x,when\n1,1,x,5,1.0,2020-01-01\n1,2,y,6,,2020\n",
    }
    folder, _ = start(files, "--patient", "id", "--kind", f"zzz={kind}")
    assert f"resourceType: {TYPES[kind]}" in (folder / "resources" / "zzz.yaml").read_text("utf-8")
    assert check_cohort(folder) == []


@pytest.mark.parametrize(
    ("said", "told"), [("lab=laboratory", 'Did you mean "labs"?'), ("labs=labor", 'no kind "labor"')]
)
def test_a_table_or_kind_that_is_none_is_said(start, said, told):
    _, err = start({"labs": FILES["labs"]}, "--patient", "id", "--kind", said)
    assert told in err


@pytest.mark.parametrize("words", ["M,m", "male,1", "M,F,x"])
def test_words_that_may_be_more_than_a_gender_are_no_gender(start, words):
    rows = "".join(f"{place},{word}\n" for place, word in enumerate(words.split(","), start=1))
    folder, guessed = start({"patients": f"id,sex\n{rows}"}, "--patient", "id")
    assert not any("gender" in one for one in guessed)
    assert "# gender" in (folder / "resources" / "patients.yaml").read_text("utf-8")
    assert check_cohort(folder) == []


@pytest.mark.parametrize(
    ("kind", "line"), [(kind, line) for kind in COMMENTED for line in commented(kind).splitlines()]
)
def test_a_commented_element_is_one_of_its_type_and_can_be_taken(made, kind, line):
    element = line.strip("# ")
    resource = TYPES.get(kind, "Patient")
    assert element.split(":")[0] in R4.keys(resource)
    needed = {
        "Observation": "  status: final\n  code: {text: x}\n",
        "Procedure": "  status: completed\n",
        "MedicationStatement": "  status: unknown\n  medicationCodeableConcept: {text: x}\n",
    }.get(resource, "")
    name = element.split(":")[0]
    needed = "".join(f"{one}\n" for one in needed.splitlines() if one.split(":")[0].strip() != name)
    dated = bool(re.search("Date|Period|recorded", name))
    column, other = ("day:date", "2020-01-01") if dated else ("word", "male")
    text = element.replace("COLUMN", column.split(":")[0])
    if 'value: "{{ word' in text:
        column, other = "word:decimal", "1.5"
    template = (
        f'table: t\nresource:\n  resourceType: {resource}\n  id: "{{{{ %cohort }}}}-{{{{ id }}}}"\n{needed}'
    )
    subject = '  subject: {reference: "Patient/demo-1"}\n' if resource != "Patient" else ""
    maps = ("test", "drug", "diagnosis", "procedure", "outcome", "interpretation", "gender")
    codes = "".join(f"{one},male,{'two' if one == 'gender' else 'one'},male,,\n" for one in maps)
    folder = made({"t": [f"id* {column}", f"1,{other}"]}, f"{template}{subject}  {text}\n", codes=codes)
    assert [
        str(one)
        for one in check_cohort(folder)
        if "reference" not in str(one) and "no template reads" not in str(one)
    ] == []
    assert name in map_cohort(read_cohort(folder)).resources[0]
