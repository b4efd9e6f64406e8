"""Claims: every number that the publication prints, and which record recomputes it, as ``claims.csv`` says.

A claim may have further readings: other methods that could have given the number, shown beside the main one.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from fhir_blina.errors import AnalysisError, Finding, did_you_mean, problem
from fhir_blina.files import read_csv
from fhir_blina.results.printed import (
    is_printed_number,
    one_number_each,
)

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
METHOD = "method"
RATIO = ".hazard_ratio"
KINDS = ("result", "patient", "method", "cited")
READINGS = ("main", "other")
FIELDS = ("value", "ci_low", "ci_high", "p_value", "n", "events")


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
        method: How the publication worked out a hazard ratio; empty for our own way.
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
    method: str = ""
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
    lines = read_csv(path, COLUMNS, findings, comments=True, optional=(METHOD,))
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
        if claim.method and not claim.record.endswith(RATIO):
            remedy = f"Name the record <endpoint>{RATIO}, or leave the method out"
            findings.append(problem(where, "a method, and the record is no hazard ratio", remedy))
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
