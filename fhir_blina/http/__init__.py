"""HTTP to one server: retries, bounds, and credentials that stay at home."""

from __future__ import annotations

from fhir_blina.http.answer import Answer
from fhir_blina.http.auth import access
from fhir_blina.http.elsewhere import bare_client, path_of, resolved
from fhir_blina.http.limits import pause_of_limit
from fhir_blina.http.origin import Origin, origin_of
from fhir_blina.http.pace import Pace
from fhir_blina.http.retry import Retry, Verdict, busy, retry_after
from fhir_blina.http.transport import Client, Transport

__all__ = [
    "Answer",
    "Client",
    "Origin",
    "Pace",
    "Retry",
    "Transport",
    "Verdict",
    "access",
    "bare_client",
    "busy",
    "origin_of",
    "path_of",
    "pause_of_limit",
    "resolved",
    "retry_after",
]
