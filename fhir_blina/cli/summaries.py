"""What a step did, in one line; who is counted in what; the published numbers beside the recomputed ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fhir_blina.cli.terminal import Terminal, table_text

if TYPE_CHECKING:
    from fhir_blina.mapping.back import RoundTrip
    from fhir_blina.results import Results
    from fhir_blina.store import PushResult


def shown_summary(results: Results) -> str:
    """``12 numbers shown, 30 not``."""
    shown = sum(record.value is not None for record in results)
    return f"{shown} numbers shown, {len(results) - shown} not"


def push_summary(result: PushResult) -> str:
    """``292 created, 0 updated, 0 unchanged``, and what else there is to say."""
    words = [
        f"{sum(counts.values())} {word}"
        for word, counts in (
            ("created", result.created),
            ("updated", result.updated),
            ("unchanged", result.unchanged),
            ("removed", result.removed),
        )
        if counts or word != "removed"
    ]
    if result.rejected:
        words.append(f"{len(result.rejected)} refused")
    return ", ".join(words)


def cells_summary(account: RoundTrip) -> str:
    """``1234 cells mapped, 12 left out with a reason, 0 lost``."""
    return f"{account.mapped} cells mapped, {account.unmapped} left out with a reason, {account.lost} lost"


def headline(results: Results, *, everything: bool = False) -> list[Sequence[str]]:
    """Published beside recomputed, one row a claim: number, printed, recomputed, unit, agreement, how.

    Args:
        results: With claims.
        everything: Other readings, patients' data, rules and cited numbers as well, not results only.
    """
    from fhir_blina.results import shown

    rows: list[Sequence[str]] = []
    for claim in results.claims:
        if not everything and (claim.kind != "result" or claim.reading != "main"):
            continue
        value = claim.recomputed
        recomputed = "" if value is None else shown(value, claim.value_printed)
        unit = "" if claim.unit == "1" else claim.unit
        how = claim.method if claim.agreement == "agrees" else claim.why
        rows.append((claim.title, claim.value_printed, recomputed, unit, claim.agreement, how))
    return rows


def counted_summary(results: Results, *, everything: bool = False) -> tuple[list[Sequence[str]], str]:
    """Who is counted in what: a row where somebody is not (intervals apart), and how many count everybody.

    Args:
        results: With populations.
        everything: A row for those that count everybody, too.
    """
    rows: list[Sequence[str]] = []
    for one in results.populations:
        if everything or (one.out and one.kind != "interval"):
            why = "; ".join(f"{left.reason}: {left.n}" for left in one.out)
            rows.append((f"{one.kind} {one.name}", str(one.n), str(one.of), why))
    whole = Counter(one.kind for one in results.populations if not one.out)
    said = ", ".join(f"{count} {kind}{'s' * (count != 1)}" for kind, count in whole.items())
    return rows, f"everybody is counted in {said}" if said else ""


def derivation_warnings(results: Results) -> list[str]:
    """What the rows make a reader ask, in counts and words of the definitions."""
    return [
        f"warning: {one.title}. {one.printed}. {one.follows}"
        for one in results.findings
        if one.kind == "derivation" and one.severity == "warning"
    ]


def show_claims(results: Results, terminal: Terminal) -> None:
    """The published numbers beside the recomputed ones."""
    from fhir_blina.results import agreement_sentences

    if not results.claims or terminal.json:
        return
    rows = headline(results, everything=terminal.verbose)
    header = ("published", "printed", "recomputed", "unit", "agreement", "method, or why not")
    terminal.result(table_text(header, rows))
    terminal.result(f"\n{agreement_sentences(results.claims)}")


def show_counted(results: Results, terminal: Terminal) -> None:
    """Who is counted in what, why others are not, and what the rows make a reader ask; no patient's key."""
    if terminal.json or not results.populations:
        return
    rows, everyone = counted_summary(results, everything=terminal.verbose)
    if rows:
        terminal.result("\n" + table_text(("counted in", "n", "of", "not counted, and why"), rows))
    if everyone:
        terminal.result(f"\n{everyone}")
    for line in derivation_warnings(results):
        terminal.say(line)
