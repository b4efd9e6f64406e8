"""Units: quantities converted by UCUM, exactly where it can be, and not at all where it cannot.

The library (ucumvert, on pint) is loaded with the first unit that differs from the one asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Context, Decimal
from functools import cache
from typing import Any

DIGITS = 15  # more than any measurement has, fewer than the rounding of a conversion spoils
_ANNOTATION = re.compile(r"(?<![\w\]%'*+-])\{[^{}]*\}")
_ANNOTATED = re.compile(r"\{[^{}]*\}")


def bare(unit: str) -> str:
    """A unit without annotations: ``{cells}/uL`` is ``1/uL``, ``%{Hb}`` is ``%``, ``{score}`` is ``1``."""
    return _ANNOTATED.sub("", _ANNOTATION.sub("1", unit.strip()))


@cache
def _registry() -> Any:
    import logging

    from ucumvert import PintUcumRegistry

    logging.getLogger("pint").setLevel(logging.ERROR)
    return PintUcumRegistry(non_int_type=Decimal)


@cache
def _parsed(unit: str) -> Any:
    try:
        return _registry().from_ucum(unit)
    except Exception:  # noqa: BLE001 - the parser raises its own, lark's and pint's
        return None


def known_unit(unit: str) -> bool:
    """Whether a unit is one of UCUM."""
    return bare(unit) == "1" or _parsed(bare(unit)) is not None


@cache
def converter(recorded: str, wanted: str) -> Callable[[Decimal], Decimal] | None:
    """What turns a number in one unit into the number in another; ``None`` where nothing does.

    Quantities of different kinds (g/L and mol/L, ug and ug/m2, U and [IU]) are not converted.
    """
    one, other = bare(recorded), bare(wanted)
    if one == other:
        return lambda number: number
    start, end = _parsed(one), _parsed(other)
    if start is None or end is None:
        return None
    registry = _registry()

    def by_library(number: Decimal) -> Decimal:
        return Decimal(str(registry.Quantity(number, start).to(end).magnitude))

    try:
        at = [by_library(Decimal(number)) for number in (0, 1, 1000)]
    except Exception:  # noqa: BLE001 - kinds that differ, or a scale without a zero
        return None
    factor, offset = at[1] - at[0], at[0]
    plain = Context(prec=DIGITS)
    if abs(offset + 1000 * factor - at[2]) <= abs(at[2]) * Decimal("1e-12"):
        return lambda number: _tidy(plain.plus(offset + number * factor))
    return lambda number: _tidy(plain.plus(by_library(number)))


def _tidy(number: Decimal) -> Decimal:
    """Without the zeros that a conversion adds after the point."""
    whole = number.to_integral_value()
    return whole.quantize(Decimal(1)) if number == whole and abs(whole) < 10**15 else number.normalize()
