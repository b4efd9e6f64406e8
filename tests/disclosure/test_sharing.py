"""Tables to be shared: plain without a threshold, safe with one."""

from __future__ import annotations

import csv
import json
import random
import re
from itertools import combinations_with_replacement
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from fhir_blina.cli.parser import main
from fhir_blina.disclosure.sharing import shared_tables, suppressed_results
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.errors import AnalysisError
from fhir_blina.files.shipped import schema
from fhir_blina.results.records import write_results
from fhir_blina.views.export import write_tables

ENDPOINTS = """\
subjects: {table: patients, key: patient_id, label: study_subject}
sets:
  old: {table: observations, where: {code: old}}
  dead: {table: observations, where: {code: dead}}
  women: {table: patients, where: {gender: female}}
  men: {none_of: [women]}
groups:
  sex: {sets: {women: female, men: male}}
times:
  begin: {table: observations, where: {code: begin}, day: study_day}
  death: {table: observations, where: {code: dead}, day: study_day}
  seen: {table: observations, where: {code: seen}, day: study_day}
endpoints:
  survival: {title: death, start: begin, events: [death], censor: seen, compare: [sex]}
"""


@pytest.fixture
def given(tmp_path):
    """Sixty patients: 30 women, 12 old of whom 3 are men, 24 dead on days 1 to 24."""
    patients = [(f"p{n}", f"P{n}", "female" if n < 30 else "male") for n in range(60)]
    rows = []
    for n in range(60):
        rows += [(f"p{n}", "begin", 0), (f"p{n}", "seen", 100)]
        rows += [(f"p{n}", "old", 0)] if n < 9 or n >= 57 else []
        rows += [(f"p{n}", "dead", n // 2 + 1)] if n % 2 == 0 and n < 48 else []
    tables = {
        "patients": pd.DataFrame(patients, columns=["patient_id", "study_subject", "gender"]),
        "observations": pd.DataFrame(rows, columns=["patient_id", "code", "study_day"]).assign(
            observation_id=range(len(rows))
        ),
    }
    path = tmp_path / "endpoints.yaml"
    path.write_text(ENDPOINTS)
    return tables, read_endpoints(path)


def counts_of(made) -> dict[tuple[str, str], tuple[str, str]]:
    return {(row.property, row.group): (row.patients, row.others) for row in made["counts"].itertuples()}


def test_without_a_threshold_every_count_is_there(given):
    counts = counts_of(shared_tables(*given))
    assert counts["all patients", "all"] == ("60", "")
    assert counts["old", "all"] == ("12", "48")
    assert counts["old", "sex: male"] == ("3", "27")
    assert counts["dead", "sex: female"] == ("15", "15")
    assert counts["survival: event", "all"] == ("24", "36")


def test_with_one_no_small_count_is_there_or_follows(given):
    counts = counts_of(shared_tables(*given, threshold=11))
    assert counts["old", "sex: male"][0] == counts["old", "sex: female"][0] == "hidden"
    assert counts["all patients", "all"] == ("60", "")
    assert counts["dead", "all"] == ("24", "36")
    numbers = [int(cell) for pair in counts.values() for cell in pair if cell.isdecimal()]
    assert all(number == 0 or number >= 11 for number in numbers)


def test_steps_of_survival(given):
    plain = shared_tables(*given)["survival"]
    assert plain["events"].sum() == 24
    assert len(plain) == 25
    wide = shared_tables(*given, threshold=11)["survival"]
    rows = wide[["after_days", "until_days", "at_risk", "events", "censored"]].to_numpy().tolist()
    assert rows == [[0, 28, 60, 24, 0], [28, 105, 36, 0, 36]]  # whole weeks: no patient's own day


def test_an_unknown_endpoint_is_said(given):
    with pytest.raises(AnalysisError, match='Did you mean "survival"'):
        shared_tables(*given, endpoint="survivel")


def test_those_of_whom_it_is_not_known_are_a_count_of_their_own(given):
    """Of 60 patients the sex of 12 is missing: 30 women, 18 men, 12 of whom nobody knows, or nothing."""
    tables, endpoints = given
    tables["patients"].loc[48:, "gender"] = None
    rows = shared_tables(tables, endpoints)["counts"].set_index(["property", "group"])
    assert tuple(rows.loc[("women", "all"), ["patients", "others", "unknown"]]) == ("30", "18", "12")
    assert tuple(rows.loc[("men", "all"), ["patients", "others", "unknown"]]) == ("18", "30", "12")
    hidden = shared_tables(tables, endpoints, threshold=13)["counts"].set_index(["property", "group"])
    assert hidden.loc[("women", "all"), "unknown"] == "hidden"
    assert "hidden" in tuple(hidden.loc[("women", "all"), ["patients", "others"]])


def test_an_endpoint_with_competing_events_has_no_survival_to_share(given, tmp_path):
    tables, _ = given
    competing = "  relapse: {title: r, start: begin, events: [seen], competing: [death], censor: seen}\n"
    path = tmp_path / "competing.yaml"
    path.write_text(ENDPOINTS.replace("endpoints:\n", "endpoints:\n" + competing))
    endpoints = read_endpoints(path)
    # the first that has a curve is taken, and the other is refused by name
    assert set(shared_tables(tables, endpoints)["survival"]["endpoint"]) == {"survival"}
    with pytest.raises(AnalysisError, match='"relapse" has competing events'):
        shared_tables(tables, endpoints, endpoint="relapse")
    names = {record.name for record in suppressed_results(tables, endpoints, 11)}
    assert "relapse.cumulative_incidence" in names
    assert "relapse.survival" not in names


def test_definitions_without_an_endpoint_say_what_to_do(given, tmp_path):
    tables, _ = given
    path = tmp_path / "none.yaml"
    path.write_text(ENDPOINTS[: ENDPOINTS.index("endpoints:")] + "endpoints: {}\n")
    with pytest.raises(AnalysisError, match=r"no endpoint, so no survival to share\. Define one"):
        shared_tables(tables, read_endpoints(path))
    results = suppressed_results(tables, read_endpoints(path), 11)
    assert [record.value for record in results] == [60]


def test_who_is_followed_without_event_is_a_count_of_its_own(given):
    """57 of 60 are followed, 54 of them die: 3 censored, in no cell of a table of two lines."""
    tables, _ = given
    path = tables["observations"]
    rows = [(f"p{n}", "begin", 0) for n in range(57)] + [(f"p{n}", "seen", 100) for n in range(57)]
    rows += [(f"p{n}", "dead", n + 1) for n in range(40)]
    tables = {
        **tables,
        "observations": pd.DataFrame(rows, columns=["patient_id", "code", "study_day"]).assign(
            observation_id=range(len(rows))
        ),
    }
    assert len(path) != len(rows)
    shown = counts_of(shared_tables(tables, given[1], threshold=18))
    assert shown["survival: event", "all"] == ("hidden", "hidden")  # 40 and 17


def test_a_zero_beside_a_hidden_number_is_hidden(given):
    """Else it would say that all of a few have the property, or none."""
    tables, endpoints = given
    tables = {**tables, "patients": tables["patients"].assign(gender=["female"] * 55 + ["male"] * 5)}
    counts = counts_of(shared_tables(tables, endpoints, threshold=11))
    assert counts["women", "sex: male"] == ("hidden", "hidden")
    assert counts["dead", "sex: male"] == ("hidden", "hidden")


@pytest.mark.long
def test_six_patients_leave_nothing(tmp_path):
    out = tmp_path / "out"
    assert main(["map", "cjcp2023", "--out", str(out), "--quiet"]) == 0
    assert main(["share", "cjcp2023", "--out", str(out), "--suppress", "--quiet"]) == 0
    with Path(out / "shared" / "counts.csv").open(newline="") as file:
        cells = {row[name] for row in csv.DictReader(file) for name in ("patients", "others")}
    assert cells == {"hidden", ""}
    assert (out / "shared" / "survival.csv").read_text().count("\n") == 1
    assert main(["analyze", "cjcp2023", "--out", str(out), "--suppress", "--quiet"]) == 0
    results = json.loads((out / "results.json").read_text())
    jsonschema.validate(results, schema("results"))
    assert {record["value"] for record in results["records"]} == {None}
    assert len({record["name"] for record in results["records"]}) > 40
    assert (results["derivation"], results["claims"], results["findings"]) == ([], [], [])


# A hostile reader --------------------------------------------------------------------------------

HOSTILE = """\
subjects: {table: patients, key: patient_id, label: patient_id}
measures:
  grade: {table: observations, where: {code: grade}, value: value}
  answer: {table: observations, where: {code: [cr, pr, nr]}, value: code}
sets:
  ungraded: {none_of: [crs]}
  crs: {table: observations, where: {code: grade, value: {min: 1}}}
  crs_2: {table: observations, where: {code: grade, value: {min: 2}}}
  cr: {table: observations, where: {code: cr}}
  pr: {table: observations, where: {code: pr}}
  nr: {table: observations, where: {code: nr}}
  again: {table: observations, where: {code: again}}
  cr_again: {all_of: [cr, again]}
  dead: {table: observations, where: {code: dead}}
groups:
  response: {sets: {cr: CR, pr: PR, nr: NR}}
  graded: {sets: {crs: graded, ungraded: not graded}}
times:
  begin: {table: observations, where: {code: begin}, day: study_day}
  death: {table: observations, where: {code: dead}, day: study_day}
  seen: {table: observations, where: {code: seen}, day: study_day}
endpoints:
  survival:
    {title: death, start: begin, events: [death], censor: seen, compare: [response, graded], survival_at_days: [30, last],
    subgroups: [response, graded], rate_per_years: 100, restrict_at_days: [60], interval: bpcp,
    cox: {one: {covariates: [response]}}}
summaries:
  grade: {by: response, spread: true}
responses:
  best:
    title: Response
    criteria: IMWG 2016
    best: answer
    categories: {cr: complete, pr: partial, nr: none}
    responders: [cr, pr]
    not_evaluable: {again: treated before}
    by: [response]
    duration: {start: begin, events: [death], censor: seen, survival_at_days: [30]}
proportions:
  crs: {}
  crs_2: {}
  crs_2_of_crs: {set: crs_2, among: crs}
  cr: {}
  pr: {}
  nr: {}
  cr_again: {among: again}
  dead: {}
  dead_of_nr: {set: dead, among: nr}
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """What 130 patients leave behind at 11, and everything that a reader may know of them.

    There are 7 without a response, 6 with grade 1, and few in cross sections.
    """
    path = tmp_path_factory.mktemp("hostile") / "endpoints.yaml"
    path.write_text(HOSTILE)
    draw = random.Random(2)
    everyone = [f"p{n:03}" for n in range(130)]
    rows = []
    for number, name in enumerate(everyone):
        rows += [(name, "begin", 0, None), (name, "seen", draw.randrange(150, 400), None)]
        rows += [(name, ("cr", "pr", "nr")[number % 3], 20, None)] if number < 123 else []
        rows += [(name, "grade", 5, 1 if number < 6 else draw.choice((2, 3)))] if number < 60 else []
        rows += [(name, "again", 30, None)] if draw.random() < 0.35 else []
        rows += [(name, "dead", draw.randrange(1, 149), None)] if draw.random() < 0.4 else []
    observations = pd.DataFrame(rows, columns=["patient_id", "code", "study_day", "value"]).assign(
        observation_id=range(len(rows))
    )
    tables = {"patients": pd.DataFrame({"patient_id": everyone}), "observations": observations}
    endpoints = read_endpoints(path)
    folder = path.parent
    write_results(suppressed_results(tables, endpoints, 11), folder / "results.json")
    write_tables(shared_tables(tables, endpoints, threshold=11), folder)
    results = json.loads((folder / "results.json").read_text())
    jsonschema.validate(results, schema("results"))

    def having(code, test=lambda value: True):
        mine = observations[(observations["code"] == code) & observations["value"].map(test)]
        return set(mine["patient_id"])

    sets = {name: having(name) for name in ("cr", "pr", "nr", "again", "dead")}
    sets |= {"crs": having("grade"), "crs_2": having("grade", lambda value: value >= 2)}
    sets |= {"all": set(everyone), "cr_again": sets["cr"] & sets["again"]}
    sets |= {"graded": sets["crs"], "ungraded": sets["all"] - sets["crs"]}
    sets |= {"not graded": sets["ungraded"]}
    sets |= {"best_evaluable": (sets["cr"] | sets["pr"] | sets["nr"]) - sets["again"]}
    sets |= {"best_responders": sets["best_evaluable"] - sets["nr"]}
    days = {row[0]: row[2] for row in rows if row[1] == "seen"}
    days |= {row[0]: row[2] for row in rows if row[1] == "dead"}
    return folder, results, sets, days


def numbers_of(folder, results, sets, days):
    """Every number in the three files: who is counted, and how many are said to be (None: hidden)."""
    found = []
    with (folder / "counts.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            group = sets[row["group"].removeprefix("response: ").removeprefix("graded: ").lower()]
            what, _, among = row["property"].partition(" of ")
            what = what.replace("all patients", "all").replace("survival: followed", "all")
            total = sets[among or "all"] & group
            having = sets[what.replace("survival: event", "dead")] & total
            for name, patients in (("patients", having), ("others", total - having)):
                if row[name]:
                    found.append((patients, None if row[name] == "hidden" else int(row[name])))
    with (folder / "survival.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            start, end = float(row["after_days"]), float(row["until_days"])
            here = {name for name, day in days.items() if start < day <= end}
            found.append(({name for name, day in days.items() if day > start}, int(row["at_risk"])))
            found.append((here & sets["dead"], int(row["events"])))
            found.append((here - sets["dead"], int(row["censored"])))
    for record in results["records"]:
        name, _, kind = record["name"].partition(".")
        if kind == "proportion":
            wanted, _, among = name.partition("_of_")
            total = sets[among or {"cr_again": "again"}.get(name, "all")]
            found.append((sets[wanted] & total, record["events"]))
            found.append(
                (total - sets[wanted], None if record["n"] is None else record["n"] - record["events"])
            )
    return found


def test_what_is_shown_is_right_and_not_small(hostile):
    numbers = numbers_of(*hostile)
    shown = [(patients, said) for patients, said in numbers if said is not None]
    assert all(len(patients) == said for patients, said in shown)
    assert all(said == 0 or said >= 11 for _, said in shown)
    assert len(shown) > 25
    assert len(numbers) - len(shown) > 15
    assert pd.read_csv(hostile[0] / "survival.csv")["survival"].between(0, 1).all()


def test_results_and_tables_say_the_same(hostile):
    numbers = numbers_of(*hostile)
    said = {}
    for patients, number in numbers:
        said.setdefault(frozenset(patients), set()).add(number)
    for record in hostile[1]["records"]:
        if record["value"] is None:
            assert record["note"].startswith("suppressed: ")
            left = {key: value for key, value in record.items() if value not in (None, [], "")}
            assert set(left) <= {"name", "group", "unit", "note", "ci_method", "method"}
        elif record["name"].endswith(".proportion"):
            assert record["value"] == pytest.approx(record["events"] / record["n"], abs=1e-11)
    survival = [one for one in hostile[1]["records"] if one["name"] == "survival.survival" and one["value"]]
    table = pd.read_csv(hostile[0] / "survival.csv")
    assert [round(one["value"], 4) for one in survival] == list(table["survival"])
    assert [one["time_days"] for one in survival] == list(table["until_days"])
    assert len(survival) > 2


def test_only_what_is_counted_has_a_value(hostile):
    """An allow-list: of rates, means, ratios, subgroups, responses and their durations there is the name alone."""
    records = hostile[1]["records"]
    known = {one["name"] for one in records if one["value"] is not None}
    allowed = {"subjects.count", "survival.survival"}
    assert {name for name in known if not name.endswith(".proportion")} <= allowed
    numbers = ("value", "ci_low", "ci_high", "n", "events", "p_value")
    hidden = [one for one in records if one["value"] is None]
    assert all(one[field] is None for one in hidden for field in numbers)
    names = {(one["name"], one["group"]) for one in hidden}
    assert names >= {
        ("survival.rate", "CR"),
        ("survival.restricted_mean", "all"),
        ("survival.hazard_ratio", "not graded v graded"),
        ("survival.subgroup_response_hazard_ratio", "not graded v graded in CR"),
        ("survival.subgroup_response_interaction", "not graded v graded"),
        ("survival.cox_one_hazard_ratio", "response"),
        ("grade.mean", "PR"),
        ("grade.missing", "all"),
        ("best.response_rate", "all"),
        ("best.best_response", "CR: complete"),
        ("best_duration.survival", "all"),
    }


def test_no_hidden_number_has_one_possible_value(hostile):
    """For each of them other cohorts are found, larger or smaller, that give every number that is shown."""
    numbers = numbers_of(*hostile)
    everyone = sorted(hostile[2]["all"])
    rows = np.array([[name in patients for name in everyone] for patients, _ in numbers], dtype=float)
    combinations, true = np.unique(rows, axis=1, return_counts=True)
    # half of a proportion may stand elsewhere: it is large, see above, and its other half is what is hidden
    shown = {frozenset(patients) for patients, said in numbers if said is not None}
    hidden = np.array([said is None and frozenset(patients) not in shown for patients, said in numbers])
    low = np.where(hidden, 0, combinations @ true)
    high = np.where(hidden, np.inf, combinations @ true)
    answers = []
    for place in np.flatnonzero(hidden):
        row = combinations[place]
        if not row.any() or any(row @ answer != row @ true for answer in answers):
            continue
        for way in (1, -1):
            found = milp(
                np.zeros(len(true)),
                constraints=[
                    LinearConstraint(combinations, low, high),
                    LinearConstraint(way * row, way * (row @ true) + 1, np.inf),
                ],
                integrality=np.ones(len(true)),
                bounds=Bounds(0, 300),
            )
            if found.x is not None:
                break
        assert found.x is not None, sorted(numbers[place][0])
        answer = np.round(found.x)
        assert all(combinations[~hidden] @ answer == combinations[~hidden] @ true)
        assert row @ answer != row @ true
        answers.append(answer)
    assert answers


def test_no_few_patients_are_a_sum_or_difference_of_three_numbers(hostile):
    """Every one of them is tried, with every sign."""
    everyone = sorted(hostile[2]["all"])
    shown = {frozenset(patients) for patients, said in numbers_of(*hostile) if said}
    rows = np.array([[name in patients for name in everyone] for patients in shown], dtype=np.int8)
    rows = np.vstack([rows, 0 * rows[:1]])
    for one, other in combinations_with_replacement(range(len(rows)), 2):
        for base in (rows[one] + rows[other], rows[one] - rows[other], -rows[one] - rows[other]):
            for found in (base + rows, rows - base):
                few = (found.min(axis=1) >= 0) & (found.max(axis=1) <= 1)
                sizes = found[few].sum(axis=1)
                assert not ((sizes > 0) & (sizes < 11)).any()


def test_what_no_cell_counts_is_not_to_be_had_either(hostile):
    """Grade 1, no response, and who of those with CR was not treated again: in no span of what is shown."""
    _, _, sets, _ = hostile
    everyone = sorted(sets["all"])
    shown = [patients for patients, said in numbers_of(*hostile) if said]
    rows = np.array([[name in patients for name in everyone] for patients in shown], dtype=float)
    rest = [
        sets["crs"] - sets["crs_2"],
        sets["all"] - sets["cr"] - sets["pr"] - sets["nr"],
        sets["cr"] & sets["again"] & sets["crs"],
    ]
    for few in rest:
        assert 0 < len(few) < 11
        wanted = np.array([name in few for name in everyone], dtype=float)
        left = np.linalg.lstsq(rows.T, wanted, rcond=None)[0] @ rows - wanted
        assert np.abs(left).max() > 0.01


def test_a_run_that_hides_leaves_no_rows_of_patients(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["run", "cjcp2023", "--out", str(out), "--suppress", "2", "--quiet"]) == 0
    assert sorted(path.name for path in out.iterdir() if path.name[0] != ".") == ["fhir", "results.json"]
    assert "every other file here is about single patients" in capsys.readouterr().out
    text = (out / "results.json").read_text()
    assert "cjcp2023-P" not in text
    assert not re.search(r'"P[1-6]', text)


@pytest.mark.parametrize("command", ["analyze", "run", "share"])
def test_a_threshold_that_hides_nothing_is_wrong_use(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "cjcp2023", "--suppress", "1"])
    assert end.value.code == 64
    assert "a threshold below 2 hides nothing" in capsys.readouterr().err
