"""Kaplan-Meier curve, medians and log-rank test of two groups with continuous times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.contenders import Answer, Contender, Task

DAYS = (30, 180, 365, 730)
SEED = 20230425


def made(folder: Path, subjects: int) -> None:
    """Exponential times of two groups, uniform censoring; times further apart than those one to R."""
    chance = np.random.default_rng(SEED)
    groups = chance.random(subjects) < 0.5
    ends = chance.exponential(np.where(groups, 500, 450))
    censored = chance.uniform(0, 1500, subjects)
    times = np.round(np.minimum(ends, censored), 4)
    np.savez(folder / "times.npz", t=times, d=ends <= censored, g=groups)


def _read(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    found = np.load(folder / "times.npz")
    return found["t"], found["d"], found["g"]


def _ours(folder: Path) -> Callable[[], Answer]:
    import scipy.special  # noqa: F401 - loaded before the clock starts, as for the others

    from fhir_blina.statistics import kaplan_meier, log_rank

    t, d, g = _read(folder)

    def work() -> Answer:
        curve, test = kaplan_meier(t, d), log_rank(t, d, g)
        found = {f"survival at {day}": curve.at(float(day)).value for day in DAYS}
        return {**found, "median": curve.median().value, "chi-square": test.chi2}

    return work


def _lifelines(folder: Path) -> Callable[[], Answer]:
    from lifelines import KaplanMeierFitter
    from lifelines.statistics import logrank_test

    t, d, g = _read(folder)

    def work() -> Answer:
        curve = KaplanMeierFitter().fit(t, d)
        test = logrank_test(t[g], t[~g], d[g], d[~g])
        found = {f"survival at {day}": float(curve.predict(day)) for day in DAYS}
        return {
            **found,
            "median": float(curve.median_survival_time_),
            "chi-square": float(test.test_statistic),
        }

    return work


TASK = Task(
    "survival",
    "subjects",
    made,
    (Contender("fhir-blina", _ours), Contender("lifelines", _lifelines, needs="lifelines")),
)
