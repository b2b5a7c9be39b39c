"""`python -m services.reconcile` on real databases that contradict each other."""
