"""Notifications as their owners read them: published once an event, withdrawn, listed, marked as read."""
