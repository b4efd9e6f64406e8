from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest

from fhir_blina.analysis.exposure import describe_exposure, exposures, stepped_up
from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.reading import read_endpoints

DEFINITIONS = """
subjects: {table: patients, key: patient_id, label: study_subject}
measures:
  area: {table: observations, where: {code: area}, value: value_quantity, unit: m2}
  burden: {table: observations, where: {code: burden}, value: value_quantity, unit: "%"}
times:
  seen: {table: observations, where: {code: seen}, day: study_day}
endpoints:
  followed: {title: followed, start: seen, events: [seen], censor: seen}
exposure:
  table: administrations
  start: start_study_day
  end: end_study_day
  rate: rate_value
  rate_unit: rate_unit
  amount_unit: ug
  body_surface_area: area
  per_area_unit: ug/m2/d
  flat_unit: ug/d
  course_days: 28
  step_up: {measure: burden, at_least: 20, days: 7}
  protocol:
    - {unit: ug/m2/d, step_up: 5, full: 15}
    - {unit: ug/d, step_up: 9, full: 28}
"""
STEPS = [
    ("A", 1, 7, "5", "ug/m2/d"), ("A", 8, 14, "15", "ug/m2/d"),
    ("B", 1, 28, "28", "ug/d"),
    ("C", 1, 2, "1.5", "mg/d"),
    ("D", 1, 10, "15", "ug/m2/d"),
]  # fmt: skip
VALUES = [
    ("A", "area", "1.36"),
    ("A", "burden", "22.64"),
    ("B", "area", "1.67"),
    ("B", "burden", "0.08"),
    ("C", "area", "1"),
]


@pytest.fixture
def facts(tmp_path):
    path = tmp_path / "endpoints.yaml"
    path.write_text(DEFINITIONS)
    people = pd.DataFrame({"patient_id": list("abcd"), "study_subject": list("ABCD")})
    observations = pd.DataFrame(
        [
            {
                "observation_id": f"o{n}",
                "patient_id": who.lower(),
                "code": code,
                "study_day": 0,
                "value_quantity": Decimal(value),
            }
            for n, (who, code, value) in enumerate(VALUES)
        ]
    )
    administrations = pd.DataFrame(
        [
            {"administration_id": f"m{n}", "patient_id": who.lower(), "start_study_day": first, "end_study_day": last,
             "rate_value": Decimal(rate), "rate_unit": unit}
            for n, (who, first, last, rate, unit) in enumerate(STEPS)
        ]
    )  # fmt: skip
    tables = {"patients": people, "observations": observations, "administrations": administrations}
    return Facts(tables, read_endpoints(path))


def records(facts):
    return {(record.name, record.group): record for record in describe_exposure(facts)}


def test_days_are_inclusive_and_amounts_exact(facts):
    found = records(facts)
    assert found["dose.step", "A, days 1-7"].value == Decimal("47.60")
    assert found["dose.step", "A, days 8-14"].value == Decimal("142.80")
    assert found["dose.total", "A"].value == Decimal("190.40")
    assert found["dose.days", "B"].value == 28
    assert found["dose.total", "B"].value == 784
    assert found["dose.total", "B"].derived_from == ("MedicationAdministration/m2", "Observation/o2")


def test_the_protocol_in_each_of_its_units(facts):
    found = records(facts)
    assert found["dose.protocol_per_area_same_days", "A"].value == Decimal("190.40")
    assert found["dose.given_of_protocol_per_area", "A"].value == 1
    # 7 days of 5 and 21 of 15, times 1.36 m2; 7 of 9 and 21 of 28
    assert found["dose.protocol_per_area_course", "A"].value == 476
    assert found["dose.protocol_flat_course", "A"].value == 651
    assert found["dose.protocol_flat_course", "B"].value == 784
    assert found["dose.highest_per_area", "B"].value == pytest.approx(28 / 1.67)


def test_what_is_not_known_is_not_estimated(facts):
    found = records(facts)
    assert found["dose.total", "C"].value is None  # another unit
    assert found["dose.total", "D"].value is None  # no body surface area
    assert found["dose.protocol_flat_course", "C"].value is None  # burden not known
    assert found["dose.given_of_protocol_flat", "D"].note
    assert ("dose.highest_per_area", "D") not in found


def test_the_step_up_is_compared_where_its_need_is_known(facts):
    record = records(facts)["dose.step_up_as_protocol", "all"]
    assert (record.events, record.n) == (2, 2)
    assert [stepped_up(exposure) for exposure in exposures(facts)] == [True, False, False, False]
    assert [exposure.needs_step_up for exposure in exposures(facts)] == [True, False, None, None]


def test_without_the_section_there_are_no_records(facts, tmp_path):
    path = tmp_path / "plain.yaml"
    path.write_text(DEFINITIONS.split("exposure:", maxsplit=1)[0])
    assert list(describe_exposure(Facts(facts.tables, read_endpoints(path)))) == []


def test_another_unit_is_not_taken_for_micrograms(facts):
    assert ("dose.highest_per_area", "C") not in records(facts)
