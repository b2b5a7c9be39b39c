"""The commands of the operations guide, `docs/operations`, run page by page."""
