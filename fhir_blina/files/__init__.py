"""Files read and written strictly: JSON, YAML, CSV, each whole or not at all."""
