"""Moving in: what import-fastmp of the three services makes of another FastMP's database, on real databases."""
