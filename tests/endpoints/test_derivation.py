"""Whole ways from resources that nobody here wrote to times and values; the right ones are counted by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from fhir_blina.analysis.analysis import analyze
from fhir_blina.endpoints.derivation import derive_endpoint
from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.errors import AnalysisError
from fhir_blina.views.tables import read_tables

DATA = Path(__file__).parents[1] / "data/derivation"
SUBJECTS = "subjects: {table: patients, key: patient_id, label: patient_id}\n"
CODED = (
    SUBJECTS
    + """
systems: {snomed: http://snomed.info/sct, loinc: http://loinc.org}
"""
)
SURVIVAL = """
times:
  diagnosis: {table: conditions, WHERE, day: onset_date, pick: first}
  death: {table: patients, day: deceased_date}
  last_seen: {table: observations, day: effective_date, pick: last}
endpoints:
  os: {title: Overall survival, start: diagnosis, events: [death], censor: last_seen, survival_at_days: [90]}
"""
DIAGNOSIS = 'where: {code_system: snomed, code: "254837009"}'
HAEMOGLOBIN = (
    'measures: {hb: {table: observations, where: {code_system: loinc, code: "718-7"}, '
    "value: value_quantity, unit: g/dL}}\nlisted: [hb]\nsummaries: {hb: {}}\nendpoints: {}\n"
)


def worked_out(tmp_path, folder, text):
    path = tmp_path / "endpoints.yaml"
    path.write_text(text)
    return analyze(read_tables(DATA / folder), path)


def overall_survival(where=DIAGNOSIS, head=CODED):
    return head + SURVIVAL.replace("WHERE, ", f"{where}, " if where else "")


def followed(results):
    return {row.study_subject: (row.duration_days, row.event) for row in results.derivation}


def rules(results):
    return {finding.rule for finding in results.findings}


def out(results, name, kind="endpoint"):
    (one,) = (row for row in results.populations if (row.kind, row.name) == (kind, name))
    return one.n, one.of, {row.reason: row.n for row in one.out}


def test_who_died_after_the_last_observation_is_dead(tmp_path):
    # diagnosis 1 January, last observation 1 February, death 1 March 2020: 60 days; the other is seen on day 152
    results = worked_out(tmp_path, "e1", overall_survival())
    assert followed(results) == {"a": (60, "death"), "b": (152, "censored")}
    assert results.one("os.survival", time_days=90).value == 0.5
    assert ("event-after-last-contact", "a") in {(one.rule, one.subject) for one in results.findings}


def test_first_and_last_are_by_date_and_not_by_size(tmp_path):
    # 12 on 1 January, 7 on 15 January, 10 on 20 January
    text = HAEMOGLOBIN.replace("unit: g/dL", "unit: g/dL, pick: {}")
    for pick, value in (("first", 12), ("last", 10), ("lowest", 7), ("highest", 12)):
        results = worked_out(tmp_path, "e2", CODED + text.replace("pick: {}", f"pick: {pick}"))
        assert results.one("hb.value", "a").value == value
        assert out(results, "hb", "measure") == (1, 2, {"no row": 1})


def test_units_are_converted_bounds_kept_and_errors_out(tmp_path):
    # 12 g/dL; 120 g/L; < 0.01 g/dL; 99 g/dL entered in error
    results = worked_out(tmp_path, "e4", CODED + HAEMOGLOBIN)
    assert {one.group: (one.comparator, one.value) for one in results.find("hb.value")} == {
        "a": ("", 12), "b": ("", 12), "c": ("<", Decimal("0.01")),
    }  # fmt: skip
    assert "< 0.01" in results.one("hb.value", "c").note
    median = results.one("hb.median")
    assert (median.value, median.n, median.unit) == (12, 2, "g/dL")
    assert "a bound only (<)" in median.note
    assert "entered-in-error" in median.note
    assert {"bounds-recorded", "status-left-out"} <= rules(results)


@pytest.mark.parametrize("more", ["", ", verification_status: {not: refuted}"])
def test_refuted_is_out_and_a_start_that_is_missing_is_named(tmp_path, more):
    # a onsetDateTime, b onsetPeriod, c recordedDate, d in its second coding, e refuted
    where = DIAGNOSIS.replace("}", more + "}")
    sets = f"sets: {{dx: {{table: conditions, {where}}}}}\nproportions: {{dx: {{}}}}\n"
    results = worked_out(tmp_path, "e5", overall_survival(where).replace("times:", sets + "times:"))
    assert results.one("dx.proportion").events == 4
    assert followed(results) == {"a": (152, "death"), "d": (152, "death")}
    missing = {row.study_subject: row.source for row in results.left_out if row.name == "os"}
    assert {"b": "Condition/cb", "c": "Condition/cc"}.items() <= missing.items()
    n, of, reasons = out(results, "os")
    assert (n, of, reasons['"diagnosis" without a day']) == (2, 5, 2)


@pytest.mark.parametrize(
    ("zone", "days"),
    [("as-written", 0), ("UTC", 1), ("Asia/Tokyo", 0), ("America/New_York", 0)],
)
def test_a_day_is_a_day_in_the_zone_that_the_file_says(tmp_path, zone, days):
    # 2 January 08:00 in Tokyo is 1 January 23:00 UTC; 2 January 00:30 UTC is 1 January 19:30 in New York
    text = SUBJECTS + f'dates: {{zone: "{zone}"}}\n' + overall_survival(where="", head="")
    assert followed(worked_out(tmp_path, "e6", text))["a"] == (days, "death")


@pytest.mark.parametrize(
    ("rule", "days"),
    [  # from 1 January 2020: a dies in May 2020, b in 2020
        ("first", {"a": 121, "b": 0}),
        ("middle", {"a": 135, "b": 182}),
        ("last", {"a": 151, "b": 365}),
    ],
)
def test_a_partial_date_means_what_the_file_says(tmp_path, rule, days):
    results = worked_out(tmp_path, "e7", overall_survival() + f"dates: {{partial: {rule}}}\n")
    assert {who: duration for who, (duration, event) in followed(results).items() if event == "death"} == days
    assert "partial-date" in rules(results)


@pytest.mark.parametrize("where", ["", ', where: {deceased_date: {not: ["2020-05", "2020"]}}'])
def test_a_partial_date_that_is_refused_leaves_the_patient_out_and_names_them(tmp_path, where):
    text = overall_survival().replace("death: {table: patients,", f"death: {{table: patients{where},")
    results = worked_out(tmp_path, "e7", text)
    assert followed(results) == {}  # nobody who died counts as alive
    assert {row.study_subject for row in results.left_out} == {"a", "b"}
    assert out(results, "os")[:2] == (0, 2)


def test_a_code_counts_in_whichever_coding_it_stands(tmp_path):
    results = worked_out(tmp_path, "e8", CODED + HAEMOGLOBIN)
    assert {one.group: one.value for one in results.find("hb.value")} == {"a": 12, "b": 11}


# Study days; the five of whom the one with event 100 was last seen on day 90

LATE = """
subjects: {table: patients, key: patient_id, label: patient_id}
times:
  begin: {table: stays, day: begin}
  death: {table: stays, day: death}
  seen: {table: stays, day: seen}
endpoints:
  os: {title: OS, start: begin, events: [death], censor: seen, survival_at_days: [100, last]}
"""


def stays(*rows):
    names = ["patient_id", "begin", "death", "seen"]
    frame = pd.DataFrame([(f"P{n + 1}", *row) for n, row in enumerate(rows)], columns=names, dtype=object)
    # a row without a day says that nothing happened, as dataAbsentReason has it
    patients = frame[["patient_id"]].assign(deceased=None)
    return {"patients": patients, "stays": frame.assign(data_absent_reason="not-applicable")}


def late(tmp_path, tables, text=LATE):
    path = tmp_path / "endpoints.yaml"
    path.write_text(text)
    return analyze(tables, path)


FIVE = [(0, 100, 90), (0, 50, 50), (0, None, 200), (0, 0, 0), (0, 120, 150)]


def test_an_event_counts_whenever_the_last_contact_was(tmp_path):
    # deaths on days 0, 50, 100 and 120 of five: S(100) = 4/5 · 3/4 · 2/3 = 0.4
    results = late(tmp_path, stays(*FIVE))
    at_100 = results.one("os.survival", time_days=100)
    assert (round(at_100.value, 12), at_100.n, at_100.events) == (0.4, 5, 3)


def test_a_cutoff_is_what_ends_follow_up(tmp_path):
    # nothing after day 99 counts: deaths on days 0 and 50 of five, three censored on day 99
    text = LATE.replace("censor: seen,", "censor: seen, cutoff: {study_day: 99},")
    results = late(tmp_path, stays(*FIVE), text)
    rows = {row.study_subject: row for row in results.derivation}
    assert [(rows[f"P{n}"].stop_day, rows[f"P{n}"].event) for n in range(1, 6)] == [
        (99, "censored"), (50, "death"), (99, "censored"), (0, "death"), (99, "censored"),
    ]  # fmt: skip
    assert rows["P1"].censor_reason == "administrative cutoff"
    assert "censored-at-cutoff" in rules(results)
    since = late(tmp_path, stays(*FIVE), text.replace("study_day: 99", "days: 99"))
    assert followed(since) == followed(results)
    with pytest.raises(AnalysisError, match="study days"):
        late(tmp_path, stays(*FIVE), text.replace("study_day: 99", "date: 2020-01-31"))


def test_decimal_times_are_subtracted_exactly(tmp_path):
    # 10.3 - 10.0 = 5.3 - 5.0 = 0.4 - 0.1 = 1.4 - 1.1 = 0.3: three events among five at one time, S = 0.4
    rows = [
        ("10.0", "10.3", None),
        ("5.0", "5.3", None),
        ("0.1", None, "0.4"),
        ("1.1", "1.4", None),
        ("0", "0.7", None),
    ]
    exact = [tuple(None if cell is None else Decimal(cell) for cell in row) for row in rows]
    for cells in (exact, [tuple(None if cell is None else float(cell) for cell in row) for row in exact]):
        results = late(tmp_path, stays(*cells), LATE.replace("[100, last]", "[1]"))
        assert [row.duration_days for row in results.derivation] == [0.3, 0.3, 0.3, 0.3, 0.7]


def test_the_dead_without_a_date_are_not_alive(tmp_path):
    path = tmp_path / "endpoints.yaml"
    path.write_text(overall_survival(where="", head=SUBJECTS))
    tables = {
        "patients": pd.DataFrame(
            {"patient_id": ["a", "b", "c"], "deceased": [True, False, None], "deceased_date": [None] * 3}
        ),
        "conditions": pd.DataFrame(
            {"patient_id": ["a", "b", "c"], "condition_id": ["1", "2", "3"], "onset_date": ["2020-01-01"] * 3}
        ),
        "observations": pd.DataFrame(
            {
                "patient_id": ["a", "b", "c"],
                "observation_id": ["1", "2", "3"],
                "effective_date": ["2020-02-01"] * 3,
            }
        ),
    }
    facts = Facts(tables, read_endpoints(path))
    found = derive_endpoint(facts, facts.endpoints.endpoints["os"])
    assert list(found["patient_id"]) == ["b", "c"]
    assert facts.account.populations["endpoint", "os"].out == {"a": '"death" without a day'}
