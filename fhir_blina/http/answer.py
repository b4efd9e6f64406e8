"""What a server answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir_blina.r4 import findings_of


@dataclass(frozen=True)
class Answer:
    """What a server answered.

    Attributes:
        status: HTTP status.
        headers: Response headers.
        content: The bytes received.
        json: The bytes read as FHIR JSON; None where they are not JSON.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    json: Any

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    def why(self) -> str:
        """Status and OperationOutcome in a line, quoted values cut out."""
        found = findings_of(self.json, "")
        said = "; ".join(finding.diagnostics for finding in found[:3])
        return f"HTTP {self.status}" + (f": {said[:500]}" if said else "")


def holds_json(answer: Answer) -> bool:
    """Whether there is JSON, or a word that there will be."""
    return answer.json is not None or answer.status == 202


def holds_anything(_: Answer) -> bool:
    """Whatever it is."""
    return True
