"""How many published results agree: one denominator, in the same words on the terminal and in the report.

The denominator is the results of the publication that its data let one recompute. Data of single patients,
rules of the study and figures of others are counted by themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from fhir_blina.results.comparing import NOT_COMPUTABLE
from fhir_blina.results.entries import ComparedClaim
from fhir_blina.results.printed import AGREES, DISAGREES, TRUNCATED

#: Kinds of claims that are no results of the publication, one and several, as they are counted.
OTHERS = {
    "patient": ("number of a single patient", "numbers of single patients"),
    "method": ("rule of the study", "rules of the study"),
    "cited": ("number cited from others", "numbers cited from others"),
}
_VERBS = {
    TRUNCATED: ("is cut off instead of rounded", "are cut off instead of rounded"),
    DISAGREES: ("disagrees", "disagree"),
}


def agreement_counts(claims: Iterable[ComparedClaim], kind: str = "result") -> Counter[str]:
    """How many claims of a kind have each agreement, each printed number once."""
    return Counter(row.agreement for row in claims if row.reading == "main" and row.kind == kind)


def agreement_sentences(claims: Iterable[ComparedClaim]) -> str:
    """How many published results agree of those that can be recomputed, and what is not among them.

    Args:
        claims: Of the results, each with its agreement.

    Returns:
        Up to three sentences; empty where nothing was compared.
    """
    rows = list(claims)
    found = agreement_counts(rows)
    said = []
    of = sum(found.values()) - found[NOT_COMPUTABLE]
    if of:
        words = [f"{found[AGREES]} of {of} published results that can be recomputed agree"]
        words += [f"{found[kind]} {forms[found[kind] != 1]}" for kind, forms in _VERBS.items() if found[kind]]
        said.append(f"{', '.join(words)}.")
    if found[NOT_COMPUTABLE]:
        said.append(f"{found[NOT_COMPUTABLE]} more cannot be computed from printed data.")
    counted = {kind: sum(agreement_counts(rows, kind).values()) for kind in OTHERS}
    others = [f"{count} {OTHERS[kind][count != 1]}" for kind, count in counted.items() if count]
    if others:
        said.append(f"Not counted among them: {', '.join(others)}.")
    return " ".join(said)
