"""Options of single commands that the main job does not use."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import duckdb
import pytest

from fhir_blina.cli.parser import build_parser, main


@pytest.fixture
def store(tiny, tmp_path, capsys):
    """The small cohort in a folder store; the folder that commands take as --out."""
    out = tmp_path / "out"
    assert main(["push", str(tiny), "--out", str(out), "--quiet"]) == 0
    capsys.readouterr()
    return out


def test_tables_as_parquet_and_as_a_duckdb_file(store):
    assert main(["tables", "--out", str(store), "--format", "parquet", "--quiet"]) == 0
    assert main(["tables", "--out", str(store), "--format", "duckdb", "--quiet"]) == 0
    values = "select value_quantity from {} where value_quantity is not null order by 1"
    parquet = duckdb.sql(values.format(f"'{store / 'tables' / 'observations.parquet'}'")).fetchall()
    assert [float(value) for (value,) in parquet] == [0.1, 14]
    with duckdb.connect(str(store / "tables" / "tables.duckdb"), read_only=True) as database:
        assert database.sql(values.format("observations")).fetchall() == parquet


def test_both_engines_write_the_same_bytes(store):
    tables = store / "tables"
    assert main(["tables", "--out", str(store), "--quiet"]) == 0
    fast = {path.name: path.read_bytes() for path in tables.glob("*.csv")}
    assert main(["tables", "--out", str(store), "--engine", "python", "--quiet"]) == 0
    assert {path.name: path.read_bytes() for path in tables.glob("*.csv")} == fast
    assert b"14.00" in fast["observations.csv"]


def test_the_sql_of_a_view_runs_by_itself(store, capsys):
    assert main(["tables", "--out", str(store), "--sql", "patients"]) == 0
    sql = capsys.readouterr().out
    with duckdb.connect() as database:
        *macros, query = [part for part in sql.split(";\n") if part.strip()]
        for macro in macros:
            database.sql(macro)
        assert len(database.sql(query.rstrip().rstrip(";")).fetchall()) == 2


def test_an_unknown_view_is_said(store, capsys):
    assert main(["tables", "--out", str(store), "--sql", "patient"]) == 5
    assert 'no view "patient". Did you mean "patients"?' in capsys.readouterr().err


def test_a_bad_line_stops_or_goes_aside(store, capsys):
    path = store / "fhir" / "Patient.ndjson"
    path.write_text(path.read_text("utf-8") + '{"resourceType": "Patient", \n', "utf-8")
    assert main(["tables", "--out", str(store), "--quiet"]) == 4
    assert not (store / "tables").exists()
    assert main(["tables", "--out", str(store), "--keep-going", "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["rejected"] == {"Patient": 1}
    assert len((store / "tables" / "patients.csv").read_text("utf-8").splitlines()) == 3


def test_cohorts_are_listed_for_scripts(capsys):
    assert main(["cohorts", "--json"]) == 0
    names = [one["name"] for one in json.loads(capsys.readouterr().out)["cohorts"]]
    assert {"cjcp2023", "ncctg-lung"} <= set(names)


def test_check_answers_scripts_with_issues(tiny, capsys):
    (tiny / "codes.csv").write_text("", "utf-8")
    assert main(["check", str(tiny), "--json", "--quiet"]) == 2
    (issue,) = json.loads(capsys.readouterr().out)["issue"]
    assert issue["severity"] == "error"
    assert issue["location"] == [f"{tiny / 'codes.csv'}:1"]


def test_unload_asks_first_and_leaves_others(store, tiny, tmp_path, capsys):
    other = tiny.rename(tiny.parent / "other")
    assert main(["push", str(other), "--out", str(store), "--quiet"]) == 0
    assert main(["unload", "tiny", "--out", str(store)]) == 0
    assert "would remove" in capsys.readouterr().out
    assert main(["unload", "tiny", "--out", str(store), "--yes", "--quiet"]) == 0
    text = (store / "fhir" / "Patient.ndjson").read_text("utf-8")
    assert "tiny-" not in text
    assert text.count('"id":"other-') == 2


def test_search_and_group_need_a_server(store, capsys):
    assert main(["pull", "tiny", "--out", str(store), "--search", "Observation?code=x", "--quiet"]) == 4
    assert "need a FHIR server" in capsys.readouterr().err


def test_map_prints_one_resource_a_line(tiny, capsys):
    assert main(["map", str(tiny), "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert {json.loads(line)["resourceType"] for line in lines} >= {"Patient", "Group", "Observation"}


def test_a_wrong_anchor_is_said(tiny, capsys):
    assert main(["check", str(tiny)]) == 0
    assert main(["map", str(tiny), "--anchor", "1.2.2000"]) == 2
    assert "write YYYY-MM-DD" in capsys.readouterr().err


def test_any_folder_can_be_analyzed_with_definitions_of_ones_own(store, tmp_path, capsys):
    definitions = tmp_path / "endpoints.yaml"
    definitions.write_text(
        "subjects: {table: patients, key: patient_id, label: patient_id}\n"
        "systems: {loinc: http://loinc.org}\n"
        "measures:\n"
        "  blasts:\n"
        "    table: observations\n"
        "    where: {code_system: loinc, code: 11150-0, study_day: 0}\n"
        "    value: value_quantity\n"
        "    unit: '%'\n"
        "summaries: {blasts: {}}\n"
        "endpoints: {}\n",
        "utf-8",
    )
    assert main(["analyze", "--endpoints", str(definitions), "--out", str(store), "--quiet"]) == 0
    records = json.loads((store / "results.json").read_text("utf-8"))["records"]
    (median,) = [one for one in records if one["name"] == "blasts.median" and one["group"] == "all"]
    assert (median["value"], median["n"]) == (7.05, 2)  # of 14.00 and 0.100


def test_analyze_says_what_it_needs(store, capsys):
    assert main(["analyze", "--out", str(store), "--quiet"]) == 6
    assert "Name a cohort, or give --endpoints FILE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "threshold"),
    [
        ("share", 11),
        ("analyze", None),
        ("run", None),
        ("share --no-suppress", None),
        ("share --suppress 5", 5),
    ],
)
def test_only_what_is_made_for_others_hides_small_numbers_unasked(command, threshold):
    name, *more = command.split()
    assert build_parser().parse_args([name, "cjcp2023", *more]).suppress == threshold


@pytest.mark.long
def test_a_terminal_of_ascii_ends_no_run(tiny):
    done = subprocess.run(
        [sys.executable, "-m", "fhir_blina", "cohorts"],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    (tiny / "codes.csv").write_text("map,value,system,code,display,noté\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "fhir_blina", "check", str(tiny)],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (2, False)


@pytest.mark.parametrize("seconds", [0.02, 0.08, 0.15, 0.3, 0.6])
def test_an_interrupt_is_one_line_at_any_moment(seconds, tmp_path):
    """Before the first import of ours it is Python's own matter; from then on it is one line."""
    begun = tmp_path / "begun"
    code = (
        "import pathlib, signal, sys; from fhir_blina.__main__ import main; "
        # who starts tests in the background may have it ignored
        "signal.signal(signal.SIGINT, signal.default_int_handler); sys.argv = "
        f"['fhir-blina', 'run', 'cjcp2023', '--out', {str(tmp_path / 'out')!r}, '-q']; "
        f"pathlib.Path({str(begun)!r}).touch(); main()"
    )
    running = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    while not begun.exists():
        time.sleep(0.005)
    time.sleep(seconds)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1]
    assert (said, running.returncode) == ("interrupted\n", 130)


