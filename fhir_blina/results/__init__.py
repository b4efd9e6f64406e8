"""Results: a record for each number, and the printed numbers beside them."""
