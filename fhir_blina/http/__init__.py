"""HTTP to one server: retries, bounds, and credentials that stay at home."""

from __future__ import annotations

from fhir_blina.http.auth import access
from fhir_blina.http.elsewhere import bare_client, path_of, resolved
from fhir_blina.http.origin import Origin, origin_of
from fhir_blina.http.pace import Pace
from fhir_blina.http.transport import Answer, Client, Transport

__all__ = [
    "Answer",
    "Client",
    "Origin",
    "Pace",
    "Transport",
    "access",
    "bare_client",
    "origin_of",
    "path_of",
    "resolved",
]
