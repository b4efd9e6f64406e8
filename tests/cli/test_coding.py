"""Codes suggested from what a source lists, written only where it is asked for, and maps exported."""

from __future__ import annotations

import csv
import json

import pytest

from fhir_blina.cli.parser import main
from fhir_blina.r4 import R4
from fhir_blina.validation import validate

LOINC = {
    "resourceType": "CodeSystem",
    "url": "http://loinc.org",
    "version": "2.77",
    "concept": [
        {"code": "718-7", "display": "Hemoglobin [Mass/volume] in Blood", "designation": [{"value": "Hgb"}]},
        {"code": "20570-8", "display": "Hematocrit [Volume Fraction] of Blood"},
        {"code": "30525-0", "display": "Age", "concept": [{"code": "30972-4", "display": "Age in months"}]},
        {"code": "718-8", "display": "Sodium"},
        {
            "code": "2951-2",
            "display": "Potassium",
            "property": [{"code": "STATUS", "valueCode": "DEPRECATED"}],
        },
    ],
}
SNOMED = {
    "resourceType": "ValueSet",
    "expansion": {
        "contains": [
            {"system": "http://snomed.info/sct", "code": "424144002", "display": "Age", "abstract": True},
            {"system": "http://snomed.info/sct", "code": "271649006", "display": "Systolic blood pressure"},
        ]
    },
}


@pytest.fixture
def source(tmp_path):
    def write(resource, name="loinc.json"):
        path = tmp_path / name
        path.write_text(json.dumps(resource), "utf-8")
        return str(path)

    return write


@pytest.fixture
def trial(tmp_path, capsys):
    """A starter of four columns, none with a code but its own."""
    file = tmp_path / "trial.csv"
    file.write_text(
        "id,days,status,hgb,hemoglobin_g_dl,age,sodium,potassium\n1,9,2,9.1,9.2,50,1.5,2.5\n2,8,1,8.1,8.2,60,2.5,3.5\n"
    )
    folder = tmp_path / "trial"
    options = ["--patient", "id", "--time", "days", "--event", "status=2", "--quiet"]
    assert main(["new", str(folder), str(file), *options]) == 0
    capsys.readouterr()
    return folder


def suggested(folder, *options, capsys):
    code = main(["codes", "suggest", str(folder), *options, "--json", "--quiet"])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else {}, err


