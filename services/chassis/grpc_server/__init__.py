"""The gRPC server of a service, and its access rules."""
