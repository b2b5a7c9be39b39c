"""Accounts, passwords, access tokens and the feed of account changes. The only holder of the token secret."""
