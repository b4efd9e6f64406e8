"""The names of statistics are those that the analysis gives, and no others pass."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from fhir_blina.analysis.names import STATISTIC_NAMES, is_statistic

SOURCE = Path(__file__).parents[2] / "fhir_blina" / "analysis"


def test_every_number_of_the_published_cohort_has_a_known_name(published_results):
    names = {record.name.split(".", 1)[1] for record in published_results}
    assert len(names) > 40
    assert [name for name in sorted(names) if not is_statistic(name)] == []


def _named() -> set[str]:
    """The names that the source gives to records, blanks as stars, where the name is not a blank alone."""
    found = set()
    for path in SOURCE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                text = "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
                )
                match = re.fullmatch(r"(?:\{\}|[a-z]+)\.((?:\{\}|[a-z_0-9])+)", text)
                if match and match[1] != "{}":
                    found.add(match[1].replace("{}", "*"))
    return found


def test_every_name_in_the_source_is_known():
    named = _named()
    assert len(named) > 20
    assert [name for name in sorted(named) if not is_statistic(name)] == []


@pytest.mark.parametrize(
    "name", ["medain", "hazzard_ratio", "log_rankk", "survival_", "cox_", "power", "cochran_hazard_ratio"]
)
def test_other_names_are_not(name):
    assert not is_statistic(name)


@pytest.mark.parametrize("name", ["*", "landmark*", "cox_*", "power*", "cox_adjusted_hazard_ratio"])
def test_patterns_fit_what_they_can_fit(name):
    assert is_statistic(name)


def test_names_stand_once():
    assert len(set(STATISTIC_NAMES)) == len(STATISTIC_NAMES)
