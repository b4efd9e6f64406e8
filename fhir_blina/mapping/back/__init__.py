"""The way back: templates read backwards, and every cell compared."""
