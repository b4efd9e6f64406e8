"""The errors that fhir_blina raises, and the exit code of each.

::

    FhirBlinaError            1
    ├── CohortError           2   manifest, table, template, expression, code
    │   └── ExpressionError
    ├── ValidationError       3   a resource breaks FHIR's rules
    ├── StoreError            4
    │   ├── StoreUnavailable      the store does not answer
    │   ├── StoreRefused          the store answered no
    │   └── StoreIncomplete       what came back is not whole
    │       └── StoreInconsistent     nor will going on make it so
    ├── ViewError             5   a ViewDefinition, or a resource it cannot read
    └── AnalysisError         6   an endpoint or claim that cannot be worked out

Every error carries findings in the shape of ``OperationOutcome.issue``::

    try:
        fhir_blina.map_cohort(cohort)
    except fhir_blina.CohortError as error:
        for finding in error.findings:
            print(finding)
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_concealed: set[str] = set()
SHORT = 8


def conceal(*secrets: str) -> None:
    """Cut these out of every message from now on: what was sent as a credential."""
    _concealed.update(one for one in secrets if len(one) >= 3)


def printable(text: str, *, lines: bool = False) -> str:
    """Foreign text as it may be shown: control characters escaped as JSON does it, credentials cut out.

    Characters that write backwards, hide, or end a line are escaped too.

    Args:
        text: What is to be shown.
        lines: Whether line ends stay.
    """
    for secret in sorted(_concealed, key=len, reverse=True):
        word = re.escape(secret)
        word = rf"(?<!\w){word}(?!\w)" if len(secret) < SHORT else word
        text = re.sub(word, "…", text, flags=re.IGNORECASE)
    if text.isprintable():
        return text
    shown = (one.encode("utf-16-be", "surrogatepass").hex() if _hidden(one, lines) else "" for one in text)
    return "".join(
        "".join(f"\\u{code[place : place + 4]}" for place in range(0, len(code), 4)) if code else one
        for one, code in zip(text, shown, strict=True)
    )


def _hidden(one: str, lines: bool) -> bool:
    return unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and not (lines and one == "\n")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, where it is, and what to do about it.

    The first five fields are those of ``OperationOutcome.issue``.

    Attributes:
        severity: ``fatal``, ``error``, ``warning`` or ``information``.
        code: A code of FHIR's issue-type, for example ``invalid`` or ``not-found``.
        diagnostics: What is wrong. Never holds a patient's value.
        expression: FHIRPath of the element, empty where there is none.
        location: ``file:line`` or ``Type/id``, empty where there is none.
        remedy: What to do, empty where nothing can be said.
    """

    severity: str
    code: str
    diagnostics: str
    expression: str = ""
    location: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        """``location: severity: diagnostics (expression). remedy``."""
        where = f"{self.location}: " if self.location else ""
        path = f" ({self.expression})" if self.expression else ""
        remedy = f". {self.remedy}" if self.remedy else ""
        return printable(f"{where}{self.severity}: {self.diagnostics}{path}{remedy}")

    def as_issue(self) -> dict[str, object]:
        """The finding as a plain ``OperationOutcome.issue``."""
        issue: dict[str, object] = {
            "severity": self.severity,
            "code": self.code,
            "diagnostics": self.diagnostics + (f". {self.remedy}" if self.remedy else ""),
        }
        if self.expression:
            issue["expression"] = [self.expression]
        if self.location:
            issue["location"] = [self.location]
        return issue


def problem(location: str, diagnostics: str, remedy: str = "", *, code: str = "invalid") -> Finding:
    """A finding of severity ``error``."""
    return Finding("error", code, diagnostics, location=location, remedy=remedy)


def faults(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that stop what is being done: errors, not warnings."""
    return [finding for finding in findings if finding.severity in {"error", "fatal"}]


ALIKE = 3  # findings alike that are still told one by one


def gathered(findings: Iterable[Finding]) -> list[str]:
    """The findings as lines; many alike, but for where they are, as one with a count and the first places."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for one in findings:
        alike = (one.severity, one.code, one.diagnostics, one.expression, one.remedy)
        groups.setdefault(alike, []).append(one)
    lines = []
    for found in groups.values():
        if len(found) <= ALIKE:
            lines += [str(one) for one in found]
            continue
        places = list(dict.fromkeys(printable(one.location) for one in found if one.location))
        also = (
            f" ({len(found)} times; also {', '.join(places[1:ALIKE])} …)"
            if places
            else f" ({len(found)} times)"
        )
        lines.append(f"{found[0]}{also}")
    return lines


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``Did you mean "x"?``, or the known words, or nothing."""
    words = sorted(known)
    close = difflib.get_close_matches(word, words, n=1)
    if close:
        return f'Did you mean "{close[0]}"?'
    return f"Known: {', '.join(words)}" if 0 < len(words) <= 12 else ""


class FhirBlinaError(Exception):
    """Root of every error raised on purpose.

    Args:
        message: What went wrong, or a sequence of findings whose text becomes the message.
    """

    exit_code = 1

    def __init__(self, message: str | Sequence[Finding]) -> None:
        if isinstance(message, str):
            self.findings: tuple[Finding, ...] = (Finding("error", "processing", message),)
            super().__init__(printable(message))
        else:
            self.findings = tuple(message)
            super().__init__("\n".join(gathered(self.findings)))


class CohortError(FhirBlinaError):
    """The cohort folder: manifest, dictionary, table, template, code map."""

    exit_code = 2


class ExpressionError(CohortError):
    """A malformed expression or an unknown function in it."""


class ValidationError(FhirBlinaError):
    """A resource breaks the rules of FHIR R4."""

    exit_code = 3


class StoreError(FhirBlinaError):
    """The folder or server that holds the resources."""

    exit_code = 4


class StoreUnavailable(StoreError):  # noqa: N818 - the words of an HTTP status, not of Python
    """The store does not answer, or answers that it cannot now."""


class StoreRefused(StoreError):  # noqa: N818
    """The store answered and said no."""


class StoreHoldsMore(StoreRefused):
    """A pull of a part of a folder into the folder itself, which holds more."""


class StoreIncomplete(StoreError):  # noqa: N818
    """What the store returned is not whole."""


class StoreInconsistent(StoreIncomplete):
    """What the store returned contradicts itself, or the store's own counts; start anew."""


class ViewError(FhirBlinaError):
    """A ViewDefinition that cannot be run, or a resource that a view cannot read."""

    exit_code = 5


class AnalysisError(FhirBlinaError):
    """An endpoint, claim or statistic that cannot be worked out from the tables."""

    exit_code = 6
