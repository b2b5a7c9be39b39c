"""Measurements of growth with the size of the tables, on stacks with filled databases."""
