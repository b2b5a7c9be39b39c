"""The gateway: one Envoy configuration, made from the protos' descriptor set and the environment."""
