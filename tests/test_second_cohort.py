"""A second cohort costs a folder: a copy under another name, columns renamed, two patients invented."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path

import pytest

from fhir_blina.cli.parser import main
from fhir_blina.cohorts.folder import find_cohort, read_cohort
from fhir_blina.files.json import dumps, loads
from fhir_blina.mapping.back.roundtrip import round_trip
from fhir_blina.mapping.check import check_cohort
from fhir_blina.mapping.mapping import map_cohort

FIRST, SECOND = "cjcp2023", "second"
RENAMED = {
    "patient_id": "subject_no",
    "age_years": "years_of_age",
    "study_day": "day_no",
    "value_printed": "as_printed",
    "followup_days": "days_followed",
    "rate_unit_printed": "unit_in_print",
}
STUDY = ("IIT2021009-EC-1", "SECOND-1")  # the number of the study, the one thing that two cohorts could share
# Invented patients, each after one who exists: what of theirs is different.
INVENTED = {
    "P7": ("P4", {"sex": "male", "sex_printed": "男", "age_years": "8.50", "followup_days": "250"}),
    "P8": ("P2", {"sex": "female", "sex_printed": "女", "age_years": "16", "followup_days": "47"}),
}


def invent(path: Path) -> None:
    """Add the rows of the invented patients, and rename columns."""
    header, *rows = csv.reader(io.StringIO(path.read_text("utf-8"), newline=""))
    if "patient_id" in header and "group_id" not in header:
        place = header.index("patient_id")
        for name, (model, changes) in INVENTED.items():
            for row in [one for one in rows if one[place] == model]:
                cells = {**dict(zip(header, row, strict=True)), "patient_id": name}
                rows.append(list((cells | {k: v for k, v in changes.items() if k in cells}).values()))
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([[RENAMED.get(one, one) for one in header], *rows])
    path.write_text(text.getvalue(), "utf-8")


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    """The folder of the second cohort."""
    folder = Path(shutil.copytree(find_cohort(FIRST), tmp_path_factory.mktemp("cohorts") / SECOND))
    for path in sorted((folder / "data").glob("*.csv")):
        invent(path)
    study = folder / "data" / "study.csv"
    study.write_text(study.read_text("utf-8").replace(*STUDY), "utf-8")
    for path in [folder / "dictionary.csv", folder / "cohort.yaml", *(folder / "resources").glob("*.yaml")]:
        text = path.read_text("utf-8")
        for old, new in RENAMED.items():
            text = re.sub(rf"\b{old}\b", new, text)
        path.write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def both(second):
    """The resources of the first and of the second cohort."""
    return [map_cohort(read_cohort(one)).resources for one in (FIRST, second)]


def everywhere(node, name):
    """Every value of a key, at any depth."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == name:
                yield value
            yield from everywhere(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from everywhere(value, name)


def test_it_checks_clean(second):
    assert [str(finding) for finding in check_cohort(second)] == []
    assert [str(finding) for finding in check_cohort(second, profiles=["mcode"])] == []


def test_no_renamed_column_is_left(second):
    cohort = read_cohort(second)
    assert not set(RENAMED) & {name for table in cohort.tables.values() for name in table.columns}


def test_the_invented_patients_become_resources(both):
    patients = {one["id"]: one for one in both[1] if one["resourceType"] == "Patient"}
    assert list(patients) == [f"second-P{number}" for number in range(1, 9)]
    assert patients["second-P7"]["gender"] == "male"
    ages = {
        one["subject"]["reference"]: str(one["valueQuantity"]["value"])
        for one in both[1]
        if one["resourceType"] == "Observation" and "30525-0" in everywhere(one["code"], "code")
    }
    assert ages["Patient/second-P7"] == "8.50"
    assert ages["Patient/second-P4"] == "5"


def test_the_printed_patients_become_what_they_were(both):
    """But for the cohort's name and its own systems, the six are the same resources."""
    first = {dumps(one, sort_keys=True) for one in both[0]}
    second = {dumps(one, sort_keys=True).replace(SECOND, FIRST) for one in both[1]}
    second = {one.replace(*reversed(STUDY)) for one in second}
    assert first <= second
    assert all("P7" in one or "P8" in one for one in second - first)


def test_it_comes_back_whole(second):
    cohort = read_cohort(second)
    mapped = map_cohort(cohort)
    account = round_trip(cohort, mapped, loads(dumps(mapped.resources)))
    assert account.differences == ()
    assert account.lost == 0
    assert account.tables["patients"][6]["years_of_age"] == "8.50"


def test_the_two_share_no_id_reference_identifier_or_tag(both):
    for name, system in (
        ("id", None),
        ("reference", None),
        ("identifier", None),
        ("tag", "CodeSystem/cohort"),
    ):
        first, second = (
            {
                dumps(item)
                for one in resources
                for value in everywhere(one, name)
                for item in (value if isinstance(value, list) else [value])
                if system is None or system in item["system"]
            }
            for resources in both
        )
        assert first
        assert second
        assert not first & second, name


def test_a_store_with_both_gives_back_each(both, second):
    for name in (FIRST, second):
        cohort = read_cohort(name)
        mapped = map_cohort(cohort)
        assert round_trip(cohort, mapped, [*both[0], *both[1]]).differences == ()


@pytest.mark.long
def test_it_runs_from_data_to_report(second, tmp_path, capsys):
    """Its store elsewhere, and the answer as JSON."""
    places = ["--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")]
    code = main(["run", str(second), *places, "--quiet", "--json"])
    output = capsys.readouterr()
    assert (code, output.err) == (0, "")
    answer = json.loads(output.out)
    assert (answer["cells"]["lost"], answer["differences"]) == (0, [])
    assert (tmp_path / "store" / "Patient.ndjson").is_file()
    patients = (tmp_path / "out" / "tables" / "patients.csv").read_text("utf-8")
    assert patients.count("second-P") == 8
    assert "cjcp" not in patients
