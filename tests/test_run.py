"""The main job, end to end, on the real cohort: what a user gets."""

from __future__ import annotations

import json
import re
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from fhir_blina.cli.parser import main
from fhir_blina.cohorts.folder import find_cohort


@pytest.fixture
def done(published_run) -> Path:
    """The folder that ``run`` leaves behind."""
    return published_run


@pytest.fixture
def records(done: Path) -> list[dict]:
    return json.loads((done / "results.json").read_text("utf-8"), parse_float=Decimal)["records"]


def one(records: list[dict], name: str, **wanted: object) -> dict:
    found = [
        record
        for record in records
        if record["name"] == name and all(record[key] == value for key, value in wanted.items())
    ]
    assert len(found) == 1, [record["ci_method"] for record in found]
    return found[0]


def work_out(cohort: str, out: Path, *options: str) -> Path:
    """What ``run`` does but for the report, command by command."""
    for command in (["push", cohort, *options], ["tables"], ["analyze", cohort]):
        assert main([*command, "--out", str(out), "--quiet"]) == 0
    return out


def test_it_leaves_resources_tables_numbers_and_a_report(done):
    assert (done / "fhir" / "manifest.json").is_file()
    assert {"Patient.ndjson", "Observation.ndjson"} <= {path.name for path in (done / "fhir").iterdir()}
    assert {"patients.csv", "observations.csv"} <= {path.name for path in (done / "tables").iterdir()}
    assert (done / "report.html").read_text("utf-8").startswith("<!doctype html>")


def test_the_headline_numbers_are_the_papers_with_their_methods(records):
    survival = one(records, "overall_survival.survival", group="all", time_days=126, ci_method="log-log")
    assert round(survival["value"] * 100, 1) == Decimal("41.7")
    assert round(survival["ci_low"] * 100, 1) == Decimal("5.6")
    assert round(survival["ci_high"] * 100, 1) == Decimal("76.7")
    assert "Kaplan-Meier" in survival["method"]
    assert survival["n"] == 6
    median = one(records, "overall_survival.median", group="all", ci_method="percentile-SE")
    assert (median["value"], round(median["ci_low"]), round(median["ci_high"])) == (126, 53, 199)
    logrank = one(records, "overall_survival.log_rank")
    assert round(logrank["value"], 3) == Decimal("3.571")
    assert round(logrank["p_value"], 3) == Decimal("0.059")
    assert one(records, "overall_survival.followup_reverse")["value"] == 170
    rank_sum = one(records, "mrd_before.mann_whitney_asymptotic")
    assert round(rank_sum["value"], 3) == Decimal("-1.964")
    assert all(record["method"] for record in (median, logrank, rank_sum))


def test_no_number_stands_where_nothing_can_be_estimated(records):
    assert all(record["note"] for record in records if record["value"] is None)
    assert any(record["value"] is None for record in records)


@pytest.mark.long
def test_a_second_run_changes_nothing_and_shows_the_published_numbers(published_run, tmp_path, capsys):
    """Not a byte of tables, numbers, report and figures, though the other engine runs the views."""
    done = Path(shutil.copytree(published_run, tmp_path / "out"))
    before = {path: path.read_bytes() for path in done.rglob("*") if path.is_file()}
    assert {".csv", ".json", ".html", ".svg"} <= {path.suffix for path in before}
    for path in before:
        if path.parent.name != "fhir":
            path.unlink()
    assert main(["run", "cjcp2023", "--engine", "python", "--png", "--out", str(done)]) == 0
    output = capsys.readouterr()
    assert "0 created, 0 updated" in output.err
    for step in ("check", "map", "validate", "push", "pull", "roundtrip", "tables", "analyze", "report"):
        assert re.search(rf"^{step} ", output.err, re.MULTILINE), step
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    sample = re.search(r"```\n(check .*?)```", readme, re.DOTALL)
    assert sample is not None
    for line in sample[1].splitlines():
        if not line.startswith(("push", "report")):  # a second push creates nothing; the path differs
            assert line in output.err
    assert re.search(r"\d+ cells mapped, \d+ left out with a reason, 0 lost", output.out)
    assert re.search(r"Overall survival +41\.7 +41\.667 +% +agrees", output.out)
    after = {path: path.read_bytes() for path in done.rglob("*") if path.is_file()}
    drawn = {path for path in after if path.suffix == ".png"}
    assert {path.with_suffix(".svg") for path in drawn} == {path for path in before if path.suffix == ".svg"}
    assert all(after.pop(path).startswith(b"\x89PNG") for path in drawn)
    assert set(after) == set(before)
    assert {path for path in after if after[path] != before[path]} <= {
        done / "fhir" / "manifest.json",
        done / "fhir" / "certificate.json",
    }


def test_another_store_gives_the_same_bytes(done, tmp_path):
    for command in ("push", "pull"):
        places = ["--store", str(tmp_path / "s"), "--out", str(tmp_path / "o")]
        assert main([command, "cjcp2023", *places, "--quiet"]) == 0
    for path in sorted((done / "fhir").glob("*.ndjson")):
        assert (tmp_path / "o" / "fhir" / path.name).read_bytes() == path.read_bytes(), path.name
    assert main(["analyze", "cjcp2023", "--out", str(tmp_path / "o"), "--quiet"]) == 0
    assert (tmp_path / "o" / "results.json").read_bytes() == (done / "results.json").read_bytes()


