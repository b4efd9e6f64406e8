"""Numbers as papers print them, against what a reader would say of them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from fhir_blina.errors import AnalysisError
from fhir_blina.results.claims import COLUMNS, read_claims
from fhir_blina.results.comparing import compare_claims
from fhir_blina.results.printed import AGREES, DISAGREES, TRUNCATED, agreement, is_printed_number
from fhir_blina.results.records import Record, Results


@pytest.mark.parametrize(
    ("printed", "value", "verdict"),
    [
        ("<0.001", "0.0009", AGREES),
        ("<0.001", "0.001", DISAGREES),
        ("< 0.05", "0.049", AGREES),
        ("≤0.05", "0.05", AGREES),
        (">0.99", "0.995", AGREES),
        (">0.99", "0.99", DISAGREES),
        ("~40", "35", AGREES),
        ("~40", "44.9", AGREES),
        ("~40", "45", DISAGREES),
        ("~41", "41.6", DISAGREES),
        ("≈0.5", "0.46", AGREES),
        ("-1.2", "-1.24", AGREES),
        ("\u22121.2", "-1.24", AGREES),
        ("15.50", "15.505", TRUNCATED),
        ("310", "310", AGREES),
    ],
)
def test_a_printed_number_and_another(printed, value, verdict):
    assert agreement(printed, Fraction(value)) == verdict


@pytest.mark.parametrize("text", ["", "x", "1,5", "<", "1-2", "0.1 ns"])
def test_what_is_no_number(text):
    assert not is_printed_number(text)


RESULTS = Results(
    (
        Record(
            "os.median",
            value=Decimal(310),
            ci_low=Decimal(285),
            ci_high=Decimal(363),
            ci_method="log",
            unit="d",
            method="Kaplan-Meier",
        ),
        Record("os.log_rank", "male v female", value=10.3, p_value=0.0013, method="log-rank"),
    )
)


def claims(tmp_path, *lines):
    (tmp_path / "claims.csv").write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")
    return read_claims(tmp_path)


@pytest.mark.parametrize(
    "printed",
    ["310 (285-363)", "310 (285–363)", "310 [285; 363]", "310 (95% CI: 285 to 363)", "310 (285~363)"],
)
def test_a_number_with_its_interval_is_three_claims(printed, tmp_path):
    found = claims(tmp_path, "# a comment", f"median,,result,{printed},d,,,main,os.median,,,log,value,,")
    assert [(one.claim, one.value_printed, one.field, one.line) for one in found] == [
        ("median", "310", "value", 3),
        ("median_low", "285", "ci_low", 3),
        ("median_high", "363", "ci_high", 3),
    ]
    assert {one.agreement for one in compare_claims(found, RESULTS)} == {AGREES}


@pytest.mark.parametrize(("unit", "printed"), [("wk", "44.3"), ("mo", "10.2"), ("a", "0.85"), ("d", "310")])
def test_follow_up_in_any_unit(unit, printed, tmp_path):
    found = claims(tmp_path, f"median,,result,{printed},{unit},,,main,os.median,,,log,value,,")
    assert compare_claims(found, RESULTS)[0].agreement == AGREES


@pytest.mark.parametrize(
    ("record", "group", "remedy"),
    [
        ("os.medain", "", 'Did you mean "os.median"?'),
        ("os.log_rank", "female v male", 'Did you mean "male v female"?'),
        ("os.median", "", "ci_method: log"),
    ],
)
def test_a_claim_that_points_nowhere_is_told_what_it_could_mean(record, group, remedy, tmp_path):
    found = claims(tmp_path, f"x,,result,1,d,,,main,{record},{group},,log-log,value,,")
    with pytest.raises(AnalysisError) as error:
        compare_claims(found, RESULTS)
    assert remedy in str(error.value)
