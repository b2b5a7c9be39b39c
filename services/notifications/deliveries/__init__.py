"""Deliveries: notifications on their way through channels, attempted until they succeed or are too old."""
