"""Which resources fhir.resources judges: all, or of a large set the same share of each type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

SAMPLE = 10_000


def sampled(resources: Iterable[Any], sample: int | None = SAMPLE) -> frozenset[int]:
    """The positions of those that are judged.

    Up to ``sample`` resources that is each of them. Of more it is of each type the first and an even share
    of the others, ``sample`` in all and at most one more a type; the same resources give the same choice.

    Args:
        resources: The set.
        sample: How many; ``None`` for all.
    """
    kinds = [str(one.get("resourceType")) if isinstance(one, dict) else "" for one in resources]
    whole = len(kinds)
    if sample is None or whole <= sample:
        return frozenset(range(whole))
    seen: Counter[str] = Counter()
    chosen = set()
    for position, kind in enumerate(kinds):
        before = seen[kind]
        if before == 0 or before * sample // whole > (before - 1) * sample // whole:
            chosen.add(position)
        seen[kind] += 1
    return frozenset(chosen)


def sample_summary(resources: Iterable[Any]) -> str:
    """``fhir.resources judged 10003 of 50000``; empty where it judged all."""
    whole = list(resources)
    judged = len(sampled(whole))
    return "" if judged == len(whole) else f"fhir.resources judged {judged} of {len(whole)}"
