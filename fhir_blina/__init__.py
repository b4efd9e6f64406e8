"""fhir_blina."""
