"""What may leave the house: counts and survival with small cells hidden."""
