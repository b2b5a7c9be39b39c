"""Bare servers: the least that a process must do for a call, so the most that the product could reach."""
