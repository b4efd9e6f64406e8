"""Every number that the definitions ask for, from tables alone."""
