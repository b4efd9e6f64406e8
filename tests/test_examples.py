"""The examples of docs/examples.md: their commands run, and their numbers are those of R and lifelines."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test

from fhir_blina.analysis.analysis import analyze
from fhir_blina.cli.parser import main
from fhir_blina.views.tables import read_tables

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "docs" / "example"
GUIDE = (ROOT / "docs" / "examples.md").read_text("utf-8")
STORED = ROOT / "tests" / "data" / "r_examples.txt"
# What R's script calls it: the example, endpoint, column of the truth, and what groups are called in the results.
CURVES = {
    "synthea": ("synthea", "overall_survival", "sex", {"female": "Women", "male": "Men"}),
    "registry-stage": ("registry", "overall_survival", "stage", {}),
    "registry-entity": ("registry", "overall_survival", "entity", str.capitalize),
    "registry-pfs": ("registry", "progression_free_survival", "stage", {}),
}


def r_said():
    said: dict[str, list[float]] = {}
    for line in STORED.read_text("utf-8").splitlines():
        name, value = line.rsplit(" ", 1)
        said.setdefault(name, []).append(float(value))
    return said


R = r_said()


def called(names, group):
    """What the results call a group of the truth."""
    if callable(names):
        return group if group == "all" else names(group)
    return names.get(group, group)


def near(value):
    return pytest.approx(value, rel=1e-9, abs=1e-12)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = tmp_path_factory.mktemp("examples")
    for name in ("synthea", "registry"):
        subprocess.run([sys.executable, EXAMPLES / name / "make.py", place / name], check=True)
    return place


@pytest.fixture(scope="module")
def results(made):
    return {
        name: analyze(read_tables(made / name / "fhir"), EXAMPLES / name / "endpoints.yaml")
        for name in ("synthea", "registry")
    }


def truth_of(made, name):
    example, endpoint, column, _ = CURVES[name]
    days, died = (
        ("days", "died") if endpoint == "overall_survival" else ("progression_days", "progressed_or_died")
    )
    with (made / example / "truth.csv").open(encoding="utf-8") as file:
        return [(row["patient"], row[column], int(row[days]), int(row[died])) for row in csv.DictReader(file)]


@pytest.mark.parametrize("name", CURVES)
def test_each_patient_has_the_days_and_the_event_that_the_script_gave(made, results, name):
    example, endpoint, _, _ = CURVES[name]
    found = {
        one.patient_id: (one.duration_days, one.event_observed)
        for one in results[example].derivation
        if one.endpoint == endpoint
    }
    assert found == {patient: (days, bool(died)) for patient, _, days, died in truth_of(made, name)}


@pytest.mark.parametrize("name", CURVES)
def test_survival_median_and_log_rank_are_those_of_r(results, name):
    example, endpoint, _, names = CURVES[name]
    said = {key.removeprefix(f"{name} "): value for key, value in R.items() if key.startswith(f"{name} ")}
    for key, value in said.items():
        if key == "log-rank":
            groups = [called(names, one.split()[0]) for one in said if one.endswith(" n")][1:]
            (test,) = [
                one
                for one in results[example].find(f"{endpoint}.log_rank")
                if set(one.group.split(" v ")) == set(groups)
            ]
            assert [test.value, test.p_value] == near(value)
            continue
        group, what = key.split()
        group = called(names, group)
        if what == "n":
            one = results[example].one(f"{endpoint}.median", group)
            assert [one.n, one.events] == value
        elif what == "median":
            assert [results[example].one(f"{endpoint}.median_midpoint", group).value] == value
        else:
            one = results[example].one(f"{endpoint}.survival", group, int(what), "log-log")
            assert [one.value, one.ci_low, one.ci_high] == near(value)


@pytest.mark.parametrize("name", CURVES)
def test_survival_and_log_rank_are_those_of_lifelines(made, results, name):
    example, endpoint, _, names = CURVES[name]
    _, groups, days, died = zip(*truth_of(made, name), strict=True)
    whole = multivariate_logrank_test(days, groups, died)
    assert whole.test_statistic in [near(one.value) for one in results[example].find(f"{endpoint}.log_rank")]
    for group in set(groups):
        here = [(day, dead) for one, day, dead in zip(groups, days, died, strict=True) if one == group]
        curve = KaplanMeierFitter().fit(*zip(*here, strict=True))
        one = results[example].one(f"{endpoint}.survival", called(names, group), 365)
        assert one.value == near(curve.predict(365))


def test_the_dead_after_the_last_visit_are_dead(made, results):
    with (made / "synthea" / "truth.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    late = {
        row["patient"]
        for row in rows
        if row["died"] == "1" and int(row["days"]) > int(row["days_to_last_visit"])
    }
    assert len(late) == 57
    assert {one.patient_id for one in results["synthea"].derivation if one.event_observed} >= late


def test_ages_are_those_that_the_script_gave(made, results):
    with (made / "synthea" / "truth.csv").open(encoding="utf-8") as file:
        ages = [int(row["age"]) for row in csv.DictReader(file)]
    found = [results["synthea"].one(f"age.{what}").value for what in ("median", "minimum", "maximum")]
    assert found == [statistics.median(ages), min(ages), max(ages)]


def test_the_guide_prints_the_numbers_of_r():
    printed = [row.strip("|").split("|") for row in re.findall(r"^\| .+ \|$", GUIDE, re.MULTILINE)]
    printed = [[cell.strip() for cell in row] for row in printed if row[1].strip().isdigit()]
    expected = []
    for name, (_, _, _, names) in CURVES.items():
        for key in (one for one in R if one.startswith(f"{name} ") and one.endswith(" n")):
            start = key.removesuffix(" n")
            curve = [R[one] for one in R if one.startswith(f"{start} ") and one.rsplit(" ", 1)[1].isdigit()]
            texts = [f"{value:.3f} ({low:.3f} to {high:.3f})" for value, low, high in curve]
            whole = [f"{one:.0f}" for one in (*R[key], *R[f"{start} median"])]
            expected.append([called(names, start.split()[1]), *whole, *texts])
    assert printed == expected
    tests = re.findall(r"^Log-rank: chi-square (\S+), P (\S+)\.$", GUIDE, re.MULTILINE)
    assert tests == [
        (f"{R[f'{name} log-rank'][0]:.3f}", f"{R[f'{name} log-rank'][1]:.2g}") for name in CURVES
    ]


def test_the_commands_of_the_guide_run(tmp_path, monkeypatch, capsys):
    for command in re.findall(r"^(?:python3|fhir-blina) .+$", GUIDE, re.MULTILINE):
        program, *words = shlex.split(command)
        words = [str(tmp_path / word) if word.startswith("data/") else word for word in words]
        words = [str(ROOT / word) if word.startswith("docs/") else word for word in words]
        monkeypatch.chdir(tmp_path)
        if program == "python3":
            subprocess.run([sys.executable, *words], check=True)
        else:
            assert program == "fhir-blina"
            assert main(words) == 0
    capsys.readouterr()
    for name in ("synthea", "registry"):
        assert (tmp_path / "data" / name / "out" / "report.html").is_file()


def test_the_same_seed_gives_the_same_files(made, tmp_path):
    subprocess.run([sys.executable, EXAMPLES / "registry" / "make.py", tmp_path], check=True)
    for file in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        assert file.read_bytes() == (made / "registry" / file.relative_to(tmp_path)).read_bytes()


@pytest.mark.r
def test_the_stored_values_are_those_that_r_prints_now(made):
    program = shutil.which("Rscript")
    if program is None:
        pytest.skip("Rscript is not installed")
    said = subprocess.run(
        [program, EXAMPLES / "check.R", made / "synthea", made / "registry"],
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode:
        pytest.skip("a package of R is not installed: " + said.stderr.splitlines()[-1])
    assert said.stdout == STORED.read_text("utf-8")
