"""Identity's RPCs: protobuf into calls, results into protobuf."""
