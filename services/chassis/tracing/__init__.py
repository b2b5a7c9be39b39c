"""Traces of calls, exported by OTLP if a collector is set."""
