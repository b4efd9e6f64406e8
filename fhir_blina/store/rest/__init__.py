"""The REST store: a FHIR R4 server, pushed to, pulled from and verified."""
