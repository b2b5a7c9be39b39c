"""The gateway: one Envoy configuration, made from the protos' descriptor set and the environment."""

# A test holds it equal to pyproject.toml's; the container image has no installed distribution to ask.
VERSION = "0.1.0"
