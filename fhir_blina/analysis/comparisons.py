"""Records of comparisons: the log-rank family, asymptotic and by permutation, for two or more groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from fhir_blina.analysis.estimates import sources
from fhir_blina.endpoints import Endpoint
from fhir_blina.results import Record
from fhir_blina.statistics import WEIGHTS, log_rank, permutation_log_rank


def describe_comparisons(
    endpoint: Endpoint, frame: pd.DataFrame, groups: Mapping[str, Mapping[str, pd.DataFrame]]
) -> Iterator[Record]:
    """The tests of each group that an endpoint is compared by, or the reason why there is none.

    Args:
        endpoint: Its definition.
        frame: Its rows of the derivation.
        groups: For each group to compare, its rows by label.
    """
    cause = "; cause-specific: competing events count as censored" if endpoint.competing else ""
    for name, parts in groups.items():
        yield from compare(endpoint.name, parts, f"by {name}{cause}")
    for name, reason in endpoint.not_compared.items():
        yield Record(f"{endpoint.name}.log_rank", f"by {name}", n=len(frame), note=f"not reported: {reason}")


def compare(
    name: str, parts: Mapping[str, pd.DataFrame], note: str = "", *, only: str = ""
) -> Iterator[Record]:
    """Log-rank records of two or more groups; ``only`` leaves out all but one weight."""
    pair = " v ".join(parts)
    frame = pd.concat(list(parts.values()))
    t = frame["duration_days"].to_numpy(dtype=float)
    d = frame["event_observed"].to_numpy(dtype=bool)
    labels = [label for label, part in parts.items() for _ in range(len(part))]
    made = sources(frame)
    empty = [label for label, part in parts.items() if not len(part)]
    for weight, said in WEIGHTS.items():
        if only and weight != only:
            continue
        test = log_rank(t, d, labels, weight=weight)
        reason = f"not estimable: nobody is in {', '.join(empty)}" if empty else test.note
        slug = weight.lower().replace("-", "_").replace(" (", "_").replace(",", "_").replace(")", "")
        yield Record(
            f"{name}.{slug}",
            pair,
            value=None if empty else test.chi2,
            method=f"chi-square, {said}",
            n=len(frame),
            events=int(d.sum()),
            p_value=None if empty else test.p,
            test=f"{weight}, {test.df} degree{'s' * (test.df != 1)} of freedom" if test.df else weight,
            note="; ".join(text for text in (reason, note) if text),
            derived_from=made,
        )
    if len(parts) != 2 or only or empty:
        return
    yield from _permutation(name, pair, t, d, labels, made)


def _permutation(
    name: str,
    pair: str,
    t: npt.NDArray[np.float64],
    d: npt.NDArray[np.bool_],
    labels: list[str],
    made: tuple[str, ...],
) -> Iterator[Record]:
    """The log-rank test over all labelings, a sample of them, or, for neither, by its asymptotic P."""
    test, found = log_rank(t, d, labels), permutation_log_rank(t, d, labels)
    kind = found.choice.kind
    for slug, worked_out, error, said in (
        (
            "log_rank_exact",
            found.p_statistic,
            found.error_statistic,
            "chi-square of the log-rank test, variance worked out anew for each",
        ),
        (
            "log_rank_exact_scores",
            found.p_scores,
            found.error_scores,
            "sum of log-rank scores (R: coin)",
        ),
    ):
        p = test.p if kind == "asymptotic" else worked_out
        if test.chi2 is not None and kind == "asymptotic":
            method = f"chi-square with 1 degree of freedom; {found.choice.words()}"
        else:
            method = f"permutation, {found.choice.words()}: {said}"
        assumes = "" if kind == "asymptotic" else "assumes that censoring does not depend on the group"
        yield Record(
            f"{name}.{slug}",
            pair,
            value=test.chi2 if p is not None else None,
            method=method,
            n=len(t),
            events=int(d.sum()),
            p_value=p,
            test=f"log-rank, {found.choice.words()}",
            note=test.note
            or "; ".join(
                text
                for text in (
                    found.note if p is None else "",
                    f"standard error of P {error:.2g}" if error is not None else "",
                    found.choice.floor(worked_out),
                    assumes,
                )
                if text
            ),
            derived_from=made,
        )
