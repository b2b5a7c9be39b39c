"""Builders of Envoy's configuration, one for each part of it."""
