"""The gRPC server that every service runs, and who may call it."""
