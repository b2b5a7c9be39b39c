"""The audit log of a service: append-only, and chained by digests so that a change or a gap is noticed."""
