"""The client package against real servers of the chassis that answer as a test says."""
