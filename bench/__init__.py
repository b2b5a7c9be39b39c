"""Benchmarks of the product, each compared with a ceiling measured on the same machine in the same run."""
