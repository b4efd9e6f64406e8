"""Who is counted in what, and what the rows behind a number make a reader ask.

Patients are named in results only, never in a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fhir_blina.endpoints import Facts, Population, Remark
from fhir_blina.results import DataFinding, LeftOut, PopulationCount, ReasonCount

MOST_NAMED = 20


def populations(facts: Facts) -> Iterator[Population]:
    """Of every endpoint and group, every measure used, and every set that leaves patients unknown."""
    counted = facts.account.populations
    yield from (one for one in counted.values() if one.kind == "endpoint")
    yield from (facts.population(name) for name in facts.asked())
    for name in facts.endpoints.sets:
        unknown = facts.unknown(name) if facts.judged(name) else ()
        if len(unknown):
            out = dict.fromkeys(unknown, "no value, so neither in it nor outside it")
            everyone = len(facts.subjects)
            yield Population(kind="set", name=name, of=everyone, n=everyone - len(out), out=out)
    yield from (one for one in counted.values() if one.kind in ("group", "interval", "state", "response"))


def counts_of(found: Iterable[Population]) -> tuple[PopulationCount, ...]:
    """How many each counts, and how many are left out for which reason."""
    return tuple(
        PopulationCount(
            kind=one.kind,
            name=one.name,
            of=one.of,
            n=one.n,
            out=tuple(ReasonCount(reason=reason, n=count) for reason, count in one.reasons.items()),
        )
        for one in found
    )


def left_out_of(found: Iterable[Population], labels: Mapping[str, str]) -> tuple[LeftOut, ...]:
    """Who is left out of each; patients without any row for a measure are counted, not listed."""
    return tuple(
        LeftOut(
            kind=one.kind,
            name=one.name,
            patient_id=str(key),
            study_subject=labels.get(key),
            reason=reason,
            source=one.sources.get(key, ""),
        )
        for one in found
        for key, reason in one.out.items()
        if one.kind in ("endpoint", "response", "set") or one.sources.get(key)
    )


def remarked(remark: Remark, labels: Mapping[str, str]) -> DataFinding:
    """A remark as a finding, with the labels of the first patients."""
    named = [labels[key] for key in remark.patients if key in labels]
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return DataFinding(
        rule=remark.rule,
        kind="derivation",
        severity=remark.severity,
        subject=", ".join(named[:MOST_NAMED]) + more,
        title=remark.title,
        printed=f"{remark.about}: {remark.printed}",
        follows=remark.follows,
        evidence=(),
    )
