"""Primitive values: the forms of R4's own regular expressions, and what they leave out."""

from __future__ import annotations

import re
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_blina.r4 import R4
from fhir_blina.r4.primitives import CHECKS, Fault, check_of

MOMENTS = [
    "2021", "2021-01", "2021-1", "2021-13", "2021-01-15", "2021-01-32", "0000", "0001", "9999-12-31", "21-01-15",
    "2021-01-15T10:00:00Z", "2021-01-15T10:00:00.123456789+14:00", "2021-01-15T10:00:00+14:01",
    "2021-01-15T24:00:00Z", "2021-01-15T10:00Z", "2021-01-15T10:00:60Z", "2021-01-15 10:00:00Z",
    "2021-01-15T10:00:00", "2021-01-15T", "2021-01-15\n", "２０２１", "", " 2021", "10:00:00", "10:00", "23:59:60.1",
]  # fmt: skip
OTHERS = [
    "a", "a-b.C9", "a_b", "x" * 64, "x" * 65, "a b", "é", "urn:oid:1.2.3", "urn:oid:1.02", "urn:oid:3.1",
    "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520",
]  # fmt: skip


def primitive_fault(name: str, value: Any) -> Fault | None:
    return check_of(name, R4)(value)


@pytest.mark.parametrize("name", ["id", "oid", "uuid", "date", "dateTime", "instant", "time"])
@pytest.mark.parametrize("value", MOMENTS + OTHERS)
def test_forms_are_those_of_r4(name: str, value: str) -> None:
    official = re.fullmatch(R4.primitives[name], value)
    assert (primitive_fault(name, value) is None) == (official is not None)


@given(st.from_regex(r"[0-9TZ:+.-]{0,30}", fullmatch=True))
def test_date_times_are_those_of_r4(value: str) -> None:
    for name in ("date", "dateTime", "instant", "time"):
        if re.fullmatch(R4.primitives[name], value) is None:
            assert primitive_fault(name, value) is not None


@given(st.dates())
def test_every_day_of_the_calendar_is_a_date(day: Any) -> None:
    assert primitive_fault("date", day.isoformat()) is None
    assert primitive_fault("instant", f"{day.isoformat()}T00:00:00Z") is None


def test_every_primitive_of_r4_has_a_judge() -> None:
    assert set(CHECKS) == set(R4.primitives)


@pytest.mark.parametrize(
    ("name", "value", "severity"),
    [
        ("date", "2021-02-29", "error"),
        ("date", "2020-02-29", None),
        ("date", "1900-02-29", "error"),
        ("string", "a", None),
        ("string", "两 字", None),
        ("string", "a\tb\r\nc", None),
        ("string", " a", "warning"),
        ("string", "a\n", "warning"),
        ("string", "a\x7f\x01", "warning"),
        ("string", "", "error"),
        ("string", " ", "error"),
        ("string", "a\x00", "error"),
        ("string", "\udfff", "error"),
        ("string", "😀", None),
        ("string", "a" * 2**20, None),
        ("string", "a" * (2**20 + 1), "error"),
        ("string", 3, "error"),
        ("code", "a b", None),
        ("code", "a  b", "error"),
        ("code", " a", "error"),
        ("code", "a\x00b", "error"),
        ("uri", "a b", "error"),
        ("uri", "urn:oid:1.2.x", "error"),
        ("uri", "../a", None),
        ("canonical", "http://a.example/x|1", None),
        ("canonical", "#x", None),
        ("canonical", "Library/x", "error"),
        ("boolean", True, None),
        ("boolean", "true", "error"),
        ("boolean", 1, "error"),
        ("integer", -(2**31), None),
        ("integer", -(2**31) - 1, "error"),
        ("integer", True, "error"),
        ("integer", Decimal(1), "error"),
        ("positiveInt", 0, "error"),
        ("unsignedInt", 0, None),
        ("decimal", 1, None),
        ("decimal", Decimal("14.00"), None),
        ("decimal", Decimal("Infinity"), "error"),
        ("decimal", 1.5, "warning"),
        ("decimal", True, "error"),
        ("decimal", "1", "error"),
        ("base64Binary", "YWJj", None),
        ("base64Binary", "YW Jj\n", None),
        ("base64Binary", "YWJ", "error"),
        ("base64Binary", "YWJ?", "error"),
        ("xhtml", '<div xmlns="http://www.w3.org/1999/xhtml"><p>a</p></div>', None),
        ("xhtml", "<div>a</div>", "error"),
        ("xhtml", '<div xmlns="http://www.w3.org/1999/xhtml"/>', "error"),
        ("xhtml", '<div xmlns="http://www.w3.org/1999/xhtml"><p>a</div>', "error"),
        ("xhtml", '<div xmlns="http://www.w3.org/1999/xhtml"><p onclick="x">a</p></div>', "error"),
        (
            "xhtml",
            '<!DOCTYPE a [<!ENTITY b "c">]><div xmlns="http://www.w3.org/1999/xhtml">&b;</div>',
            "error",
        ),
    ],
)
def test_values(name: str, value: Any, severity: str | None) -> None:
    fault = primitive_fault(name, value)
    assert (fault and fault.severity) == severity


@pytest.mark.parametrize("name", sorted(CHECKS))
@pytest.mark.parametrize(
    "value", [" " * 50_000 + "!", "a" * 50_000 + "!", "a " * 25_000 + "\n", "0." * 25_000]
)
def test_no_value_takes_long_to_judge(name: str, value: str) -> None:
    start = time.perf_counter()
    primitive_fault(name, value)
    assert time.perf_counter() - start < 0.5
