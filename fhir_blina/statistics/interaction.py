"""Whether a hazard ratio differs between subgroups, and what many such tests make of a small P."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fhir_blina.statistics.regression import cox_regression
from fhir_blina.statistics.times import Vector, grouped, observed


@dataclass(frozen=True)
class Interaction:
    """A test of interaction.

    Attributes:
        chi2: Likelihood ratio of the model with products against the one without, or ``None``.
        p: Its P.
        df: Subgroups less one.
        note: Why there is none, else empty.
    """

    chi2: float | None
    p: float | None
    df: int
    note: str = ""


def interaction(
    durations: Vector, events: Vector, second: Vector, subgroups: Sequence[Hashable] | npt.NDArray[Any]
) -> Interaction:
    """Test whether the hazard ratio of two groups is the same in all subgroups.

    Two Cox models, ties by Efron: group and subgroup, and these with their products (R: ``anova`` of both).

    Args:
        durations: Time to event or censoring.
        events: True where the event was observed.
        second: True for who is in the second group.
        subgroups: A label of each subject.

    Raises:
        AnalysisError: times, events or labels that cannot be used.
    """
    x = observed(second).astype(float)
    labels, codes = grouped(subgroups, len(x), "a subgroup")
    df = max(len(labels) - 1, 0)
    if df == 0:
        return Interaction(None, None, df, "there are no two subgroups")
    inside = {f"subgroup {code}": (codes == code).astype(float) for code in range(1, len(labels))}
    products = {f"group in {name}": x * column for name, column in inside.items()}
    plain = cox_regression(durations, events, {"group": x, **inside})
    full = cox_regression(durations, events, {"group": x, **inside, **products})
    if plain.log_likelihood is None or full.log_likelihood is None:
        reason = "there is no event" if not np.asarray(events).any() else "in a subgroup a group has no event"
        return Interaction(None, None, df, f"not estimable: {reason}")
    from scipy.special import chdtrc

    chi2 = max(2 * (full.log_likelihood - plain.log_likelihood), 0.0)
    return Interaction(chi2, float(chdtrc(df, chi2)), df)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for their number by Holm's step-down rule (Holm 1979; R: ``p.adjust``)."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted
