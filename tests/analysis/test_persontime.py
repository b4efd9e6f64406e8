"""Rates, stratified and trend log-rank tests and spreads that definitions ask for, against R 4.2.2."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from lifelines.datasets import load_lung

from fhir_blina.analysis import analyze
from fhir_blina.results import Results
from fhir_blina.views import read_tables

DEFINITIONS = """
subjects: {table: patients, key: patient_id, label: study_subject}
measures:
  sex: {table: observations, where: {code: sex}, value: value_code}
  ecog: {table: observations, where: {code: ecog}, value: value_code}
  meal: {table: observations, where: {code: meal}, value: value_quantity}
groups:
  sex: {measure: sex, labels: {"1": male, "2": female}}
  ecog: {measure: ecog, labels: {"0": "0", "1": "1", "2": "2", "3": "3"}}
times:
  start: {table: patients, day: zero}
  end: {table: observations, where: {code: os}, day: value_quantity}
  death: {table: observations, where: {code: os, value_code: died}, day: value_quantity}
endpoints:
  survival:
    title: Survival
    start: start
    events: [death]
    censor: end
    compare: [sex, ecog]
    stratify: [ecog]
    trend: true
    rate_per_years: 100
summaries: {meal: {by: sex, spread: true}}
"""


@pytest.fixture(scope="module")
def lung(tmp_path_factory) -> Results:
    folder = tmp_path_factory.mktemp("lung")
    (folder / "endpoints.yaml").write_text(DEFINITIONS, "utf-8")
    data = load_lung()
    rows: list[dict[str, Any]] = []
    for number, row in enumerate(data.to_dict(orient="records")):
        key = f"l{number}"
        base = {"patient_id": key}
        died = "died" if row["status"] else "alive"
        rows.append({**base, "code": "os", "value_quantity": row["time"], "value_code": died})
        rows.append({**base, "code": "sex", "value_code": str(row["sex"])})
        if row["ph.ecog"] == row["ph.ecog"]:
            rows.append({**base, "code": "ecog", "value_code": str(int(row["ph.ecog"]))})
        if row["meal.cal"] == row["meal.cal"]:
            rows.append({**base, "code": "meal", "value_quantity": row["meal.cal"]})
    frame = pd.DataFrame(rows)
    frame["observation_id"] = [f"o{place}" for place in range(len(frame))]
    keys = [f"l{number}" for number in range(len(data))]
    patients = pd.DataFrame({"patient_id": keys, "study_subject": keys, "zero": 0})
    (folder / "none").mkdir()
    tables = read_tables(folder / "none")
    for name, made in (("patients", patients), ("observations", frame)):
        every = [*made.columns, *tables[name].columns.difference(made.columns)]
        wide = made.reindex(columns=every).astype(object)
        tables[name] = wide.where(wide.notna(), None)
    return analyze(tables, folder)


def test_the_stratified_log_rank_test(lung):
    """R: survdiff(Surv(time, status) ~ sex + strata(ph.ecog), lung)$chisq."""
    found = lung.one("survival.log_rank_by_ecog", group="male v female")
    assert found.value == pytest.approx(10.7950596334964, abs=1e-10)
    assert found.n == 227
    assert "without 1 in no stratum" in found.note


def test_the_log_rank_test_for_trend(lung):
    """R: s <- survdiff(Surv(time, status) ~ ph.ecog, lung); w <- 0:3; sum(w*(s$obs-s$exp))^2 / (w %*% s$var %*% w)."""
    found = lung.one("survival.log_rank_trend", group="0 v 1 v 2 v 3")
    assert found.value == pytest.approx(17.8751207625279, abs=1e-10)
    assert found.test == "log-rank for trend, 1 degree of freedom"


def test_the_rate_in_person_years(lung):
    """R: poisson.test(165, sum(lung$time) / 36525)."""
    found = lung.one("survival.rate", group="all")
    assert found.value == pytest.approx(86.5981492391476, abs=1e-10)
    assert (found.ci_low, found.ci_high) == pytest.approx((73.8886463988657, 100.8662600664851), abs=1e-10)
    assert (found.events, found.n) == (165, 228)


def test_quartiles_mean_deviation_and_the_missing(lung):
    """R: with(lung, c(mean(meal.cal, na.rm=TRUE), sd(meal.cal, na.rm=TRUE), quantile(meal.cal, na.rm=TRUE)))."""
    assert lung.one("meal.mean", group="all").value == pytest.approx(928.77900552486187, abs=1e-9)
    assert lung.one("meal.standard_deviation", group="all").value == pytest.approx(
        402.17470747743585, abs=1e-9
    )
    assert lung.one("meal.first_quartile", group="all").value == 635
    assert lung.one("meal.third_quartile", group="all").value == 1150
    assert lung.one("meal.missing", group="all").value == 47  # 228 less 181
    assert lung.one("meal.missing", group="male").value + lung.one("meal.missing", group="female").value == 47
