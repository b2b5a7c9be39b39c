"""A login's events as streams."""
