"""FHIRPath's functions that make one value of another: conversions, absolute values, boundaries."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from fhir_blina.fhirpath.elements import Element, bare, moment
from fhir_blina.fhirpath.function import Function, registering
from fhir_blina.fhirpath.operators import only
from fhir_blina.files import as_text

BOUNDARY_DIGITS = 8

FUNCTIONS: dict[str, Function] = {}
_function = registering(FUNCTIONS)


@_function("toString")
def _to_string(items: list[Any]) -> list[Any]:
    value = bare(only(items, "toString()"))
    return [] if value is None or isinstance(value, dict) else [as_text(value)]


@_function("toInteger")
def _to_integer(items: list[Any]) -> list[Any]:
    value = bare(only(items, "toInteger()"))
    if isinstance(value, int):
        return [int(value)]
    return [int(value)] if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,40}", value) else []


@_function("toDecimal")
def _to_decimal(items: list[Any]) -> list[Any]:
    value = bare(only(items, "toDecimal()"))
    if isinstance(value, (int, Decimal)):
        return [Decimal(value)]
    matches = isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?", value)
    return [Decimal(value)] if matches else []


_TRUE = {"true", "t", "yes", "y", "1", "1.0"}
_FALSE = {"false", "f", "no", "n", "0", "0.0"}


@_function("toBoolean")
def _to_boolean(items: list[Any]) -> list[Any]:
    value = bare(only(items, "toBoolean()"))
    if isinstance(value, (bool, int, Decimal)):
        return [bool(value)] if value in {0, 1} else []
    word = value.lower() if isinstance(value, str) else ""
    return [word in _TRUE] if word in _TRUE | _FALSE else []


@_function("abs")
def _abs(items: list[Any]) -> list[Any]:
    value = bare(only(items, "abs()"))
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, Decimal))):
        raise ValueError("abs() takes a number")
    return [] if value is None else [value.copy_abs() if isinstance(value, Decimal) else abs(value)]


def _boundary(items: list[Any], *, high: bool) -> list[Any]:
    name = "highBoundary()" if high else "lowBoundary()"
    item = only(items, name)
    value = bare(item)
    if value is None:
        return []
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        number = Decimal(value)
        exponent = min(int(number.as_tuple().exponent), 0)
        edge = number + Decimal(5 if high else -5).scaleb(exponent - 1)
        places = max(BOUNDARY_DIGITS, 1 - exponent)
        return [edge.quantize(Decimal(1).scaleb(-places))]
    found = moment(item, guess=True)
    if found is None:
        if type(item) is Element and item.type in {"string", "code"}:
            return []
        raise ValueError(f"{name} takes a decimal, date, dateTime or time")
    return [found.boundary(high=high)]


@_function("lowBoundary")
def _low_boundary(items: list[Any]) -> list[Any]:
    return _boundary(items, high=False)


@_function("highBoundary")
def _high_boundary(items: list[Any]) -> list[Any]:
    return _boundary(items, high=True)
