"""Events that a service publishes at Notifications: stored with the change that makes them true, then published."""
