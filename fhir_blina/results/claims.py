"""Claims: every number that the publication prints, beside the number recomputed for it.

``claims.csv`` says where each is printed and which record recomputes it. A claim may have further readings:
other methods that could have given the number, shown beside the main one.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from fhir_blina.errors import AnalysisError, Finding, did_you_mean, problem
from fhir_blina.files import read_csv
from fhir_blina.results.entries import ComparedClaim
from fhir_blina.results.numbers import exact
from fhir_blina.results.printed import (
    AGREES,
    DISAGREES,
    TRUNCATED,
    agreement,
    is_printed_number,
    one_number_each,
    shown,
)
from fhir_blina.results.records import Record, Results

NOT_COMPUTABLE = "not computable from printed data"

COLUMNS = (
    "claim",
    "title",
    "kind",
    "value_printed",
    "unit",
    "printed_in",
    "quote",
    "reading",
    "record",
    "group",
    "time_days",
    "ci_method",
    "field",
    "arithmetic",
    "why",
)
KINDS = ("result", "patient", "method", "cited")
READINGS = ("main", "other")
FIELDS = ("value", "ci_low", "ci_high", "p_value", "n", "events")
DAYS_PER_MONTH = Fraction(1461, 48)  # 365.25 / 12
_DAYS = {"wk": Fraction(7), "mo": DAYS_PER_MONTH, "a": Fraction(1461, 4)}


@dataclass(frozen=True)
class Claim:
    """One printed number and one way to recompute it.

    Attributes:
        claim: Key; the same for all readings of one printed number.
        title: What the number is, in words for a reader; empty: the key with spaces.
        kind: ``result``, ``patient`` (a datum of one patient), ``method`` (a rule of the study) or ``cited``.
        value_printed: The number as printed, ``78.30`` with its zero.
        unit: As printed, in UCUM or ``%``.
        printed_in: Section or table.
        quote: The printed words.
        reading: ``main``, or ``other`` for another method that could have been meant.
        record: Name of the record that recomputes it; empty where none does.
        group: The record's group.
        time_days: The record's time, empty for any.
        ci_method: The record's interval method, empty for any.
        field: The record's field: ``value``, ``ci_low``, ``ci_high``, ``p_value``, ``n`` or ``events``.
        arithmetic: Instead of a record, a calculation on printed numbers, for example ``27/70``.
        why: What a reader must know; the reason where nothing recomputes it.
        line: Line of the claims file.
    """

    claim: str
    title: str
    kind: str
    value_printed: str
    unit: str
    printed_in: str
    quote: str
    reading: str
    record: str
    group: str
    time_days: str
    ci_method: str
    field: str
    arithmetic: str
    why: str
    line: int = 0


def read_claims(path: Path) -> list[Claim]:
    """Read ``claims.csv``, from its path or from the cohort folder that holds it.

    Raises:
        AnalysisError: every fault of the file, with its line.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "claims.csv"
    findings: list[Finding] = []
    claims: list[Claim] = []
    seen: set[str] = set()
    lines = read_csv(path, COLUMNS, findings, comments=True)
    for line, row in ((line, one) for line, printed in lines for one in one_number_each(printed)):
        claim = Claim(**row, line=line)
        where = f"{path}:{line}"
        for column, known in (("kind", KINDS), ("reading", READINGS), ("field", FIELDS)):
            if row[column] not in known:
                findings.append(problem(where, f"unknown {column}", did_you_mean(row[column], known)))
        if claim.reading == "main":
            if claim.claim in seen:
                findings.append(
                    problem(where, f'claim "{claim.claim}" has two main readings', "Make one other")
                )
            seen.add(claim.claim)
        if claim.record and claim.arithmetic:
            findings.append(problem(where, "a record and arithmetic", "Keep one of the two"))
        computed = claim.record or claim.arithmetic
        if computed and not is_printed_number(claim.value_printed):
            remedy = "Digits, with a point: 78.30, <0.001, ~40; 310 (285-363) where field is value"
            findings.append(problem(where, "value_printed is not a number", remedy))
        if not computed and not claim.why:
            findings.append(problem(where, "nothing recomputes it and no reason is given", "Fill why"))
        if claim.time_days and not claim.time_days.isdigit():
            findings.append(problem(where, "time_days is not a whole number of days"))
        if claim.arithmetic:
            try:
                calculate(claim.arithmetic)
            except AnalysisError as error:
                findings.append(problem(where, str(error), "Numbers, + - * / and brackets"))
        claims.append(claim)
    for claim in claims:
        if claim.claim not in seen:
            findings.append(problem(f"{path}:{claim.line}", f'claim "{claim.claim}" has no main reading'))
    if findings:
        raise AnalysisError(findings)
    return claims


_OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def calculate(text: str) -> Fraction:
    """Exact value of numbers with ``+ - * /`` and brackets, nothing else.

    Raises:
        AnalysisError: anything else, or a division by zero.
    """

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return Fraction(ast.get_source_segment(text, node) or "")
        raise AnalysisError("not a calculation")

    try:
        return value(ast.parse(text, mode="eval").body)
    except (SyntaxError, ZeroDivisionError, ValueError, RecursionError, MemoryError):
        raise AnalysisError("not a calculation") from None


def _in_unit(value: Fraction, of: str, wanted: str) -> Fraction:
    if of == "1" and wanted == "%":
        return value * 100
    if of == "d" and wanted in _DAYS:
        return value / _DAYS[wanted]
    return value


def compare_claims(claims: Sequence[Claim], results: Results) -> list[ComparedClaim]:
    """Compare each claim with the record that recomputes it.

    Raises:
        AnalysisError: a claim points at a record that the results do not have, with its line.
    """
    missing = [
        problem(
            f"claims.csv:{claim.line}",
            f'no record "{claim.record}" for group "{claim.group}"',
            _candidates(claim, results),
        )
        for claim in claims
        if claim.record and not _records(claim, results)
    ]
    if missing:
        raise AnalysisError(missing)
    return [_compare(claim, results) for claim in claims]


def _candidates(claim: Claim, results: Results) -> str:
    """What a claim that points nowhere could have meant: a record of the name, or a group or time of it."""
    named = [record for record in results.records if record.name == claim.record]
    if not named:
        return did_you_mean(claim.record, {record.name for record in results.records})
    groups = {record.group or "all" for record in named}
    if (claim.group or "all") not in groups:
        return did_you_mean(claim.group, groups) or f"Groups: {', '.join(sorted(groups)[:12])}"
    days = sorted({record.time_days for record in named if record.time_days is not None})
    ways = sorted({record.ci_method for record in named if record.ci_method})
    return f"Days: {', '.join(map(str, days[:12]))}; ci_method: {', '.join(ways)}"


def _records(claim: Claim, results: Results) -> tuple[Record, ...]:
    time = int(claim.time_days) if claim.time_days else None
    return results.find(claim.record, claim.group or "all", time, claim.ci_method or None)


def _compare(claim: Claim, results: Results) -> ComparedClaim:
    if claim.arithmetic:
        value = calculate(claim.arithmetic)
        method = f"{claim.arithmetic}, arithmetic of printed numbers"
        return _judged(claim, value, method)
    if not claim.record:
        return _compared(claim, None, NOT_COMPUTABLE, claim.why, "")
    record = _records(claim, results)[0]
    number = getattr(record, claim.field)
    method = record.method
    if claim.field in ("ci_low", "ci_high"):
        method = f"{record.method}; interval {record.ci_method}"
    elif claim.field == "p_value":
        method = f"{record.test}"
    if number is None:
        reason = record.note or "not estimable"
        return _compared(claim, None, DISAGREES, _sentence(f"{method}: {reason}", claim.why), method)
    if claim.field in ("n", "events"):
        return _judged(claim, Fraction(number), f"count: {record.method}")
    unit = "1" if claim.field == "p_value" else record.unit
    return _judged(claim, _in_unit(Fraction(exact(number)), unit, claim.unit), method)


def _judged(claim: Claim, value: Fraction, method: str) -> ComparedClaim:
    verdict = agreement(claim.value_printed, value)
    decimal = exact(Decimal(value.numerator) / Decimal(value.denominator))
    if value.denominator > 1:
        decimal = Decimal(f"{decimal:.12g}")
    text = shown(decimal, claim.value_printed)
    if verdict == AGREES:
        why = method
    elif verdict == TRUNCATED:
        why = f"{text}, cut off where rounding half up is usual; {method}"
    else:
        why = f"{text} by {method}"
    return _compared(claim, decimal, verdict, _sentence(why, claim.why), method)


def _compared(claim: Claim, value: Decimal | None, verdict: str, why: str, method: str) -> ComparedClaim:
    return ComparedClaim(
        claim=claim.claim,
        title=claim.title or claim.claim.replace("_", " "),
        kind=claim.kind,
        value_printed=claim.value_printed,
        unit=claim.unit,
        printed_in=claim.printed_in,
        quote=claim.quote,
        reading=claim.reading,
        record=claim.record or None,
        group=claim.group or None,
        time_days=int(claim.time_days) if claim.time_days else None,
        ci_method=claim.ci_method or None,
        field=claim.field,
        arithmetic=claim.arithmetic or None,
        why=why,
        recomputed=value,
        agreement=verdict,
        method=method,
    )


def _sentence(*parts: str) -> str:
    return ". ".join(part.rstrip(".") for part in parts if part)
