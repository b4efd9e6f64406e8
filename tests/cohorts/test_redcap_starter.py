"""``new --redcap``: a project's data dictionary and an export become a cohort that runs, whatever the export has."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from fhir_blina.cli.parser import main
from fhir_blina.cohorts.folder import read_cohort
from fhir_blina.cohorts.scaffold import new_cohort
from fhir_blina.errors import CohortError
from fhir_blina.mapping import map_cohort

DATA = Path(__file__).parents[1] / "data" / "redcap"
DICTIONARY = DATA / "dictionary.csv"
ASKED = {"raw": ("os_days", "vital=1"), "labels": ("days_to_death_or_last_contact", "vital_status=Dead")}


@pytest.fixture
def started(tmp_path):
    """A cohort from one of the exports, and what was said."""

    def make(export, **asked):
        made = new_cohort(tmp_path / "mine", [DATA / f"{export}.csv"], redcap=DICTIONARY, **asked)
        return read_cohort(tmp_path / "mine"), made.notes

    return make


def with_time(export):
    time, event = ASKED.get(export, ASKED["raw"])
    return {"time": time, "event": event, "missing": ["-999"]}


@pytest.mark.long
@pytest.mark.parametrize("export", ["raw", "labels"])
def test_an_export_runs_to_a_curve(export, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    time, event = ASKED[export]
    files = ["--redcap", str(DICTIONARY), str(DATA / f"{export}.csv")]
    assert main(["new", "mine", *files, "--time", time, "--event", event, "--missing", "-999"]) == 0
    assert main(["check", "mine"]) == 0
    assert main(["run", "mine", "--quiet"]) == 0
    # left out: a name, a birth date and a group of each of four, one file, the instrument of three rows
    assert "75 cells mapped, 16 left out with a reason, 0 lost" in capsys.readouterr().out
    records = json.loads((tmp_path / "out" / "results.json").read_text())["records"]
    # Days 6, 10+, 22, 32+: 3/4 after the first death, half of that after the second.
    found = {one["time_days"]: one["value"] for one in records if one["name"] == "overall_survival.survival"}
    assert found[32] == pytest.approx(3 / 8)


@pytest.mark.parametrize("export", ["raw", "labels"])
def test_raw_and_labelled_exports_mean_the_same(export, started):
    cohort, _ = started(export, **with_time(export))
    resources = map_cohort(cohort).resources
    found = [one for one in resources if one["resourceType"] == "Observation" and "component" in one]
    values = {}
    for one in found:
        for part in one["component"]:
            code = part["code"]["coding"][0]["code"]
            value = next(part[key] for key in part if key.startswith("value"))
            text = value["coding"][0]["code"] if isinstance(value, dict) and "coding" in value else value
            values.setdefault(code, []).append(text["value"] if isinstance(text, dict) else text)
    assert values["sex"] == ["sex.2", "sex.1", "sex.2", "sex.1"]
    assert values["race.1"] == [True, True, False, False]
    assert values["race.-1"] == [False, False, True, False]
    assert values["ecog"] == ["ecog.0", "ecog.1", "ecog.2"]
    assert [str(one) for one in values["weight"]] == ["61.5", "80", "72.25"]
    assert [str(one) for one in values["hb"]] == ["9.4", "11.0"]
    assert values["redcap-repeat-instance" if export == "raw" else "repeat-instance"] == [1, 2, 1]
    assert values["labs-complete"] == ["complete.2", "complete.1", "complete.0"]
    assert values["reached"] == ["reached.0", "reached.1", "reached.1"]
    assert values["remarks"] == ["Came with\nher sister", "None"]
    assert values["os-event"] == [True, False, True, False]


def test_identifiers_stay_out_of_fhir_and_that_is_said(started):
    cohort, notes = started("raw", **with_time("raw"))
    text = json.dumps(list(map_cohort(cohort).resources), default=str)
    for secret in ("Onerson", "Twoman", "1950-03-01", "[document]"):
        assert secret not in text
    said = "\n".join(notes)
    assert "full_name: an identifier, which no resource holds" in said
    assert "born: an identifier" in said
    assert "data/raw.csv holds the identifiers as exported" in said
    assert not any(secret in said for secret in ("Onerson", "1950-03-01"))


def test_what_was_guessed_and_left_is_said(started):
    _, notes = started("raw", **with_time("raw"))
    said = "\n".join(notes)
    for sentence in (
        "3 instruments: demographics, labs, follow_up; a table each",
        "ecog: UNK: missing data codes, read as an empty cell",
        "hb: NASK: missing data codes",
        "lab_time: kept as text",
        "1 fields have branching logic",
        "os_days is in days; an event is vital = '1'",
    ):
        assert sentence in said


def test_a_missing_data_code_that_nobody_named_is_told(started):
    _, notes = started("raw")
    assert any("weight: holds -999, a number now: if it is a missing data code" in note for note in notes)


def test_a_longitudinal_project_has_a_row_for_each_event_and_instance(started):
    cohort, _ = started("events", **with_time("events"))
    labs = cohort.tables["labs"]
    assert labs.key == ("record_id", "redcap_event_name", "redcap_repeat_instance")
    assert [(row.cells["redcap_event_name"], row.cells["redcap_repeat_instance"]) for row in labs.rows] == [
        ("baseline_arm_1", 1),
        ("week_4_arm_1", 1),
        ("week_4_arm_1", 2),
        ("baseline_arm_1", 1),
    ]
    assert [row.cells["record_id"] for row in cohort.tables["demographics"].rows] == ["A-1", "B-2"]
    assert cohort.tables["follow_up"].key == ("record_id", "redcap_event_name")


@pytest.mark.long
@pytest.mark.parametrize("export", ["raw", "labels", "events"])
def test_what_it_writes_has_no_fault(export, tmp_path, monkeypatch, started):
    started(export, **with_time(export))
    monkeypatch.chdir(tmp_path)
    assert main(["check", "mine"]) == 0


def changed(tmp_path, name, change):
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        rows = change(list(csv.reader(file)))
    path = tmp_path / name
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_a_dictionary_as_the_api_gives_it_reads_alike(tmp_path):
    titles = {
        "Variable / Field Name": "field_name",
        "Choices, Calculations, OR Slider Labels": "select_choices_or_calculations",
        "Branching Logic (Show field only if...)": "branching_logic",
    }

    def as_metadata(rows):
        return [[titles.get(one, one.lower().replace(" ", "_").strip("?")) for one in rows[0]], *rows[1:]]

    theirs = changed(tmp_path, "dictionary.csv", as_metadata)
    new_cohort(tmp_path / "a", [DATA / "raw.csv"], redcap=theirs)
    new_cohort(tmp_path / "b", [DATA / "raw.csv"], redcap=DICTIONARY)
    assert (tmp_path / "a" / "dictionary.csv").read_text() == (tmp_path / "b" / "dictionary.csv").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [[*rows[0], "extra"], *([*row, ""] for row in rows[1:])], 'knows no column "extra"'),
        (lambda rows: [row[1:] for row in rows], 'the first column is not "record_id"'),
    ],
)
def test_an_export_of_another_project_is_told(change, message, tmp_path):
    export = changed(tmp_path, "raw.csv", change)
    with pytest.raises(CohortError, match=message):
        new_cohort(tmp_path / "mine", [export], redcap=DICTIONARY)


def test_a_file_that_is_no_data_dictionary_is_told(tmp_path):
    with pytest.raises(CohortError, match="no data dictionary of REDCap"):
        new_cohort(tmp_path / "mine", [DATA / "raw.csv"], redcap=DATA / "raw.csv")
    with pytest.raises(CohortError, match="takes one export"):
        new_cohort(tmp_path / "mine", [DATA / "raw.csv", DATA / "raw.csv"], redcap=DICTIONARY)


def test_records_that_cannot_stand_in_an_id_are_told(tmp_path):
    def spaced(rows):
        return [rows[0], *([f"PT {row[0]}", *row[1:]] for row in rows[1:])]

    export = changed(tmp_path, "raw.csv", spaced)
    made = new_cohort(tmp_path / "mine", [export], redcap=DICTIONARY, missing=["-999"])
    assert any("record_id holds blanks or signs that no id can have" in note for note in made.notes)
    for path in (tmp_path / "mine" / "resources").iterdir():
        ids = re.sub(
            r"\{\{ record_id \}\}(?=-|\"$|\"\})",
            "{{ record_id.replace(' ', '-') }}",
            path.read_text(),
            flags=re.MULTILINE,
        )
        path.write_text(
            ids.replace("value: \"{{ record_id.replace(' ', '-') }}\"", 'value: "{{ record_id }}"')
        )
    cohort = read_cohort(tmp_path / "mine")
    assert len(map_cohort(cohort).resources) == 24


def test_a_word_that_is_no_choice_is_told_by_check_with_its_row(tmp_path, monkeypatch, capsys):
    export = changed(tmp_path, "raw.csv", lambda rows: [*rows[:-1], [*rows[-1][:6], "7", *rows[-1][7:]]])
    made = new_cohort(tmp_path / "mine", [export], redcap=DICTIONARY, missing=["-999"])
    assert any("sex: holds words that are no choice of the data dictionary" in note for note in made.notes)
    monkeypatch.chdir(tmp_path)
    assert main(["check", "mine"]) == 2
    assert (
        'raw.csv:9: error: column "sex" holds a word that the dictionary does not list'
        in capsys.readouterr().err
    )
