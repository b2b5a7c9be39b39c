"""The gateway: an Envoy configuration, built from the protos' descriptor set and the environment."""

# A test holds it equal to pyproject.toml's: the container image has no installed distribution to read it from.
VERSION = "0.1.0"
