"""Activation codes: generated, listed, exported, changed and deleted."""
