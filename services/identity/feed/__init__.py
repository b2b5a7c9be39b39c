"""The durable feed of account changes, without gaps."""
