"""The client of Identity: principals, and the account feed."""
