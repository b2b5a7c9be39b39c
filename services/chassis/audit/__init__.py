"""The audit log of a service: append-only, each entry with a MAC, and chained by keyed digests."""
