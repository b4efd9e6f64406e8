"""Records of subgroups: the hazard ratio in each, whether they differ, and how many tests that were.

A subgroup has no P-value of its own: what is tested is whether the ratio differs between subgroups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from fhir_blina.analysis.estimates import sources
from fhir_blina.analysis.ratios import arrays, ratio_of, ratio_record
from fhir_blina.endpoints import Endpoint, Facts
from fhir_blina.results import Record
from fhir_blina.statistics import Interaction, holm, interaction

ALPHA = 0.05


@dataclass(frozen=True)
class _Split:
    """A comparison within the labels of another group."""

    name: str
    by: str
    pair: str
    test: Interaction
    kept: pd.DataFrame
    of: int


def describe_subgroups(
    facts: Facts, endpoint: Endpoint, groups: Mapping[str, Mapping[str, pd.DataFrame]]
) -> Iterator[Record]:
    """Hazard ratios by subgroup, tests of interaction, and a word on their number.

    Args:
        facts: Who has which label.
        endpoint: Its definition.
        groups: For each group to compare, its rows by label.
    """
    splits: list[_Split] = []
    for name, parts in groups.items():
        for by in endpoint.subgroups if len(parts) == 2 else ():
            if by == name:
                continue
            yield from _ratios(facts, endpoint, name, parts, by)
            splits.append(_split(facts, name, parts, by))
    adjusted = iter(holm([one.test.p for one in splits if one.test.p is not None]))
    count = sum(one.test.p is not None for one in splits)
    for one in splits:
        yield _interaction(endpoint, one, None if one.test.p is None else next(adjusted), count)
    if splits:
        yield _multiplicity(endpoint, splits, count)


def _ratios(
    facts: Facts, endpoint: Endpoint, name: str, parts: Mapping[str, pd.DataFrame], by: str
) -> Iterator[Record]:
    labels = facts.group(by)
    for label in dict.fromkeys(facts.endpoints.groups[by].labels.values()):
        inside = {
            title: part[(part["patient_id"].map(labels) == label).to_numpy(dtype=bool)]
            for title, part in parts.items()
        }
        found, why = ratio_of(inside)
        title = f"{endpoint.name}.subgroup_{by}_hazard_ratio"
        yield ratio_record(title, inside, found, endpoint, (why, f"by {name}"), f" in {label}")


def _split(facts: Facts, name: str, parts: Mapping[str, pd.DataFrame], by: str) -> _Split:
    labels = facts.group(by)
    inside = {title: part[part["patient_id"].isin(labels.index)] for title, part in parts.items()}
    kept = pd.concat(list(inside.values()))
    test = interaction(*arrays(inside), kept["patient_id"].map(labels).tolist())
    first, second = parts
    return _Split(
        name=name,
        by=by,
        pair=f"{second} v {first}",
        test=test,
        kept=kept,
        of=sum(map(len, parts.values())),
    )


def _interaction(endpoint: Endpoint, split: _Split, adjusted: float | None, count: int) -> Record:
    test, size = split.test, len(split.kept)
    said = [test.note, f"by {split.name}"]
    if size < split.of:
        said.append(f"{size} of {split.of}: the others are in no subgroup")
    if test.p is not None and adjusted is not None and count > 1:
        bonferroni = min(1.0, count * test.p)
        said.append(
            f"of {count} tests of interaction: Holm's P {adjusted:.3g}, Bonferroni's {bonferroni:.3g}"
        )
    return Record(
        f"{endpoint.name}.subgroup_{split.by}_interaction",
        split.pair,
        value=test.chi2,
        method=f"chi-square: Cox with and without products of {split.name} and {split.by}, ties by Efron",
        n=size,
        events=int(split.kept["event_observed"].sum()),
        p_value=test.p,
        test=f"likelihood ratio, {test.df} degree{'s' * (test.df != 1)} of freedom",
        note="; ".join(text for text in said if text),
        derived_from=sources(split.kept),
    )


def _multiplicity(endpoint: Endpoint, splits: list[_Split], count: int) -> Record:
    """How many tests of interaction there are, and how many would be small by chance alone."""
    known = [one.test.p for one in splits if one.test.p is not None]
    small = sum(p <= ALPHA for p in known)
    left = sum(p <= ALPHA for p in holm(known))
    words = (
        f"{small} of {count} with P of {ALPHA:g} or less, {left} after Holm's rule; without any difference "
        f"the chance of one or more is about {1 - (1 - ALPHA) ** count:.2g}"
        if count
        else "none could be worked out"
    )
    return Record(
        f"{endpoint.name}.subgroup_tests",
        value=len(splits),
        method="tests of interaction asked for",
        note=words,
    )
