from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from fhir_blina.errors import AnalysisError
from fhir_blina.results.claims import COLUMNS, calculate, read_claims
from fhir_blina.results.comparing import NOT_COMPUTABLE, compare_claims
from fhir_blina.results.printed import AGREES, DISAGREES, TRUNCATED, agreement
from fhir_blina.results.records import Record, Results

PUBLISHED = Path(__file__).parents[2] / "mappings/cohorts/cjcp2023/claims.csv"
RESULTS = Results(
    (
        Record("x.median", value=Decimal("15.505"), unit="%", method="middle value"),
        Record(
            "x.survival",
            time_days=126,
            value=5 / 12,
            ci_low=0.056,
            ci_high=None,
            ci_method="log",
            note="open",
        ),
        Record("x.test", "A v B", value=-1.96396, p_value=0.0495, test="asymptotic"),
        Record("x.days", "P4", value=199, unit="d", method="difference"),
        Record("os.hazard_ratio", "B v A", value=0.588, method="Cox, ties by Efron"),
        Record("os.peto_hazard_ratio", "B v A", value=0.603, method="Peto"),
        Record("os.efron_hazard_ratio", "B v A", value=0.588, method="Cox, ties by Efron"),
        Record("os.firth_hazard_ratio", "B v A", note="there is no event", method="Firth"),
        Record("x.share", value=0.5, n=6, events=3, method="share"),
    )
)


def claims_of(tmp_path, *rows):
    lines = [",".join(COLUMNS)]
    for row in rows:
        cells = {
            "kind": "result",
            "printed_in": "2.1",
            "quote": "q",
            "reading": "main",
            "field": "value",
            "unit": "1",
        }
        lines.append(",".join(({**dict.fromkeys(COLUMNS, ""), **cells, **row})[column] for column in COLUMNS))
    path = tmp_path / "claims.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def one(tmp_path, **row):
    (result,) = compare_claims(read_claims(claims_of(tmp_path, {"claim": "c", **row})), RESULTS)
    return result


@pytest.mark.parametrize(
    ("printed", "value", "verdict"),
    [
        ("15.50", "15.505", TRUNCATED),
        ("15.51", "15.505", AGREES),
        ("50", "50.5", TRUNCATED),
        ("51", "50.5", AGREES),
        ("10.5", "10.5", AGREES),
        ("78.30", "78.3", AGREES),
        ("-1.964", "-1.96396101212", AGREES),
        ("-1.963", "-1.96396101212", TRUNCATED),
        ("2", "3", DISAGREES),
        ("0", "0", AGREES),
    ],
)
def test_rounding_is_exact_and_half_goes_up(printed, value, verdict):
    assert agreement(printed, Decimal(value)) == verdict


def test_five_twelfths_is_41_7_percent():
    assert agreement("41.7", Fraction(5, 12) * 100) == AGREES


def test_arithmetic_is_exact_and_nothing_but_arithmetic():
    assert calculate("27/70*100") == Fraction(270, 7)
    assert calculate("(1.6+34.7)/2") == Fraction("18.15")
    for bad in ("1/0", "__import__('os')", "2**9", "a+1", "", "1,2", "-" * 10_000 + "1"):
        with pytest.raises(AnalysisError):
            calculate(bad)


def test_each_verdict_says_why(tmp_path):
    found = one(tmp_path, value_printed="15.50", unit="%", record="x.median")
    assert (found.agreement, found.recomputed) == (TRUNCATED, Decimal("15.505"))
    assert "15.505" in found.why
    assert "middle value" in found.why
    found = one(tmp_path, value_printed="41.7", unit="%", record="x.survival", time_days="126")
    assert (found.agreement, found.recomputed) == (AGREES, Decimal("41.6666666667"))
    found = one(tmp_path, value_printed="0.05", record="x.test", group="A v B", field="p_value")
    assert found.agreement == AGREES
    assert found.why == "asymptotic"
    found = one(tmp_path, value_printed="7", unit="mo", record="x.days", group="P4")
    assert (found.agreement, round(found.recomputed, 2)) == (AGREES, Decimal("6.54"))
    found = one(tmp_path, value_printed="2", record="x.share", field="events")
    assert (found.agreement, found.recomputed) == (DISAGREES, 3)
    found = one(tmp_path, value_printed="199", record="x.survival", ci_method="log", field="ci_high")
    assert (found.agreement, found.recomputed) == (DISAGREES, None)
    found = one(tmp_path, value_printed="38.6", unit="%", why="cited from another study", kind="cited")
    assert (found.agreement, found.why) == (NOT_COMPUTABLE, "cited from another study")
    found = one(tmp_path, value_printed="38.6", unit="%", arithmetic="27/70*100")
    assert found.agreement == AGREES


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"kind": "resulted"}], 'unknown kind. Did you mean "result"?'),
        ([{}, {}], "two main readings"),
        ([{"reading": "other"}], "no main reading"),
        ([{"record": "x.median", "arithmetic": "1+1"}], "a record and arithmetic"),
        ([{"record": "x.median", "value_printed": "7 months"}], "not a number"),
        ([{"value_printed": "7"}], "no reason"),
        ([{"record": "x.median", "time_days": "soon"}], "time_days"),
        ([{"arithmetic": "1+"}], "not a calculation"),
    ],
)
def test_a_faulty_file_is_refused_with_its_line(tmp_path, rows, message):
    path = claims_of(tmp_path, *({"claim": "c", "value_printed": "1", **row} for row in rows))
    with pytest.raises(AnalysisError) as caught:
        read_claims(path)
    assert message in str(caught.value)
    assert f"{path}:" in str(caught.value)


def test_a_record_that_is_not_there_is_named(tmp_path):
    with pytest.raises(AnalysisError, match=r"claims\.csv:2.*x\.mean"):
        one(tmp_path, value_printed="1", record="x.mean")


def test_every_number_of_the_first_claims_file_is_still_claimed():
    shared = PUBLISHED.parents[3] / "tests" / "data" / "printed_numbers.csv"
    claims = {(claim.value_printed, claim.quote) for claim in read_claims(PUBLISHED)}
    printed = {value for value, _ in claims}
    assert shared.is_file()
    for line in shared.read_text().splitlines()[1:]:
        assert line.split(",")[1] in printed


def test_what_cannot_be_computed_has_a_reason_of_its_own():
    reasons = [claim.why for claim in read_claims(PUBLISHED) if not claim.record and not claim.arithmetic]
    assert len(reasons) > 50
    assert all(len(reason) > 10 for reason in reasons)
