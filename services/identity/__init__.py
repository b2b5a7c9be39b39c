"""The Identity service: accounts, passwords, access tokens and the feed of account changes.

Only this service has the secret with which access tokens are signed.
"""
