"""Logins by QR code: a state machine in PostgreSQL that any replica polls WeChat for, and that any one watches."""
