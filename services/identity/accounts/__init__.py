"""Accounts, and the activations applied to them."""
