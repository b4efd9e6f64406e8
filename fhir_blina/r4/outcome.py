"""OperationOutcome, as validators and servers send it, to findings."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from fhir_blina.errors import Finding, printable
from fhir_blina.r4.wording import known_words

_QUOTED = re.compile(r"(?<!\w)'([^']*)'|\"([^\"]*)\"")
_CANONICAL = re.compile(r"(https?|urn):[^\s#]+")
_OPEN = {"resourceType", "id", "reference", "system", "url", "profile"}
_CODE = re.compile(r"[a-z][a-z\-]{1,20}")
_SEVERITIES = ("fatal", "error", "warning", "information")


def without_values(text: str) -> str:
    """The message with what can be a patient's cut out: all in quotes but canonical addresses, unknown words.

    Validators quote the value that they refuse::

        >>> without_values("Unknown code 'http://loinc.org#30525-0'")
        "Unknown code 'http://loinc.org#…'"
        >>> without_values('Invalid date: "2020-13-40"')
        "Invalid date: '…'"
        >>> without_values("Value Roe of Jane Roe is too long")
        'Value … of … is too long'
    """

    def cut(match: re.Match[str]) -> str:
        quoted = match[1] if match[1] is not None else match[2]
        address = _CANONICAL.match(quoted)
        if address is None:
            return "'…'"
        return f"'{quoted}'" if address[0] == quoted else f"'{address[0]}#…'"

    parts, end = [], 0
    for found in _QUOTED.finditer(text):
        parts += [known_words(text[end : found.start()]), cut(found)]
        end = found.end()
    return "".join([*parts, known_words(text[end:])])


def without_content(text: str, resource: Any) -> str:
    """The message with every value of a resource cut out, quoted or not; its type, id and references stay.

    Servers repeat what they refuse::

        >>> without_content("Failed at Smith of P1", {"id": "P1", "name": [{"family": "Smith"}]})
        'Failed at … of P1'
    """
    values: set[str] = set()
    stack: list[tuple[str, Any]] = [("", resource)]
    while stack:
        name, node = stack.pop()
        if isinstance(node, dict):
            stack.extend(node.items())
        elif isinstance(node, list):
            stack.extend((name, one) for one in node)
        elif isinstance(node, (str, int, Decimal)) and not isinstance(node, bool) and name not in _OPEN:
            values.add(str(node))
    for value in sorted(values, key=len, reverse=True):
        if value.strip():
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "…", text)
    return text


def findings_of(outcome: Any, location: str, *, values: bool = False) -> list[Finding]:
    """The issues of an OperationOutcome as findings at ``location``.

    Args:
        outcome: What was received; anything but an OperationOutcome gives no findings.
        location: ``Type/id`` or ``file:line`` of the resource that was judged.
        values: Keep quoted values in the messages. They can be a patient's.
    """
    if not isinstance(outcome, dict) or outcome.get("resourceType") != "OperationOutcome":
        return []
    findings = []
    said = outcome.get("issue")
    for issue in said if isinstance(said, list) else []:
        if not isinstance(issue, dict):
            continue
        details = issue.get("details")
        details = details if isinstance(details, dict) else {}
        text = str(issue.get("diagnostics") or details.get("text") or "no explanation given")
        places = issue.get("expression") or issue.get("location")
        places = places if isinstance(places, list) and places else [""]
        severity, code, place = issue.get("severity"), issue.get("code"), str(places[0])
        findings.append(
            Finding(
                severity if severity in _SEVERITIES else "error",
                code if isinstance(code, str) and _CODE.fullmatch(code) else "invalid",
                printable(text if values else without_values(text)),
                expression=printable(place if values else without_values(place)),
                location=location,
            )
        )
    return findings
