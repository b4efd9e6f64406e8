"""Whether a code can be one of its system: the check digits of LOINC and SNOMED CT, the grammar of UCUM."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"

_LOINC_NUMBER = re.compile(r"(\d{1,7})-(\d)", re.ASCII)
_LOINC_PART = re.compile(r"L[A-Z]\d{1,7}-\d", re.ASCII)  # answers, lists and parts
_SNOMED_ID = re.compile(r"[1-9]\d{5,17}", re.ASCII)
# Verhoeff's multiplication in the dihedral group of order 10, and his permutation of places.
_PRODUCT = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PLACES = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
#: Units that most tables have; the parser (and pint beside it) is loaded with the first that is not here.
EVERYDAY_UNITS = frozenset((
    "%", "1", "10*3/uL", "10*6/L", "10*6/uL", "10*9/L", "10*12/L", "/uL", "/min", "a", "mo", "wk", "d",
    "h", "min", "s", "kg", "g", "mg", "ug", "ng", "cm", "m", "m2", "L", "mL", "mm[Hg]", "Cel", "g/dL",
    "g/L", "mg/dL", "mg/L", "mg/d", "mg/kg", "mg/m2", "ug/d", "ug/m2", "ug/m2/d", "ug/L", "ng/mL",
    "pg/mL", "mmol/L", "umol/L", "U/L", "kg/m2",
))  # fmt: skip


def fault_of_code(system: str, code: str) -> str:
    """What is wrong with the form of a code, empty where nothing is or the system is another."""
    known = _FORMS.get(system)
    return known(code) if known is not None else ""


def fault_of_unit(unit: str) -> str:
    """What is wrong with a unit as UCUM has it, empty where nothing is."""
    return "" if _is_unit(unit) else f'"{unit}" is no unit of UCUM'


def _loinc(code: str) -> str:
    match = _LOINC_NUMBER.fullmatch(code)
    if match is None:
        return "" if _LOINC_PART.fullmatch(code) else f'"{code}" has not the form of a LOINC code'
    total = 0
    for place, digit in enumerate(reversed(match[1])):
        number = int(digit) * (2 if place % 2 == 0 else 1)
        total += number // 10 + number % 10
    return "" if (10 - total % 10) % 10 == int(match[2]) else f'"{code}": the check digit of LOINC is wrong'


def _snomed(code: str) -> str:
    if "|" in code or ":" in code:  # an expression
        return ""
    if not _SNOMED_ID.fullmatch(code):
        return f'"{code}" has not the form of a SNOMED CT identifier'
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = int(_PRODUCT[check][int(_PLACES[place % 8][int(digit)])])
    return f'"{code}": the check digit of SNOMED CT is wrong' if check else ""


@cache
def _parser() -> Any:
    from ucumvert import get_ucum_parser

    return get_ucum_parser()


@cache
def _is_unit(unit: str) -> bool:
    if unit in EVERYDAY_UNITS:
        return True
    from lark.exceptions import LarkError

    try:
        _parser().parse(unit)
    except LarkError:
        return False
    return True


_FORMS: dict[str, Callable[[str], str]] = {LOINC: _loinc, SNOMED: _snomed, UCUM: fault_of_unit}
