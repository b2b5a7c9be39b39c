"""Benchmarks: what the product does, each time beside the ceiling that the same machine allows in the same run."""
