"""Identity's part of `python -m services.reconcile`: its accounts, and the codes that were applied to them."""
