"""HTTP to one server: retries, bounds, and credentials that stay at home."""
