"""Kinds of rule on printed numbers: claims, sums of intervals, summaries of groups."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from fhir_blina.analysis.descriptive import whole
from fhir_blina.analysis.quality.rules import Context, Hit, Rule
from fhir_blina.analysis.singles import sums
from fhir_blina.endpoints import source
from fhir_blina.results import (
    AGREES,
    DAYS_PER_MONTH,
    DISAGREES,
    TRUNCATED,
    ComparedClaim,
    exact,
    printed_number,
)


def _claim(claim: ComparedClaim) -> tuple[str, ...]:
    return (f"claim:{claim.claim}", *((f"record:{claim.record}",) if claim.record else ()))


def claim_differs(context: Context, rule: Rule) -> Iterator[Hit]:
    """Main claims whose number was recomputed as another; ``agreement`` says which sort."""
    wanted = {"disagrees": DISAGREES, "truncated": TRUNCATED}[rule.settings["agreement"]]
    for claim in context.results.claims:
        if claim.reading == "main" and claim.agreement == wanted:
            words = {
                "claim": claim.title,
                "printed": claim.value_printed,
                "where": claim.printed_in,
                "recomputed": "" if claim.recomputed is None else f"{claim.recomputed.normalize():f}",
                "why": claim.why,
            }
            yield Hit("", words, _claim(claim))


def significance_depends(context: Context, rule: Rule) -> Iterator[Hit]:
    """Printed P-values at or below ``alpha`` that another reading of the same claim puts above it."""
    alpha = Decimal(str(rule.settings["alpha"]))
    others: dict[str, list[ComparedClaim]] = {}
    for claim in context.results.claims:
        if claim.reading == "other" and claim.field == "p_value":
            others.setdefault(claim.claim, []).append(claim)
    for claim in context.results.claims:
        if claim.reading != "main" or claim.field != "p_value" or claim.agreement != AGREES:
            continue
        if printed_number(claim.value_printed) > alpha:
            continue
        for other in others.get(claim.claim, ()):
            if other.recomputed is not None and other.recomputed > alpha:
                words = {
                    "claim": claim.title,
                    "printed": claim.value_printed,
                    "where": claim.printed_in,
                    "method": claim.method,
                    "other": f"{other.recomputed.normalize():f}",
                    "other_method": other.method,
                }
                yield Hit("", words, (*_claim(claim), f"record:{other.record}"))


def months_incomplete(context: Context, rule: Rule) -> Iterator[Hit]:
    """Claims in months, recomputed in days, of which so many months are not complete."""
    del rule
    for claim in context.results.claims:
        if claim.reading != "main" or claim.unit != "mo" or claim.recomputed is None:
            continue
        complete = Fraction(claim.recomputed) // 1
        if complete < Fraction(printed_number(claim.value_printed)):
            days = round(Fraction(claim.recomputed) * DAYS_PER_MONTH)
            words = {"printed": claim.value_printed, "days": days, "complete": complete}
            yield Hit(claim.group or "", words, _claim(claim))


def sum_differs(context: Context, rule: Rule) -> Iterator[Hit]:
    """Recorded intervals of a patient that do not add up to the recorded total (section ``sums``)."""
    del rule
    for name, asked in context.facts.endpoints.sections.sums.items():
        for found in sums(context.facts, asked):
            if found.added != found.recorded:
                words = {
                    "parts": " + ".join(asked.parts),
                    "sum": found.added,
                    "recorded": found.recorded,
                    "total": asked.total,
                }
                yield Hit(found.subject, words, (*found.sources, f"record:{name}.sum"))


def summary_incoherent(context: Context, rule: Rule) -> Iterator[Hit]:
    """Summaries of a group (median, minimum, maximum) that its number of values cannot have.

    The group's members less those recorded as ``not_measured`` give the number of values: with two, the
    median is the middle of the range; in any case it lies within the range.
    """
    facts = context.facts
    needed = ("observation_id", "group_id", "code", "component_code", "value_quantity")
    components = facts.table("components", *needed)
    of_group = facts.table("group_members", "group_id", "group_name", "member_id")
    absent = {code: set(facts.members(name)) for code, name in rule.settings["not_measured"].items()}
    components = components[components["group_id"].notna() & components["value_quantity"].notna()]
    for _, mine in components.groupby("observation_id", sort=True):
        found = dict(zip(mine["component_code"], map(exact, mine["value_quantity"]), strict=True))
        if not {"median", "minimum", "maximum"} <= found.keys():
            continue
        row = mine.to_dict(orient="records")[0]
        low, middle, high = found["minimum"], found["median"], found["maximum"]
        group = of_group[of_group["group_id"] == row["group_id"]]
        values = int((~group["member_id"].isin(absent.get(row["code"], set()))).sum())
        expected = (low + high) / 2
        wrong = not low <= middle <= high
        wrong |= (values == 2 and middle != expected) or (values == 1 and low != high)
        if wrong:
            words = {
                "code": row["code"],
                "median": middle,
                "minimum": low,
                "maximum": high,
                "values": values,
                "expected": whole(expected),
            }
            label = str(group["group_name"].iloc[0]) if len(group) else str(row["group_id"])
            yield Hit(label, words, (source("components", row), f"Group/{row['group_id']}"))
