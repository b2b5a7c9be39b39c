"""Hostile input: calls of every RPC, made from the protos, and runs of every command, made from the application."""
