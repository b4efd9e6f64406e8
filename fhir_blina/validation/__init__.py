"""Resources against FHIR R4, before anything is stored."""
