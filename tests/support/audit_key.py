"""The AUDIT_KEY of the audit logs that tests write without a running service."""

AUDIT_KEY = b"k" * 32
