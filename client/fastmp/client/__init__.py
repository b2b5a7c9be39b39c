"""Calls FastMP's services from Python."""