@pytest.mark.parametrize("command", [["check"], ["run"], ["validate"], ["map"], ["push"], ["roundtrip"]])
def test_a_fault_of_many_rows_is_told_once_by_every_command(made, command, capsys, tmp_path):
    template = (
        'table: t\nresource:\n  resourceType: Observation\n  id: "{{ %cohort }}-{{ id }}"\n'
        "  status: final\n  code: {text: x}\n  valueQuantity: {value: \"{{ n.convert('g', 'm') }}\"}\n"
    )
    folder = made({"t": ["id* n:decimal", *(f"{one},1" for one in range(200))]}, template)
    out = [] if command in (["check"], ["validate"], ["map"]) else ["--out", str(tmp_path / "out")]
    assert main([*command, str(folder), *out, "--quiet"]) == 2
    (line,) = [one for one in capsys.readouterr().err.splitlines() if "cannot be converted" in one]
    assert "(200 times; also" in line


def test_cells_that_differ_alike_are_told_once(made, capsys, tmp_path):
    template = (
        'table: t\nresource:\n  resourceType: Observation\n  id: "{{ %cohort }}-{{ id }}"\n'
        '  status: final\n  code: {text: x}\n  valueQuantity: {value: "{{ n }}"}\n'
    )
    folder = made({"t": ["id* n:decimal", *(f"{one},1" for one in range(50))]}, template)
    assert main(["push", str(folder), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    file = tmp_path / "out" / "fhir" / "Observation.ndjson"
    manifest = tmp_path / "out" / "fhir" / "manifest.json"
    changed = file.read_text("utf-8").replace('"value":1', '"value":2')
    assert changed != file.read_text("utf-8")
    file.write_text(changed, "utf-8")
    manifest.unlink(missing_ok=True)
    capsys.readouterr()
    code = main(["roundtrip", str(folder), "--out", str(tmp_path / "out"), "--quiet"])
    out, err = capsys.readouterr()
    assert code == 7, err
    (line,) = [one for one in out.splitlines() if "came back different" in one]
    assert "(50 times; also" in line
