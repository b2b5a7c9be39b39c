"""The cookies that logins yield: saved, listed, chosen, handed out to internal programs, and gone in time.

The rules take an open connection and plain values. Whatever changes which cookies an owner has, or which is the
current one, holds the owner's lock (owners.py).
"""
