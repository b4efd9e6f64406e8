"""Gray's test: against cmprsk here and in test_data_sets, and what cannot be estimated."""

from __future__ import annotations

import numpy as np
import pytest

from fhir_blina.errors import AnalysisError
from fhir_blina.statistics.gray import gray_test
from fhir_blina.statistics.logrank import log_rank
from tests.r_values import r_values

TIMES = [1, 2, 2, 3, 3, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10]
CAUSES = [1, 2, 1, 0, 1, 2, 0, 1, 2, 2, 0, 1, 1, 2, 0]
GROUPS = ["a", "b", "c"] * 5
R = r_values()


@pytest.mark.parametrize("cause", [1, 2])
@pytest.mark.parametrize("groups", [2, 3])
def test_statistic_and_p_are_those_of_cmprsk(cause, groups):
    labels = GROUPS if groups == 3 else ["a" if label == "a" else "b" for label in GROUPS]
    found = gray_test(TIMES, CAUSES, labels, cause)
    assert [found.chi2, found.p, found.df] == pytest.approx(R[f"gray {groups} {cause}"], rel=1e-9)


def test_without_a_competing_event_it_is_near_to_the_log_rank_test():
    generator = np.random.default_rng(11)
    times, labels = generator.exponential(10, 400), generator.integers(0, 2, 400)
    causes = (generator.random(400) < 0.7).astype(int)
    ours, theirs = gray_test(times, causes, labels).chi2, log_rank(times, causes, labels).chi2
    assert ours == pytest.approx(theirs, abs=0.05)


def test_the_order_of_the_groups_does_not_matter():
    back = gray_test(TIMES[::-1], CAUSES[::-1], GROUPS[::-1])
    assert back.chi2 == pytest.approx(gray_test(TIMES, CAUSES, GROUPS).chi2, rel=1e-9)


@pytest.mark.parametrize(
    ("causes", "groups", "reason"),
    [([1, 2, 0], ["a", "a", "a"], "no two groups"), ([2, 2, 0], ["a", "b", "a"], "no event of the cause")],
)
def test_without_a_statistic_there_is_a_reason(causes, groups, reason):
    found = gray_test([1, 2, 3], causes, groups)
    assert found.chi2 is None
    assert reason in found.note


def test_what_is_missing_is_refused():
    with pytest.raises(AnalysisError, match="cause"):
        gray_test([1, 2], [1, None], ["a", "b"])
    with pytest.raises(AnalysisError, match="group"):
        gray_test([1, 2], [1, 2], ["a", None])
    with pytest.raises(AnalysisError, match="0 is censored"):
        gray_test([1, 2], [1, 2], ["a", "b"], cause=0)
