"""Counts by kind and day that triggers maintain, so that an overview is cheap at a million rows."""
