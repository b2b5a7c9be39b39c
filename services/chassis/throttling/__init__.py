"""Limits how often something may be tried, exactly and over all replicas, in the service's own database."""
