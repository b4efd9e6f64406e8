"""FHIRPath's operators over collections: equality, order, arithmetic, three-valued logic.

Each raises ``ValueError`` with a plain sentence where the operands do not fit.
"""

from __future__ import annotations

import decimal
import operator as arithmetic
from decimal import Decimal
from typing import Any

from fhir_blina.fhirpath.elements import bare, moment
from fhir_blina.fhirpath.limits import spend
from fhir_blina.files import MAX_DIGITS

_EXACT = decimal.Context(prec=200, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
_WHOLE = {"+": arithmetic.add, "-": arithmetic.sub, "*": arithmetic.mul}
_TOO_LARGE = 10**MAX_DIGITS
_QUOTIENT = decimal.Context(prec=28)


def only(items: list[Any], what: str) -> Any:
    """The single item, ``None`` of none.

    Raises:
        ValueError: several items.
    """
    if len(items) > 1:
        raise ValueError(
            f"{what} takes a single value but got {len(items)}; add first(), where() or an index"
        )
    return items[0] if items else None


def truth(items: list[Any], what: str) -> bool | None:
    """A collection as a truth value: ``None`` is unknown, one value that is no boolean is true."""
    value = bare(only(items, what))
    return value if value is None or isinstance(value, bool) else True


def _numbers(left: Any, right: Any) -> bool:
    return (
        isinstance(left, (int, Decimal))
        and isinstance(right, (int, Decimal))
        and not isinstance(left, bool)
        and not isinstance(right, bool)
    )


def same(left: Any, right: Any) -> bool | None:
    """Whether two items are equal; ``None`` where dates of unlike precision leave it open."""
    one, other = bare(left), bare(right)
    first, second = moment(left), moment(right)
    if first is not None or second is not None:
        first = first or moment(left, guess=True)
        second = second or moment(right, guess=True)
        if first is not None and second is not None:
            order = first.compare(second)
            return None if order is None else order == 0
        return False
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def equal(left: list[Any], right: list[Any]) -> bool | None:
    """``left = right``: unknown where either is empty, or has extensions only."""
    left, right = ([item for item in side if bare(item) is not None] for side in (left, right))
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    answers = [same(one, other) for one, other in zip(left, right, strict=True)]
    return False if False in answers else None if None in answers else True


def _alike(left: Any, right: Any) -> bool:
    one, other = bare(left), bare(right)
    if isinstance(one, str) and isinstance(other, str) and moment(left) is None and moment(right) is None:
        return " ".join(one.casefold().split()) == " ".join(other.casefold().split())
    if _numbers(one, other):
        places = [-int(Decimal(number).as_tuple().exponent) for number in (one, other)]
        step = Decimal(1).scaleb(-max(0, min(places)))
        return Decimal(one).quantize(step, context=_EXACT) == Decimal(other).quantize(step, context=_EXACT)
    return same(left, right) is True


def equivalent(left: list[Any], right: list[Any]) -> bool:
    """``left ~ right``: order, letter case and spacing do not count; two empties are alike."""
    if len(left) != len(right):
        return False
    rest = list(right)
    for item in left:
        spend()
        place = next((place for place, other in enumerate(rest) if _alike(item, other)), None)
        if place is None:
            return False
        del rest[place]
    return True


def unique(items: list[Any]) -> list[Any]:
    """The items without later repetitions."""
    found: list[Any] = []
    for item in items:
        spend()
        if not any(same(item, other) is True for other in found):
            found.append(item)
    return found


def contains(items: list[Any], wanted: list[Any], what: str) -> bool | None:
    """Whether one value is among the items; unknown where no value is asked for."""
    value = only(wanted, what)
    return None if bare(value) is None else any(same(item, value) is True for item in items)


def ordered(operator: str, left: list[Any], right: list[Any]) -> bool | None:
    """``<``, ``<=``, ``>``, ``>=`` of two numbers, strings, dates or times."""
    one, other = only(left, operator), only(right, operator)
    if one is None or other is None:
        return None
    first, second = moment(one, guess=True), moment(other, guess=True)
    if first is not None and second is not None:
        order = first.compare(second)
        if order is None:
            return None
    else:
        one, other = bare(one), bare(other)
        if one is None or other is None:
            return None
        if not _numbers(one, other) and not (isinstance(one, str) and isinstance(other, str)):
            raise ValueError(f"{operator} compares numbers, strings, dates or times of one kind")
        order = (one > other) - (one < other)
    return {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]


def calculate(operator: str, left: list[Any], right: list[Any]) -> Any:
    """``+ - * / div mod`` of two numbers, ``+`` and ``&`` of strings; ``None`` is empty.

    Sums and products are exact; a quotient has 28 significant digits.
    """
    one, other = bare(only(left, operator)), bare(only(right, operator))
    if operator == "&":
        if not all(part is None or isinstance(part, str) for part in (one, other)):
            raise ValueError("& joins strings; use toString()")
        return (one or "") + (other or "")
    if one is None or other is None:
        return None
    if operator == "+" and isinstance(one, str) and isinstance(other, str):
        return one + other
    if not _numbers(one, other):
        raise ValueError(f"{operator} takes two numbers" + (" or two strings" if operator == "+" else ""))
    if operator in {"/", "div", "mod"} and other == 0:
        return None
    if isinstance(one, int) and isinstance(other, int) and operator != "/":
        if operator in _WHOLE:
            found = _WHOLE[operator](one, other)
            if abs(found) >= _TOO_LARGE:
                raise ValueError(f"a number has more than {MAX_DIGITS} digits")
            return found
        quotient = abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)
        return quotient if operator == "div" else one - other * quotient
    a, b = Decimal(one), Decimal(other)
    if operator == "/":
        return _QUOTIENT.divide(a, b)
    if operator == "div":
        return int(_EXACT.divide_int(a, b))
    operation = {"+": _EXACT.add, "-": _EXACT.subtract, "*": _EXACT.multiply, "mod": _EXACT.remainder}
    return operation[operator](a, b)


def logic(operator: str, left: bool | None, right: bool | None) -> bool | None:
    """``and``, ``or``, ``xor``, ``implies`` with unknown as the third value."""
    if operator == "implies":
        operator, left = "or", None if left is None else not left
    if operator == "xor":
        return None if left is None or right is None else left != right
    decisive = operator == "or"
    if left is decisive or right is decisive:
        return decisive
    return None if left is None or right is None else not decisive
