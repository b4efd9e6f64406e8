from __future__ import annotations

from dataclasses import fields
from decimal import Decimal

import pytest

from fhir_blina.endpoints.asked import ProportionAsked, Sections
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.errors import AnalysisError

DEFINITIONS = """
subjects: {table: patients, key: patient_id, label: study_subject}
systems: {LNC: "http://loinc.org"}
measures:
  area: {table: observations, where: {code: area}, value: value_quantity, unit: m2}
sets:
  heavy: {table: observations, where: {code: weight}}
times:
  seen: {table: observations, where: {code: seen}, day: study_day}
endpoints:
  followed: {title: followed, start: seen, events: [seen], censor: seen}
"""
EXPOSURE = """
exposure:
  table: administrations
  where: {code_system: LNC}
  start: start_study_day
  end: end_study_day
  rate: rate_value
  rate_unit: rate_unit
  amount_unit: ug
  body_surface_area: area
  per_area_unit: ug/m2/d
  flat_unit: ug/d
  course_days: 28
  protocol: [{unit: ug/d, full: 28.0}]
"""


def sections(tmp_path, text=""):
    path = tmp_path / "endpoints.yaml"
    path.write_text(DEFINITIONS + text)
    return read_endpoints(path).sections


def test_what_is_not_asked_for_is_empty(tmp_path):
    assert [getattr(sections(tmp_path), one.name) for one in fields(Sections)] == [
        {}, {}, (), {}, {}, None, None, {}, {},
    ]  # fmt: skip


def test_a_proportion_is_of_the_set_of_its_name_among_everyone(tmp_path):
    assert sections(tmp_path, "proportions: {heavy: {}, share: {set: heavy, among: heavy}}").proportions == {
        "heavy": ProportionAsked(wanted="heavy", among="all"),
        "share": ProportionAsked(wanted="heavy", among="heavy"),
    }


def test_rows_of_doses_may_name_a_code_system_by_its_short_name(tmp_path):
    dosing = sections(tmp_path, EXPOSURE).dosing
    assert dosing.selection.where == {"code_system": "http://loinc.org"}
    assert dosing.selection.place.endswith("endpoints.yaml:13")
    assert (dosing.protocol[0].full, dosing.protocol[0].step_up) == (Decimal(28), None)
    with pytest.raises(AnalysisError, match=r"endpoints\.yaml:13: .*no code system is named .LNCC"):
        sections(tmp_path, EXPOSURE.replace("LNC}", "LNCC}"))
