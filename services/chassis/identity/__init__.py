"""The client of Identity: authentication, principals, and the account feed."""
