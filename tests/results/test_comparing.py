"""Hazard ratios of claims: by the method of the publication, and what other methods make of them."""

from __future__ import annotations

import pytest

from fhir_blina.errors import AnalysisError
from fhir_blina.results.claims import METHOD, read_claims
from fhir_blina.results.comparing import compare_claims
from fhir_blina.results.printed import AGREES, DISAGREES
from tests.results.test_claims import RESULTS, claims_of, one

RATIO = {"claim": "c", "record": "os.hazard_ratio", "group": "B v A"}


def by_method(tmp_path, printed, method):
    path = claims_of(tmp_path, RATIO | {"value_printed": printed})
    head, row = path.read_text().splitlines()
    path.write_text(f"{head},{METHOD}\n{row},{method}\n")
    (result,) = compare_claims(read_claims(path), RESULTS)
    return result


def test_a_ratio_is_recomputed_by_the_method_of_the_publication(tmp_path):
    result = by_method(tmp_path, "0.60", "peto")
    assert (result.agreement, result.method) == (AGREES, "Peto")
    assert "agrees by the publication's method; ours differs: 0.588 by Cox, ties by Efron" in result.why
    same = by_method(tmp_path, "0.59", "cox")
    assert (same.agreement, "ours differs" in same.why) == (AGREES, False)
    wrong = by_method(tmp_path, "0.70", "peto")
    assert (wrong.agreement, "ours differs" in wrong.why) == (DISAGREES, False)


def test_without_a_method_those_that_agree_are_named(tmp_path):
    result = one(tmp_path, **RATIO | {"value_printed": "0.60"})
    assert result.agreement == DISAGREES
    assert "it agrees by another method: Peto" in result.why


def test_a_method_that_nobody_has_and_one_of_something_else_are_refused(tmp_path):
    with pytest.raises(AnalysisError, match=r"os\.poto_hazard_ratio.*os\.peto_hazard_ratio"):
        by_method(tmp_path, "0.60", "poto")
    path = claims_of(tmp_path, {"claim": "c", "record": "x.median", "value_printed": "15.5"})
    head, row = path.read_text().splitlines()
    path.write_text(f"{head},{METHOD}\n{row},peto\n")
    with pytest.raises(AnalysisError, match="the record is no hazard ratio"):
        read_claims(path)
