"""What to measure: definitions, the facts that tables give, and times derived from them."""
