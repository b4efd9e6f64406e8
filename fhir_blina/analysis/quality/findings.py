"""Findings: contradictions and implausible data, found by rules that are themselves data.

Shared rules stand in ``mappings/rules/findings.yaml``; a cohort adds its own, and notes curated from its
publication's prose, in ``findings.yaml`` beside ``endpoints.yaml``. A rule names a kind, which is a function
here, and its settings. Nothing is corrected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fhir_blina.analysis.quality import contradictions, dosing, plausibility
from fhir_blina.analysis.quality.rules import Context, Hit, Rule, RuleBook, read_rules
from fhir_blina.endpoints import Endpoints, Facts, TableMissing, Tables
from fhir_blina.errors import AnalysisError, did_you_mean
from fhir_blina.results import DataFinding, Results

Kind = Callable[[Context, Rule], Iterator[Hit]]

KINDS: dict[str, tuple[Kind, frozenset[str]]] = {
    "claim-differs": (contradictions.claim_differs, frozenset({"agreement"})),
    "significance-depends": (contradictions.significance_depends, frozenset({"alpha"})),
    "months-incomplete": (contradictions.months_incomplete, frozenset()),
    "sum-differs": (contradictions.sum_differs, frozenset()),
    "summary-incoherent": (contradictions.summary_incoherent, frozenset({"not_measured"})),
    "outside": (plausibility.outside, frozenset({"rows", "column", "allowed"})),
    "rows": (plausibility.rows, frozenset({"rows"})),
    "lacks-text": (plausibility.lacks_text, frozenset({"rows", "column", "pattern"})),
    "members": (plausibility.members, frozenset({"set"})),
    "out-of-order": (plausibility.out_of_order, frozenset({"lower", "upper"})),
    "reversal": (plausibility.reversal, frozenset({"rows", "negative", "positive"})),
    "same-values": (plausibility.same_values, frozenset({"measures"})),
    "count-above": (plausibility.count_above, frozenset({"rows", "most"})),
    "confounded": (plausibility.confounded, frozenset({"sets"})),
    "rate-not-in-protocol": (dosing.rate_not_in_protocol, frozenset()),
    "rate-high-for-size": (dosing.rate_high_for_size, frozenset({"times"})),
    "step-not-as-protocol": (dosing.step_not_as_protocol, frozenset()),
    "implied-height": (dosing.implied_height, frozenset({"age", "flat_from_kg", "shortest", "tallest"})),
}
SEVERITIES = ("error", "warning", "information")


def rule_book(folder: Path | None = None) -> RuleBook:
    """The shared rules, and those of a cohort's folder where it has ``findings.yaml``.

    Raises:
        AnalysisError: a file at fault, with its lines.
    """
    from fhir_blina.files import mappings_folder

    needs = {name: needed for name, (_, needed) in KINDS.items()}
    book = read_rules(mappings_folder() / "rules" / "findings.yaml", needs)
    own = folder / "findings.yaml" if folder else None
    return book + read_rules(own, needs) if own is not None and own.is_file() else book


def find(tables: Tables, endpoints: Endpoints, results: Results, book: RuleBook) -> list[DataFinding]:
    """Run every rule of a book and add its notes.

    Args:
        tables: View tables by name.
        endpoints: The cohort's definitions.
        results: Its results, with claims compared where it has any.
        book: Rules and notes.

    Returns:
        Findings by severity, then in the order of the book; the notes last within each severity. Rules on
        tables that were not given are left out.

    Raises:
        AnalysisError: a rule names what nothing defines, or its text an unknown word.
    """
    context = Context(Facts(tables, book.within(endpoints)), results)
    found: list[DataFinding] = []
    for rule in book.rules:
        try:
            found += _apply(context, rule)
        except TableMissing:
            continue
    return sorted([*found, *book.notes], key=lambda finding: SEVERITIES.index(finding.severity))


def _apply(context: Context, rule: Rule) -> Iterator[DataFinding]:
    _check_names(context, rule)
    function, _ = KINDS[rule.kind]
    for hit in function(context, rule):
        words = {**hit.words, "subject": hit.subject}
        try:
            texts = [text.format_map(words) for text in (rule.title, rule.printed, rule.follows)]
        except (KeyError, ValueError, IndexError) as error:
            raise AnalysisError(
                f'{rule.where}: rule "{rule.name}": its text names {error}. Known: {", ".join(sorted(words))}'
            ) from None
        title, printed, follows = texts
        yield DataFinding(
            rule=rule.name,
            kind=rule.kind,
            severity=rule.severity,
            grade=rule.grade,
            subject=hit.subject,
            title=title,
            printed=printed,
            follows=follows,
            evidence=hit.evidence,
        )


def _check_names(context: Context, rule: Rule) -> None:
    definitions = context.facts.endpoints
    for setting, known in (
        ("set", definitions.sets),
        ("among", definitions.sets),
        ("sets", definitions.sets),
        ("lower", definitions.measures),
        ("upper", definitions.measures),
        ("age", definitions.measures),
        ("measures", definitions.measures),
        ("before", definitions.times),
    ):
        names = rule.settings.get(setting, ())
        for name in [names] if isinstance(names, str) else names:
            if name not in known and name != "all":
                raise AnalysisError(
                    f'{rule.where}: rule "{rule.name}": nothing defines "{name}". {did_you_mean(name, known)}'
                )
