"""Rate limits that are exact over all replicas, in the service's database."""
