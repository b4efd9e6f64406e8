"""FHIRPath over plain rows and resources: a strict subset, compiled once."""
