"""The response in a report: one table, a column a group, both denominators."""

from __future__ import annotations

import re

from fhir_blina.report import write_report
from tests.analysis.test_responses import results, tables


def test_both_rates_and_the_reasons_stand_in_one_table(tmp_path):
    found = results(tmp_path)
    made = write_report(
        tmp_path / "report", tables=tables(), results=found, definitions=tmp_path / "endpoints.yaml"
    )
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", made.read_text("utf-8")))
    # by hand: 4 of 9 treated, 4 of 6 evaluable; A 3 of 4 and 3 of 3, B 1 of 5 and 1 of 3; intervals by binom.test
    assert "complete or partial, of all 4/9 (44.4 %; 13.7 to 78.8 %) 3/4" in text
    assert "complete or partial, of the evaluable 4/6 (66.7 %; 22.3 to 95.7 %) 3/3" in text
    assert "Best response: stable 1/6 (16.7 %) 0/3 (0.0 %) 1/3 (33.3 %)" in text
    assert "Not evaluable 3/9 1/4 2/5" in text
    assert "no measurable disease: 1" in text
