"""Records of responses by named criteria: both denominators, best responses, who cannot be judged and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd

from fhir_blina.endpoints import Facts, Population, ResponseAsked
from fhir_blina.results import Record
from fhir_blina.statistics import PROPORTION_INTERVALS, proportion

MOST_SOURCES = 100
NO_CATEGORY = "a response that is none of the categories"


def describe_responses(facts: Facts) -> Iterator[Record]:
    """Rates, best responses and who cannot be judged, in all and in each label of the groups named."""
    for asked in facts.endpoints.sections.responses.values():
        everyone = facts.members(asked.among)
        reasons = not_evaluable(facts, asked)
        sources = {key: made for key, (_, made) in facts.measured(asked.best).items()}
        facts.account.count(
            Population(
                kind="response",
                name=asked.name,
                of=len(everyone),
                n=len(everyone) - len(reasons),
                out=reasons,
                sources={key: sources.get(key, "") for key in reasons},
            )
        )
        yield from _described(facts, asked, "all", everyone, reasons)
        for name in asked.by:
            labels = facts.group(name)
            for label in dict.fromkeys(facts.endpoints.groups[name].labels.values()):
                mine = everyone[everyone.isin(labels.index[labels == label])]
                yield from _described(facts, asked, _titled(facts, asked, name, label), mine, reasons)


def not_evaluable(facts: Facts, asked: ResponseAsked) -> dict[Any, str]:
    """Why each of those who were to be treated cannot be judged; who can be is absent."""
    evaluable = set(facts.members(asked.evaluable_set))
    known = facts.measured(asked.best)
    no_value = facts.population(asked.best).out
    stated = [
        (set(facts.members(name)), set(facts.unknown(name)), reason)
        for name, reason in asked.not_evaluable.items()
    ]
    found: dict[Any, str] = {}
    for key in facts.members(asked.among):
        if key in evaluable:
            continue
        said = [reason for members, _, reason in stated if key in members]
        said += [f"not known whether: {reason}" for _, unknown, reason in stated if key in unknown]
        said.append(NO_CATEGORY if key in known else f"no best response: {no_value.get(key, 'no row')}")
        found[key] = said[0]
    return found


def _titled(facts: Facts, asked: ResponseAsked, name: str, label: str) -> str:
    """A label, with its group before it where another of the groups has it too."""
    others = [
        used for used in asked.by if used != name and label in facts.endpoints.groups[used].labels.values()
    ]
    return f"{name} {label}" if others or label == "all" else label


def _described(
    facts: Facts, asked: ResponseAsked, group: str, everyone: pd.Index[Any], reasons: dict[Any, str]
) -> Iterator[Record]:
    found = facts.measured(asked.best)
    evaluable = [key for key in everyone if key not in reasons]
    words = {key: str(found[key][0]) for key in evaluable}
    made = tuple(dict.fromkeys(found[key][1] for key in evaluable))[:MOST_SOURCES]
    responders = sum(word in asked.responders for word in words.values())
    titles = " or ".join(asked.categories[word] for word in asked.responders)
    out = Counter(reasons[key] for key in everyone if key in reasons)
    why = "; ".join(f"{reason}: {count}" for reason, count in out.most_common())
    counted = f"{len(evaluable)} of {len(everyone)} evaluable"
    out_of_all = f"{counted}; the others count as without response" if out else counted
    for name, total, method, note in (
        ("response_rate", len(everyone), f"of all in {asked.among}", out_of_all),
        ("response_rate_evaluable", len(evaluable), "of the evaluable", counted),
    ):
        yield from _shares(
            f"{asked.name}.{name}",
            group,
            responders,
            total,
            f"{asked.criteria}: {titles}, {method}",
            "; ".join(text for text in (note, why) if text),
            made,
        )
    tally = Counter(words.values())
    for word, title in asked.categories.items():
        of = title if group == "all" else f"{group}: {title}"
        method = f"{asked.criteria}: best response, of the evaluable"
        yield from _shares(
            f"{asked.name}.best_response", of, tally[word], len(evaluable), method, counted, made
        )
    yield Record(
        f"{asked.name}.not_evaluable",
        group,
        value=sum(out.values()),
        method=f"{asked.criteria}: of all in {asked.among}, those who cannot be judged",
        n=len(everyone),
        events=sum(out.values()),
        note=why,
    )


def _shares(
    name: str, group: str, having: int, total: int, method: str, note: str, made: tuple[str, ...]
) -> Iterator[Record]:
    for interval in PROPORTION_INTERVALS:
        share = proportion(having, total, interval)
        yield Record(
            name,
            group,
            value=share.value,
            ci_low=share.low,
            ci_high=share.high,
            ci_method=interval,
            method=method,
            n=total,
            events=having,
            note="; ".join(text for text in (share.note, note) if text),
            derived_from=made,
        )
