"""Activation's part of `python -m services.reconcile`: its codes, and which account redeemed which."""
