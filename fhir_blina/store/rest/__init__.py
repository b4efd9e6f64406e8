"""The REST store: a FHIR R4 server, pushed to, pulled from and verified."""

from __future__ import annotations

from fhir_blina.store.rest.doctor import examine
from fhir_blina.store.rest.leftover import journal_of
from fhir_blina.store.rest.patients import read_patients
from fhir_blina.store.rest.rest import RestStore

__all__ = ["RestStore", "examine", "journal_of", "read_patients"]
