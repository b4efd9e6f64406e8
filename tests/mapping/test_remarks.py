"""What check says of expressions that took the branch for nothing, or found no whole date."""

from __future__ import annotations

import pytest

from fhir_blina.mapping import check_cohort

TEMPLATE = """\
table: t
where: "WHERE"
resource:
  resourceType: Observation
  id: "{{ %cohort }}-{{ id }}"
  status: final
  code: {text: x}
  valueString: "{{ EXPRESSION }}"
  note: [{text: "{{ word }}"}]
  valueQuantity: {value: "{{ n }}"}
  effectiveDateTime: "{{ day }}"
"""
ROWS = ["1,a,5,2020-01-01", "2,,,2020-01", "3,b,,"]


def warned(made, expression, where="true", rows=ROWS):
    template = TEMPLATE.replace("EXPRESSION", expression).replace("WHERE", where)
    found = check_cohort(made({"t": ["id* word n:decimal day:date", *rows]}, template))
    return [one for one in found if one.severity == "warning"]


def test_iif_over_an_empty_cell_is_told_with_template_and_row(made):
    found = warned(made, "iif(n < 6, 'low', 'high')")
    assert [one.diagnostics for one in found] == [
        "iif() over an empty cell of n: its last branch was taken"
    ] * 2
    assert [one.location.rpartition("/")[2] for one in found] == ["t.csv:3)", "t.csv:4)"]
    assert "t0.yaml:8" in found[0].location
    assert "exists()" in found[0].remedy


@pytest.mark.parametrize(
    ("expression", "where"),
    [
        ("iif(n.exists(), iif(n < 6, 'low', 'high'), {})", "true"),
        ("iif(n < 6, 'low')", "true"),
        ("iif(n < 6, 'low', {})", "true"),
        ("iif(n.empty() or n < 6, 'low', 'high')", "true"),
        ("iif(n < 6, 'low', 'high')", "n.exists()"),
    ],
)
def test_iif_that_says_what_an_empty_cell_means_or_never_sees_one_is_not_told(made, expression, where):
    assert warned(made, expression, where) == []


def test_a_partial_date_that_leaves_a_day_or_an_age_open_is_told(made):
    (found,) = warned(made, "day.studyDay('2019-12-31').toString()")
    assert found.diagnostics == "studyDay() gives nothing: a date without a day leaves it open"
    assert found.location.endswith("t.csv:3)")
    assert [one.diagnostics[:7] for one in warned(made, "'1990-01-15'.ageAt(day).toString()")] == ["ageAt()"]
    assert warned(made, "'1990-02-15'.ageAt(day).toString()") == []


def test_embedded_rows_are_looked_at_too(made):
    outer = """\
table: p
resource:
  resourceType: Observation
  id: "{{ %cohort }}-{{ id }}"
  status: final
  code: {text: x}
  component:
    - embed: {table: t, on: [id]}
      code: {text: "{{ k }}"}
      valueString: "{{ iif(n > 1, 'up', 'down') }}"
"""
    tables = {"p": ["id*", "1"], "t": ["id* k* n:decimal", "1,a,2", "1,b,"]}
    (found,) = [one for one in check_cohort(made(tables, outer)) if one.severity == "warning"]
    assert found.location.endswith("t.csv:3)")
