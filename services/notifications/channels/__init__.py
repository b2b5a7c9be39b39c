"""The channels of accounts: where their notifications are sent, which of them, and in which language."""
