"""What the services' parts of `python -m services.reconcile` share."""
