"""The durable, gap-free feed of account changes."""