@pytest.mark.long
def test_another_anchor_moves_the_dates_and_no_number(done, tmp_path):
    work_out("cjcp2023", tmp_path, "--anchor", "1990-06-15")
    assert (tmp_path / "results.json").read_bytes() == (done / "results.json").read_bytes()
    moved = (tmp_path / "tables" / "administrations.csv").read_text("utf-8")
    assert "1990-06-16" in moved
    assert "2000-01" not in moved


def test_a_planted_difference_is_found(done, tmp_path, capsys):
    store = Path(shutil.copytree(done / "fhir", tmp_path / "fhir"))
    path = store / "Observation.ndjson"
    text = path.read_text("utf-8")
    assert text.count('"value":78.30') == 1
    path.write_text(text.replace('"value":78.30', '"value":78.3'), "utf-8")

    assert main(["roundtrip", "cjcp2023", "--store", str(store), "--quiet"]) == 4
    assert "Observation.ndjson" in capsys.readouterr().err  # the manifest's checksum tells

    from fhir_blina.cohorts.folder import read_cohort
    from fhir_blina.files import read_ndjson
    from fhir_blina.mapping.back.roundtrip import round_trip
    from fhir_blina.mapping.mapping import map_cohort

    cohort = read_cohort("cjcp2023")
    resources = [one for file in sorted(store.glob("*.ndjson")) for _, one in read_ndjson(file)]
    account = round_trip(cohort, map_cohort(cohort), resources)
    assert account.lost == 1
    assert [difference.column for difference in account.differences] == ["value"]


@pytest.mark.long
def test_a_copy_under_another_name_runs_with_columns_renamed(tmp_path, done):
    folder = Path(shutil.copytree(find_cohort("cjcp2023"), tmp_path / "othersix"))
    for path in [
        folder / "dictionary.csv",
        *(folder / "data").glob("*.csv"),
        *(folder / "resources").glob("*"),
    ]:
        text = path.read_text("utf-8")
        path.write_text(re.sub(r"\bpatient_id\b", "child", text), "utf-8")
    manifest = folder / "cohort.yaml"
    manifest.write_text(manifest.read_text("utf-8").replace("{{ patient_id }}", "{{ child }}"), "utf-8")
    out = tmp_path / "out"
    assert (
        main(["roundtrip", str(folder), "--store", str(work_out(str(folder), out) / "fhir"), "--quiet"]) == 0
    )
    ours = json.loads((out / "results.json").read_text("utf-8"))["records"]
    theirs = json.loads((done / "results.json").read_text("utf-8"))["records"]
    assert [(r["name"], r["value"]) for r in ours] == [(r["name"], r["value"]) for r in theirs]
    assert "cjcp2023" not in (out / "fhir" / "Patient.ndjson").read_text("utf-8")


def test_templates_are_filled_once_and_cells_rebuilt_once(tiny, tmp_path, monkeypatch):
    from fhir_blina.cli import pipeline
    from fhir_blina.mapping.back.inversion import Inverse
    from fhir_blina.mapping.filling import Filler

    filled, read = [], []
    fill, match = Filler.fill, Inverse.match

    def counted_fill(self, template):
        filled.append(template.name)
        return fill(self, template)

    def counted_match(self, resource, *more):
        read.append((self.template.name, f"{resource['resourceType']}/{resource['id']}"))
        return match(self, resource, *more)

    monkeypatch.setattr(Filler, "fill", counted_fill)
    monkeypatch.setattr(Inverse, "match", counted_match)
    monkeypatch.setattr(pipeline, "analyzed", lambda *_, **__: (None, None))
    done = pipeline.run(str(tiny), out=tmp_path / "out")
    assert done.round_trip.mapped > 0
    assert filled
    assert len(filled) == len(set(filled))
    assert len(read) == len(set(read)) >= sum(done.pushed.created.values())


TWO = """\
subjects: {table: patients, key: patient_id, label: study_subject}
measures:
  blasts: {table: observations, where: {code: 11150-0}, value: value_quantity, unit: "%"}
times:
  begin: {table: observations, where: {code: 11150-0}, day: study_day, pick: first}
  seen: {table: observations, where: {code: 11150-0}, day: study_day, pick: last}
endpoints:
  survival: {title: all, start: begin, events: [seen], censor: seen}
"""


def test_a_second_cohort_in_the_same_folder_is_told_from_the_first(tmp_path):
    """Both stay in the store; numbers and the way back are of the one that was run."""
    out = tmp_path / "out"
    for name in ("one", "two"):
        folder = Path(shutil.copytree(Path(__file__).parent / "cohorts" / "tiny", tmp_path / name))
        (folder / "endpoints.yaml").write_text(TWO)
        assert main(["run", str(folder), "--out", str(out), "--quiet"]) == 0
        counts = json.loads((out / "results.json").read_text("utf-8"))["records"]
        assert one(counts, "subjects.count", group="all")["value"] == 2
        assert main(["roundtrip", str(folder), "--out", str(out), "--quiet"]) == 0
        assert main(["analyze", str(folder), "--out", str(out), "--quiet"]) == 0
    assert len((out / "fhir" / "Patient.ndjson").read_text("utf-8").splitlines()) == 4
    assert len((out / "pulled" / "Patient.ndjson").read_text("utf-8").splitlines()) == 2
