"""A row beside what it becomes, on the terminal and for scripts."""

from __future__ import annotations

import json

import pytest

from fhir_blina.cli.parser import main

LABS = "id* hb:decimal text flag:boolean why"
TEMPLATE = """\
table: labs
where: hb.exists()
resource:
  resourceType: Observation
  id: "{{ %cohort }}-{{ id }}"
  status: final
  code: {text: hb}
  valueQuantity: {value: "{{ hb }}"}
  note: [{text: "{{ text }}"}]
  component: [{code: {text: low}, valueBoolean: "{{ hb < 10 }}"}]
"""


def shown(folder, *row, capsys):
    code = main(["show", str(folder), *row, "--json", "--quiet"])
    out, err = capsys.readouterr()
    return code, json.loads(out)["rows"] if out else [], err


def test_each_element_names_the_columns_that_gave_it(tiny, capsys):
    code, (row,), _ = shown(tiny, "labs.csv:2", capsys=capsys)
    assert code == 0
    (made,) = row["resources"]
    assert made["resource"]["valueQuantity"]["value"] == 14
    assert made["from"] == {
        "id": ["patient_id", "day"],
        "status": ["level_status"],
        "subject.reference": ["patient_id"],
        "effectiveDateTime": ["day"],
        "valueQuantity.value": ["level"],
    }
    goes = {one["column"]: one["goes"] for one in row["cells"]}
    assert goes["day"] == ["Observation.id", "Observation.effectiveDateTime"]


def test_the_terminal_has_cells_left_and_elements_right(tiny, capsys):
    assert main(["show", str(tiny), "patients", "A"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["data/patients.csv:2", "(patients)", "becomes"]
    assert any(line.startswith("sex ") and "female" in line for line in lines)
    assert any(line.rstrip().endswith('gender: "female"  <- sex') for line in lines)
    assert any("left out: not about the patient" in line for line in lines)


@pytest.mark.parametrize("row", [["labs.csv:3"], ["data/labs.csv:3"], ["labs", "A", "29"]])
def test_a_row_has_several_names(tiny, row, capsys):
    _, (found,), _ = shown(tiny, *row, capsys=capsys)
    assert found["location"].endswith("data/labs.csv:3")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (["lab.csv:3"], 'Did you mean "labs.csv"?'),
        (["abs.csv:3"], 'no row at "abs.csv:3"'),
        (["labs.csv:99"], "Name it by file:line"),
        (["labs", "A", "77"], "has no row with that patient_id, day"),
        (["labs", "A", "0", "1"], "is named by patient_id, day"),
    ],
)
def test_a_row_that_is_not_there_is_said(tiny, row, told, capsys):
    code, rows, err = shown(tiny, *row, capsys=capsys)
    assert (code, rows) == (2, [])
    assert told in err


def test_a_row_in_another_is_shown_inside_the_row_around_it(tiny, capsys):
    _, (row,), _ = shown(tiny, "group_members.csv:3", capsys=capsys)
    (made,) = row["resources"]
    assert made["resource"]["member"] == [{"entity": {"reference": "Patient/tiny-B"}}]
    assert made["from"]["member[0].entity.reference"] == ["patient_id"]
    assert made["from"]["id"] == ["groups.group_id"]


def test_rows_embedded_in_it_are_shown_with_their_table(tiny, capsys):
    _, (row,), _ = shown(tiny, "groups", "all", capsys=capsys)
    (made,) = row["resources"]
    assert [one["entity"]["reference"] for one in made["resource"]["member"]] == [
        "Patient/tiny-A",
        "Patient/tiny-B",
    ]
    assert made["from"]["member[1].entity.reference"] == ["group_members.patient_id"]


def test_what_an_embedded_row_takes_of_the_row_around_it_is_said(tiny, capsys):
    path = tiny / "resources" / "groups.yaml"
    text = path.read_text("utf-8")
    path.write_text(text + '      period: {id: "{{ %row.group_id }}"}\n', "utf-8")
    _, (row,), _ = shown(tiny, "groups", "all", capsys=capsys)
    assert row["resources"][0]["from"]["member[0].period.id"] == ["group_id"]


def test_what_goes_nowhere_does_not_apply_or_does_not_come_back_is_said(made, capsys):
    folder = made({"labs": [LABS, "1,9.5,,true,x", "2,,y,,"]}, TEMPLATE)
    code, (row,), _ = shown(folder, "labs.csv:2", capsys=capsys)
    notes = {one["column"]: one["note"] for one in row["cells"]}
    assert notes["flag"].startswith("goes nowhere")
    assert (code, notes["hb"]) == (0, "")
    assert row["resources"][0]["from"]["component[0].valueBoolean"] == ["hb"]
    code, (row,), _ = shown(folder, "labs.csv:3", capsys=capsys)
    assert row["resources"] == []
    assert row["without"][0].endswith("t0.yaml:2")
    assert {one["column"]: one["note"] for one in row["cells"]}["text"].startswith("decides")


def test_a_cell_that_does_not_come_back_is_said(made, capsys):
    folder = made(
        {"labs": ["id* hb:decimal", "1,9.5"]}, TEMPLATE.replace("{{ hb }}", "{{ hb * 2 }}").split("  note")[0]
    )
    _, (row,), _ = shown(folder, "labs", "1", capsys=capsys)
    assert "not read back: no blank gives the cell back" in row["cells"][1]["note"]


def test_a_good_row_is_shown_where_others_are_bad(made, capsys):
    folder = made({"labs": [LABS, "1,9.5,,,", "2,x,,,"]}, TEMPLATE)
    code, (row,), err = shown(folder, "labs", "1", capsys=capsys)
    assert (code, len(row["resources"]), row["issue"], err) == (0, 1, [], "")
    code, (row,), err = shown(folder, "labs", "2", capsys=capsys)
    assert code == 2
    assert "is not a decimal number" in err


def test_what_fhir_refuses_in_the_row_is_said(made, capsys):
    folder = made({"labs": [LABS, "1,9.5,,,"]}, TEMPLATE.replace("status: final", "status: done"))
    code, _, err = shown(folder, "labs", "1", capsys=capsys)
    assert code == 2
    assert "Observation.status" in err
    assert "t0.yaml:6" in err


def test_references_to_what_other_rows_become_are_no_fault(tiny, capsys):
    code, (row,), err = shown(tiny, "labs", "A", "0", capsys=capsys)
    assert (code, row["issue"], err) == (0, [], "")


def test_neither_colours_nor_marks_of_a_cell_reach_the_terminal(made, capsys):
    folder = made({"labs": [LABS, "1,9.5,\x1b[31m[bold]:smile:[/x],,"]}, TEMPLATE)
    assert main(["show", str(folder), "labs"]) in (0, 2)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[bold]:smile:[/x]" in out


def test_a_cohort_whose_ids_are_hashed_is_shown_readable(made, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("FHIR_BLINA_ID_KEY_FILE", str(tmp_path / "key"))
    folder = made({"labs": [LABS, "S_1,9.5,,,"]}, TEMPLATE, manifest="ids: hmac\n")
    code, (row,), err = shown(folder, "labs", "S_1", capsys=capsys)
    assert (code, err) == (0, "")
    assert row["resources"][0]["resource"]["id"] == "demo-S_1"
