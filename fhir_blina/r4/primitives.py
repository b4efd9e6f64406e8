"""The values of FHIR R4 primitives: type in JSON, form, range, calendar, text.

``check_of("date", R4)("2020-13-40")`` says what is wrong with a value, ``None`` where nothing is.
Forms are the regular expressions of the R4 definitions, those that can take exponential time written as
equivalent ones that cannot. Beyond the forms: a date must be in the calendar, an integer fits 32 bits, text
holds no NUL, no lone surrogate and is 1 MiB at most.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from fhir_blina.r4.release import FhirRelease

MAX_TEXT = 2**20
XHTML = "http://www.w3.org/1999/xhtml"
_TEXT = re.compile(
    r"[^\s\x00-\x1f\ud800-\udfff](?:[^\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]*[^\s\x00-\x1f\ud800-\udfff])?"
)
_WORD = re.compile(r"[^\s\x00-\x1f\ud800-\udfff]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_ABSOLUTE = re.compile(r"#|[A-Za-z][A-Za-z0-9+.-]*:")
_BASE64 = re.compile(r"[0-9a-zA-Z+/]*={0,2}")

_YEAR = r"(?!0000)\d{4}"
_DAY = r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
_MOMENT = rf"{_CLOCK}(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))"
_FORMS: dict[str, tuple[re.Pattern[str], str]] = {
    name: (re.compile(form, re.ASCII), remedy)
    for name, form, remedy in (
        ("id", r"[A-Za-z0-9\-.]{1,64}", "An id is 1 to 64 of A-Z, a-z, 0-9, '-' and '.'"),
        ("oid", r"urn:oid:[0-2](\.(0|[1-9]\d*))+", "Write urn:oid:1.2.3"),
        (
            "uuid",
            r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            "Write urn:uuid: and a lower-case UUID",
        ),
        ("date", rf"{_YEAR}(-(0[1-9]|1[0-2])|-{_DAY})?", "Write YYYY, YYYY-MM or YYYY-MM-DD"),
        (
            "dateTime",
            rf"{_YEAR}(-(0[1-9]|1[0-2])|-{_DAY}(T{_MOMENT})?)?",
            "Write YYYY, YYYY-MM, YYYY-MM-DD, or YYYY-MM-DDThh:mm:ss with Z or an offset",
        ),
        ("instant", rf"{_YEAR}-{_DAY}T{_MOMENT}", "Write YYYY-MM-DDThh:mm:ss with Z or an offset"),
        ("time", _CLOCK, "Write hh:mm:ss"),
    )
}
_RANGES = {"integer": -(2**31), "unsignedInt": 0, "positiveInt": 1}
_TAGS = frozenset(
    """p br div h1 h2 h3 h4 h5 h6 a span b em i strong small big tt dfn code q blockquote abbr acronym cite
    var samp kbd sub sup ul ol li dl dt dd table caption thead tfoot tbody colgroup col tr th td img map area
    hr pre address bdo ins del center font u s strike""".split()  # noqa: SIM905
)


class Fault(NamedTuple):
    """What is wrong with a value; ``remedy`` is empty where nothing can be said."""

    diagnostics: str
    remedy: str = ""
    severity: str = "error"
    code: str = "value"


def _json_type(value: Any) -> str:
    names: dict[type, str] = {
        str: "string",
        bool: "boolean",
        dict: "object",
        list: "array",
        type(None): "null",
    }
    return names.get(type(value), "number")


def _wrong_type(value: Any, wanted: str) -> Fault:
    return Fault(f"a JSON {_json_type(value)} where a {wanted} belongs", code="structure")


def text_fault(value: str) -> Fault | None:
    """What no server should store in any string: NUL, lone surrogate, more than 1 MiB."""
    if len(value) > MAX_TEXT:
        return Fault("text longer than 1 MiB", code="too-long")
    if "\x00" in value:
        return Fault("text holds a NUL character", "Remove it: servers refuse it for ever")
    if _SURROGATE.search(value):
        return Fault("text holds a lone surrogate", "Remove it: it cannot be written as UTF-8")
    return None


def _string(value: Any) -> Fault | None:
    if type(value) is not str:
        return _wrong_type(value, "string")
    if _TEXT.fullmatch(value) and len(value) <= MAX_TEXT:
        return None
    if not value or value.isspace():
        return Fault("text is empty", "Leave the element out")
    if fault := text_fault(value):
        return fault
    if _CONTROL.search(value):
        return Fault("text holds a control character", "Remove it", "warning")
    return Fault("text starts or ends with whitespace", "Trim it", "warning")


def _word(value: Any) -> Fault | None:
    if type(value) is not str:
        return _wrong_type(value, "string")
    if _WORD.fullmatch(value):
        return _urn(value) if value.startswith("urn:") else None
    if fault := text_fault(value):
        return fault
    return Fault("an address holds whitespace, or is empty", "Write it without spaces")


def _urn(value: str) -> Fault | None:
    for name in ("oid", "uuid"):
        if value.startswith(f"urn:{name}:") and not _FORMS[name][0].fullmatch(value):
            return Fault(f"not a urn:{name}", _FORMS[name][1])
    return None


def _canonical(value: Any) -> Fault | None:
    fault = _word(value)
    if fault is None and not _ABSOLUTE.match(value):
        return Fault("a canonical URL is absolute, or a # fragment", "Write it in full")
    return fault


def _code(value: Any) -> Fault | None:
    if type(value) is not str:
        return _wrong_type(value, "string")
    if _WORD.fullmatch(value):
        return None
    if fault := text_fault(value):
        return fault
    if value and value == value.strip() and not re.search(r"\s\s", value):
        return None
    return Fault("a code is empty, or has whitespace at an end or twice inside", "Trim it")


def _boolean(value: Any) -> Fault | None:
    return None if type(value) is bool else _wrong_type(value, "boolean")


def _decimal(value: Any) -> Fault | None:
    if type(value) is int:
        return None
    if type(value) is Decimal:
        return None if value.is_finite() else Fault("not a finite number")
    if type(value) is float:
        return Fault("a float has lost the digits that were printed", "Read the number as Decimal", "warning")
    return _wrong_type(value, "number")


def _integer(name: str) -> Callable[[Any], Fault | None]:
    least = _RANGES[name]

    def check(value: Any) -> Fault | None:
        if type(value) is not int:
            return _wrong_type(value, "whole number")
        return None if least <= value < 2**31 else Fault(f"out of range of {name}")

    return check


def _base64(value: Any) -> Fault | None:
    if type(value) is not str:
        return _wrong_type(value, "string")
    packed = "".join(value.split())
    if packed and len(packed) % 4 == 0 and _BASE64.fullmatch(packed):
        return None
    return Fault("not base64")


def _in_calendar(value: str) -> bool:
    try:
        dt.date(int(value[:4]), int(value[5:7]), int(value[8:10]))
    except ValueError:
        return False
    return True


def _form(name: str) -> Callable[[Any], Fault | None]:
    pattern, remedy = _FORMS[name]
    dated = name in {"date", "dateTime", "instant"}

    def check(value: Any) -> Fault | None:
        if type(value) is not str:
            return _wrong_type(value, "string")
        if not pattern.fullmatch(value):
            return Fault(f"not a FHIR {name}", remedy)
        if dated and value[8:10] > "28" and not _in_calendar(value):
            return Fault("a day that is not in the calendar")
        return None

    return check


def _xhtml(value: Any) -> Fault | None:
    if type(value) is not str:
        return _wrong_type(value, "string")
    if (fault := text_fault(value)) and fault.code != "too-long":
        return fault
    if "<!" in value.replace("<!--", ""):
        return Fault("narrative holds a declaration", code="invariant")
    try:
        root = ET.fromstring(value)  # noqa: S314 - no declaration, so no entities to expand
    except ET.ParseError:
        return Fault("narrative is not well-formed XHTML", code="structure")
    if root.tag != f"{{{XHTML}}}div":
        return Fault(f'narrative is not a <div xmlns="{XHTML}">', code="structure")
    for node in root.iter():
        if not isinstance(node.tag, str) or node.tag.removeprefix(f"{{{XHTML}}}") not in _TAGS:
            return Fault("narrative holds an element that FHIR does not allow (txt-1)", code="invariant")
        if any(name.startswith("on") for name in node.attrib):
            return Fault("narrative holds a script (txt-1)", code="invariant")
    if not "".join(root.itertext()).strip() and root.find(f".//{{{XHTML}}}img") is None:
        return Fault("narrative is empty (txt-2)", code="invariant")
    return None


CHECKS: dict[str, Callable[[Any], Fault | None]] = {
    "base64Binary": _base64,
    "boolean": _boolean,
    "canonical": _canonical,
    "code": _code,
    "decimal": _decimal,
    "markdown": _string,
    "string": _string,
    "uri": _word,
    "url": _word,
    "xhtml": _xhtml,
    **{name: _form(name) for name in _FORMS},
    **{name: _integer(name) for name in _RANGES},
}


def check_of(name: str, release: FhirRelease) -> Callable[[Any], Fault | None]:
    """What judges the values of a primitive: plain JSON to what is wrong with it, ``None`` where nothing is.

    A primitive for which nothing is written here is judged by the regular expression of its release.
    """
    if name in CHECKS:
        return CHECKS[name]
    pattern = re.compile(release.primitives[name], re.ASCII)

    def check(value: Any) -> Fault | None:
        if type(value) not in {str, int}:
            return _wrong_type(value, "string or whole number")
        return None if pattern.fullmatch(str(value)) else Fault(f"not a FHIR {name}")

    return check