def lines(folder):
    with (folder / "codes.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_candidates_say_match_and_source_and_nothing_is_written(trial, source, capsys):
    before = (trial / "codes.csv").read_bytes()
    code, answer, _ = suggested(trial, "--from", source(LOINC), capsys=capsys)
    assert code == 0
    found = {(one["value"], one["code"]): one["match"] for one in answer["candidates"]}
    assert found == {
        ("hgb", "718-7"): "same other text",
        ("hemoglobin_g_dl", "718-7"): "20 % of the words",
        ("age", "30525-0"): "same text",
        ("age", "30972-4"): "33 % of the words",
    }
    assert {one["source"] for one in answer["candidates"]} == {"loinc.json 2.77"}
    assert (trial / "codes.csv").read_bytes() == before


def test_codes_that_cannot_be_are_retired_or_are_headings_are_never_suggested(trial, source, capsys):
    files = [source(LOINC), source(SNOMED, "snomed.json")]
    _, answer, _ = suggested(trial, "--from", files[0], "--from", files[1], capsys=capsys)
    assert not {"718-8", "2951-2", "424144002"} & {one["code"] for one in answer["candidates"]}


def test_exact_ones_are_written_before_the_codes_of_the_cohorts_own(trial, source, capsys):
    code, answer, err = suggested(trial, "--from", source(LOINC), "--write", capsys=capsys)
    assert (code, err) == (0, "")
    assert len(answer["written"]) == 2
    age = [one for one in lines(trial) if (one["map"], one["value"]) == ("item", "age")]
    assert [(one["system"], one["code"]) for one in age] == [("loinc", "30525-0"), ("item", "age")]
    assert age[0]["note"] == "same text in loinc.json 2.77; to be reviewed"
    assert main(["check", str(trial), "--quiet"]) == 0
    capsys.readouterr()
    # what was found is no candidate again
    _, again, _ = suggested(trial, "--from", source(LOINC), capsys=capsys)
    assert {one["value"] for one in again["candidates"]} == {"hemoglobin_g_dl"}


def test_any_code_that_a_source_lists_can_be_chosen_and_no_other(trial, source, capsys):
    choose = ("--from", source(LOINC), "--choose")
    code, _, _ = suggested(trial, *choose, "item:hemoglobin_g_dl=718-7", capsys=capsys)
    assert code == 0
    assert [
        one["system"]
        for one in lines(trial)
        if one["code"] and one["value"] == "hemoglobin_g_dl" and one["map"] == "item"
    ] == ["loinc", "item"]
    before = (trial / "codes.csv").read_bytes()
    for chosen, told in (
        ("item:sodium=2947-0", "no source lists this code"),
        ("item:natrium=718-7", "names no word of a code map"),
        ("sodium", "Write MAP:VALUE=CODE"),
    ):
        code, _, err = suggested(trial, *choose, chosen, capsys=capsys)
        assert (code, told in err) == (2, True)
    assert (trial / "codes.csv").read_bytes() == before


def test_words_without_a_line_get_the_codes_of_fhirs_own_systems(tiny, capsys):
    path = tiny / "codes.csv"
    path.write_text(
        "".join(one for one in path.read_text("utf-8").splitlines(True) if not one.startswith("gender"))
    )
    assert main(["check", str(tiny), "--quiet"]) == 2
    capsys.readouterr()
    code, answer, err = suggested(tiny, "--write", capsys=capsys)
    assert (code, err) == (0, "")
    system = "http://hl7.org/fhir/administrative-gender"
    assert {"female", "male"} <= R4.code_systems[system]
    assert {(one["value"], one["code"], one["source"]) for one in answer["candidates"]} == {
        ("female", "female", "FHIR R4 4.0.1"),
        ("male", "male", "FHIR R4 4.0.1"),
    }
    assert main(["check", str(tiny), "--quiet"]) == 0


def test_units_are_those_of_ucum(made, capsys):
    template = (
        'table: labs\nresource:\n  resourceType: Observation\n  id: "{{ %cohort }}-{{ id }}"\n  status: final\n'
        '  code: {text: x}\n  valueQuantity: {value: "{{ n }}", code: "{{ unit.translate(\'unit\').code }}"}\n'
    )
    rows = ["1,1,mg/dL", "2,2,x 10^9/L", "3,3,foo bar", "4,4,µmol/L"]
    folder = made({"labs": ["id* n:decimal unit", *rows]}, template)
    _, answer, _ = suggested(folder, capsys=capsys)
    assert {(one["value"], one["code"], one["match"]) for one in answer["candidates"]} == {
        ("mg/dL", "mg/dL", "same code"),
        ("x 10^9/L", "10*9/L", "written as UCUM has it"),
        ("µmol/L", "umol/L", "written as UCUM has it"),
    }


def test_a_system_without_a_short_name_is_not_written(trial, source, capsys):
    before = (trial / "codes.csv").read_bytes()
    file = source(LOINC | {"url": "http://example.org/other"})
    code, _, err = suggested(trial, "--from", file, "--write", capsys=capsys)
    assert code == 2
    assert "the manifest has no short name for http://example.org/other" in err
    assert (trial / "codes.csv").read_bytes() == before


def test_codes_that_would_change_ids_or_make_faults_are_taken_back(trial, source, capsys):
    template = trial / "resources" / "measurements.yaml"
    text = template.read_text("utf-8")
    file = source(LOINC)
    for other, told in (("first", "ids of resources would be others"), (None, "more than one result")):
        replaced = text.replace(".code.last()", f".code.{other}()" if other else ".code")
        template.write_text(replaced, "utf-8")
        before = (trial / "codes.csv").read_bytes()
        code, _, err = suggested(trial, "--from", file, "--write", capsys=capsys)
        assert code == 2
        assert "nothing is written" in err
        assert told in err
        assert (trial / "codes.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not readable as JSON"),
        ('{"resourceType": "Patient"}', "neither a CodeSystem"),
        ('{"resourceType": "ValueSet"}', "lists no code in use"),
    ],
)
def test_a_source_that_is_none_is_said(trial, tmp_path, text, told, capsys):
    path = tmp_path / "x.json"
    path.write_text(text, "utf-8")
    code, _, err = suggested(trial, "--from", str(path), capsys=capsys)
    assert (code, told in err) == (2, True)


def test_a_bundle_of_both_is_a_source(trial, source, capsys):
    bundle = {"resourceType": "Bundle", "entry": [{"resource": LOINC}, {"resource": SNOMED}]}
    _, answer, _ = suggested(trial, "--from", source(bundle), "--map", "item", capsys=capsys)
    assert "718-7" in {one["code"] for one in answer["candidates"]}


def test_exported_maps_are_valid_and_can_stand_in_place_of_codes_csv(tiny, tmp_path, capsys):
    assert main(["codes", "export", str(tiny), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    files = sorted((tmp_path / "out" / "codes").iterdir())
    assert sorted(capsys.readouterr().out.split()) == [str(one) for one in files]
    assert validate([json.loads(one.read_text("utf-8")) for one in files]) == []
    names = ""
    for file in files:
        (tiny / file.name).write_bytes(file.read_bytes())
        names += f"  {file.stem.removeprefix('ConceptMap-tiny-')}: {file.name}\n"
    with (tiny / "cohort.yaml").open("a") as manifest:
        manifest.write(f"codes:\n{names}")
    (tiny / "codes.csv").unlink()
    assert main(["check", str(tiny), "--quiet"]) == 0


def test_one_map_is_exported_and_an_unknown_one_named(tiny, tmp_path, capsys):
    assert (
        main(["codes", "export", str(tiny), "--map", "gender", "--out", str(tmp_path / "o"), "--quiet"]) == 0
    )
    assert len(list((tmp_path / "o" / "codes").iterdir())) == 1
    assert main(["codes", "export", str(tiny), "--map", "gendre"]) == 2
    assert 'Did you mean "gender"?' in capsys.readouterr().err
