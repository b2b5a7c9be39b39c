"""Logins by QR code: a state machine in PostgreSQL, which any replica can advance and any client can watch."""
