from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from fhir_blina.endpoints.derivation import DERIVATION_COLUMNS, derive, derive_endpoint
from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.errors import AnalysisError

PUBLISHED = Path(__file__).parents[2] / "mappings/cohorts/cjcp2023"
SMALL = """
subjects: {table: patients, key: patient_id, label: study_subject}
measures:
  weight: {table: observations, where: {code: weight}, value: value_quantity, unit: kg}
sets:
  heavy: {table: observations, where: {code: weight, value_quantity: {min: 40}}}
  light: {none_of: [heavy]}
groups:
  size: {sets: {heavy: heavy, light: light}}
times:
  begin: {table: observations, where: {code: begin}, day: study_day}
  relapse: {table: observations, where: {code: relapse}, day: study_day, pick: first}
  death: {table: observations, where: {code: death}, day: study_day}
  seen: {table: observations, where: {code: seen}, day: study_day, pick: last}
endpoints:
  relapse_free:
    title: relapse or death
    start: begin
    events: [relapse, death]
    censor: seen
    compare: [size]
  relapse_only:
    title: relapse, death competes
    among: heavy
    start: begin
    events: [relapse]
    competing: [death]
    censor: seen
"""


def small(tmp_path, text=SMALL):
    path = tmp_path / "endpoints.yaml"
    path.write_text(text)
    return read_endpoints(path)


def tables(*rows):
    frame = pd.DataFrame(
        [
            {
                "observation_id": f"o{place}",
                "patient_id": f"p{who}",
                "code": code,
                "study_day": day,
                "value_quantity": value,
            }
            for place, (who, code, day, value) in enumerate(rows)
        ]
    ).astype({"study_day": "Int64", "value_quantity": object})
    people = sorted(set(frame["patient_id"]))
    return {
        "patients": pd.DataFrame({"patient_id": people, "study_subject": [name.upper() for name in people]}),
        "observations": frame,
    }


ROWS = [
    (1, "begin", 3, None), (1, "relapse", 30, None), (1, "relapse", 50, None), (1, "seen", 60, None), (1, "weight", 0, 50),
    (2, "begin", 0, None), (2, "death", 9, None), (2, "relapse", 9, None), (2, "seen", 9, None), (2, "weight", 0, 40),
    (3, "begin", 2, None), (3, "seen", 2, None), (3, "seen", 1, None), (3, "weight", 0, 39),
    (4, "begin", 0, None), (4, "death", 7, None), (4, "seen", 20, None), (4, "weight", 0, 60),
]  # fmt: skip


def test_each_time_and_status_comes_from_the_rows_that_the_definition_names(tmp_path):
    found = derive(tables(*ROWS), small(tmp_path))
    assert tuple(found.columns) == DERIVATION_COLUMNS
    rows = found[
        ["endpoint", "study_subject", "duration_days", "event_observed", "event", "group", "stop_from"]
    ]
    assert [tuple(row) for row in rows.itertuples(index=False)] == [
        ("relapse_free", "P1", 27.0, True, "relapse", "heavy", ("Observation/o1",)),
        ("relapse_free", "P2", 9.0, True, "relapse", "heavy", ("Observation/o7",)),  # a tie: the first named
        ("relapse_free", "P3", 0.0, False, "censored", "light", ("Observation/o11",)),
        ("relapse_free", "P4", 7.0, True, "death", "heavy", ("Observation/o15",)),
        ("relapse_only", "P1", 27.0, True, "relapse", None, ("Observation/o1",)),
        ("relapse_only", "P2", 9.0, True, "relapse", None, ("Observation/o7",)),
        ("relapse_only", "P4", 7.0, False, "death", None, ("Observation/o15",)),
    ]


