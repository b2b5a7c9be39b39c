"""Notifications' part of `python -m services.reconcile`: how far it has followed Identity's feed."""
