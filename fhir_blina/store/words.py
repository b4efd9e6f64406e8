"""A resource as a server may store it in words of its own, and digests by which two of them are compared.

FHIR lets a server write ``1.0E+2`` as ``100`` and narrative with other white space, and HAPI drops the
version from a reference. What is stored then means what was sent.
"""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

from fhir_blina.files import Resource, dumps
from fhir_blina.r4 import target_of
from fhir_blina.store.contract import as_stored

_MOST_DIGITS = 400


def digest_of(resource: Resource) -> bytes:
    """A digest of a resource as stored, but for the displays of its tags and security labels.

    HAPI keeps one display of a tag for all resources that carry it, the first that it saw.
    """
    return _digest(_without_displays(as_stored(resource)))


def meaning_of(resource: Resource) -> bytes:
    """A digest that is the same for every way to write the resource.

    Decimals count by their notation without an exponent, references without a version, narrative in canonical
    XML with white space folded.
    """
    return _digest(_plain(_without_displays(as_stored(resource))))


def value_of(resource: Resource) -> bytes:
    """The same with decimals by value alone: 14.0 is 14.00, for servers that drop what follows."""
    return _digest(_plain(_without_displays(as_stored(resource)), by_value=True))


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(dumps(value).encode(), digest_size=16).digest()


def _without_displays(resource: Resource) -> Resource:
    meta = {
        name: [{part: coding[part] for part in coding if part != "display"} for coding in value]
        if name in {"tag", "security"}
        else value
        for name, value in (resource.get("meta") or {}).items()
    }
    return resource | {"meta": meta}


def _plain(node: Any, *, by_value: bool = False) -> Any:
    if isinstance(node, dict):
        return {name: _worded(name, value, by_value=by_value) for name, value in node.items()}
    if isinstance(node, list):
        return [_plain(value, by_value=by_value) for value in node]
    if isinstance(node, Decimal):
        return _number(node, by_value=by_value)
    return str(node) if by_value and isinstance(node, int) and not isinstance(node, bool) else node


def _worded(name: str, value: Any, *, by_value: bool) -> Any:
    if isinstance(value, str):
        if name == "reference":
            return target_of(value)
        return _narrative(value) if name == "div" else value
    return _plain(value, by_value=by_value)


def _number(value: Decimal, *, by_value: bool) -> str | Decimal | int:
    if abs(value.adjusted()) > _MOST_DIGITS:
        return str(value.normalize())
    if by_value:
        text = f"{value:f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text) if value else "0"
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent > 0:
        return int(value)
    return Decimal(f"{value:f}")


def _narrative(div: str) -> str:
    """XHTML in canonical form; as it is where it is no XML by itself, or brings a document type."""
    if "<!" in div:
        return div
    try:
        canonical = ET.canonicalize(div, strip_text=True)
    except ET.ParseError:
        return div
    return re.sub(r"\s+", " ", canonical)