def test_values_sets_and_groups(tmp_path):
    facts = Facts(tables(*ROWS), small(tmp_path))
    assert facts.measured("weight")["p2"] == (40, "Observation/o9")
    assert list(facts.members("heavy")) == ["p1", "p2", "p4"]
    assert list(facts.members("light")) == ["p3"]
    assert dict(facts.group("size")) == {"p1": "heavy", "p2": "heavy", "p3": "light", "p4": "heavy"}


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([(1, "begin", 5, None), (1, "seen", 4, None)], 'stops before the start: "seen" is before "begin"'),
        ([(1, "begin", 5, None)], 'neither an event nor a day of "seen"'),
        ([(1, "seen", 5, None)], 'no day of "begin"'),
        ([(1, "begin", 5, None), (1, "seen", 9, None), (1, "death", None, None)], '"death" without a day'),
    ],
)
def test_one_odd_patient_is_left_out_with_the_reason_and_the_others_go_on(tmp_path, rows, reason):
    definitions = small(tmp_path)
    facts = Facts(tables(*rows, (2, "begin", 0, None), (2, "seen", 3, None)), definitions)
    found = derive_endpoint(facts, definitions.endpoints["relapse_free"])
    assert list(found["study_subject"]) == ["P2"]
    population = facts.account.populations["endpoint", "relapse_free"]
    assert (population.of, population.n, population.out) == (2, 1, {"p1": reason})
    (remark,) = (one for one in facts.account.remarks.values() if one.rule == "patient-left-out")
    assert remark.patients == ("p1",)
    assert "p1" not in remark.title + remark.printed + remark.follows


def test_several_rows_where_one_is_expected_are_an_error_that_shows_no_value(tmp_path):
    rows = [(1, "begin", 5, None), (1, "begin", 6, None), (1, "seen", 9, None)]
    with pytest.raises(AnalysisError, match="several rows for one patient") as caught:
        derive(tables(*rows), small(tmp_path))
    assert "p1" not in str(caught.value)
    assert "endpoints.yaml:11" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "events: [relapse, death]",
            "events: [relaps]",
            'no time is named "relaps". Did you mean "relapse"?',
        ),
        ("among: heavy", "among: heavies", 'no set is named "heavies". Did you mean "heavy"?'),
        ("  weight: {table", "  weight: {tabel", "endpoints.yaml:4"),
        ("subjects: {table: patients, key: patient_id, label: study_subject}\n", "", "subjects"),
        ("light: {none_of: [heavy]}", "light: {none_of: [light]}", "defined by itself"),
        ("    censor: seen\n    compare", "    censor: seen\n    censor: seen\n    compare", "twice"),
    ],
)
def test_a_faulty_definition_is_refused_with_file_and_line(tmp_path, old, new, message):
    assert old in SMALL
    with pytest.raises(AnalysisError) as caught:
        small(tmp_path, SMALL.replace(old, new, 1))
    assert message in str(caught.value)
    assert "endpoints.yaml" in str(caught.value)


def test_a_table_or_column_that_is_not_there_is_named(tmp_path):
    definitions = small(tmp_path, SMALL.replace("value: value_quantity", "value: value_quantiti"))
    with pytest.raises(AnalysisError, match='Did you mean "value_quantity"'):
        Facts(tables(*ROWS), definitions).measure("weight")
    with pytest.raises(AnalysisError, match='no table "observations"'):
        derive({"patients": tables(*ROWS)["patients"]}, small(tmp_path))


def test_missing_files_are_named(tmp_path):
    with pytest.raises(AnalysisError, match=r"endpoints\.yaml"):
        read_endpoints(tmp_path)


def test_the_published_definitions_name_the_endpoints_of_the_paper_and_more():
    names = set(read_endpoints(PUBLISHED).endpoints)
    assert {"overall_survival", "relapse_free_survival", "duration_of_remission", "time_to_hsct"} <= names
    assert {"survival_from_hsct", "relapse_from_hsct"} <= names
    assert len([name for name in names if name.startswith("event_free_survival_")]) == 4


@pytest.mark.long
def test_a_hundred_thousand_patients(tmp_path):
    n = 100_000
    who = [f"p{number:06}" for number in range(n)]
    frame = pd.DataFrame(
        {
            "observation_id": [f"o{number}" for number in range(3 * n)],
            "patient_id": who * 3,
            "code": ["begin"] * n + ["seen"] * n + ["death"] * n,
            "study_day": pd.array([0] * n + [90] * n + [number % 180 for number in range(n)], dtype="Int64"),
            "value_quantity": pd.Series([None] * (3 * n), dtype=object),
        }
    )
    found = derive(
        {"patients": pd.DataFrame({"patient_id": who, "study_subject": who}), "observations": frame},
        small(tmp_path),
    )
    assert len(found) == n
    assert found["event_observed"].all()  # whenever they were last seen
