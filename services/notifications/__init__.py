"""The Notifications service: tells accounts what happens to them, in lists and through channels of their own."""
