"""Hostile input made from the protos: every RPC, over gRPC and REST, with whatever its fields can hold and more."""
