"""SQL on FHIR views: from resources to tables."""
