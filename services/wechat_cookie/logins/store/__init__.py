"""Logins and their events in PostgreSQL."""
