"""Claims compared: every number that the publication prints, beside the number recomputed for it.

A hazard ratio is recomputed by the method that the publication used, where the claim names it; where ours is
another number, that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

from fhir_blina.errors import AnalysisError, did_you_mean, problem
from fhir_blina.results.claims import RATIO, Claim, calculate
from fhir_blina.results.entries import ComparedClaim
from fhir_blina.results.numbers import exact
from fhir_blina.results.printed import AGREES, DISAGREES, TRUNCATED, agreement, shown
from fhir_blina.results.records import Record, Results

NOT_COMPUTABLE = "not computable from printed data"
DAYS_PER_MONTH = Fraction(1461, 48)  # 365.25 / 12
_DAYS = {"wk": Fraction(7), "mo": DAYS_PER_MONTH, "a": Fraction(1461, 4)}
_SAME = {"cox": "efron"}  # words of papers for a method that has another name here


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
            f'no record "{_wanted(claim)}" for group "{claim.group}"',
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
    wanted = _wanted(claim)
    named = [record for record in results.records if record.name == wanted]
    if not named:
        return did_you_mean(wanted, {record.name for record in results.records})
    groups = {record.group or "all" for record in named}
    if (claim.group or "all") not in groups:
        return did_you_mean(claim.group, groups) or f"Groups: {', '.join(sorted(groups)[:12])}"
    days = sorted({record.time_days for record in named if record.time_days is not None})
    ways = sorted({record.ci_method for record in named if record.ci_method})
    return f"Days: {', '.join(map(str, days[:12]))}; ci_method: {', '.join(ways)}"


def _wanted(claim: Claim) -> str:
    """The record's name, of a hazard ratio by the method that the claim names."""
    if not claim.method:
        return claim.record
    return f"{claim.record.removesuffix(RATIO)}.{_SAME.get(claim.method, claim.method)}_{RATIO[1:]}"


def _records(claim: Claim, results: Results, name: str = "") -> tuple[Record, ...]:
    time = int(claim.time_days) if claim.time_days else None
    return results.find(name or _wanted(claim), claim.group or "all", time, claim.ci_method or None)


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
    said = "; ".join(_by_other_methods(claim, results)) if claim.record.endswith(RATIO) else ""
    return _judged(claim, _in_unit(Fraction(exact(number)), unit, claim.unit), method, said)


def _by_other_methods(claim: Claim, results: Results) -> Iterator[str]:
    """What our own method makes of a ratio recomputed by another; or by which methods one would agree."""
    if not claim.method:
        endpoint = claim.record.removesuffix(RATIO)
        if _verdict(claim, _records(claim, results)) != AGREES:
            for record in results.records:
                if record.name.startswith(f"{endpoint}.") and record.name.endswith(f"_{RATIO[1:]}"):
                    same = record.group == claim.group and record.name != claim.record
                    if same and "cox_" not in record.name and _verdict(claim, (record,)) == AGREES:
                        yield f"it agrees by another method: {record.method}"
        return
    ours = _records(claim, results, claim.record)
    if _verdict(claim, _records(claim, results)) != AGREES or not ours or _verdict(claim, ours) == AGREES:
        return
    number = getattr(ours[0], claim.field)
    value = "not estimable" if number is None else shown(exact(number), claim.value_printed)
    yield f"agrees by the publication's method; ours differs: {value} by {ours[0].method}"


def _verdict(claim: Claim, records: Sequence[Record]) -> str:
    number = getattr(records[0], claim.field)
    return DISAGREES if number is None else agreement(claim.value_printed, Fraction(exact(number)))


def _judged(claim: Claim, value: Fraction, method: str, said: str = "") -> ComparedClaim:
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
    return _compared(claim, decimal, verdict, _sentence(why, said, claim.why), method)


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
