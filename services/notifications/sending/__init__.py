"""Sends one message to one receiver: by webhook, by a service that Apprise knows, or by e-mail."""
